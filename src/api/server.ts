/** The HTTP server: connections from any number of listeners, routes from a table. */
import type { Server, Socket } from 'node:net';
import type { Engine } from '../engine/contract.ts';
import type { ApiRequest, ClientProcess, Route } from './contract.ts';
import { Exchange, type ExchangeContext } from './exchange.ts';
import { Connection, type ConnectionOwner, type Handling, type Limits } from './http/connection.ts';
import type { RequestHead } from './http/head.ts';
import { Heads } from './http/reply.ts';
import type { RequestBody } from './http/request-body.ts';
import { MAX_VERSION, Router, takeVersion } from './router.ts';

export interface ServeOptions {
  /** As `0.1.0`; what the `Server` header says. */
  readonly version: string;
  /** Faults: what no client can be blamed for. */
  readonly log?: (message: string) => void;
  readonly limits?: Partial<Limits>;
  /** Whether a client that has closed its half of a connection has in fact gone. Without it that is not known. */
  readonly hasGone?: (socket: Socket) => boolean;
  /** Which process a connection comes from. Without it that is not known. */
  readonly clientOf?: (socket: Socket) => ClientProcess | undefined;
}

export interface ApiServer {
  /** Serves what connects to `listener`, too: to be called before that listens, or who is quick is not heard. */
  serve(listener: Server): void;
  /** A connection from elsewhere. */
  accept(socket: Socket): void;
  /** Takes no new connections, lets requests end, and after `graceMs` milliseconds (5,000) ends what is left. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

const LIMITS: Limits = { headBytes: 256 * 1024, headMs: 30_000, idleMs: 600_000, lingerMs: 5_000 };

/** Serves what connects to `listeners`, which must have been made with `allowHalfOpen`: a client may close its standard input. */
export function serve(listeners: readonly Server[], routes: readonly Route[], engine: Engine, options: ServeOptions): ApiServer {
  const server = new ConnectionServer(routes, engine, options);
  for (const listener of listeners) server.serve(listener);
  return server;
}

class ConnectionServer implements ConnectionOwner, ApiServer {
  readonly limits: Limits;
  closing = false;
  readonly #router: Router;
  readonly #context: ExchangeContext;
  readonly #connections = new Set<Connection>();
  readonly #sweeper: NodeJS.Timeout;
  readonly #hasGone: (socket: Socket) => boolean;
  readonly #listeners: Server[] = [];
  #empty: (() => void) | undefined;

  constructor(routes: readonly Route[], engine: Engine, options: ServeOptions) {
    this.limits = { ...LIMITS, ...options.limits };
    this.#router = new Router(routes);
    this.#hasGone = options.hasGone ?? (() => false);
    this.#context = {
      engine,
      heads: new Heads(`kobako/${options.version} (linux)`),
      log: options.log ?? console.error,
      clientOf: options.clientOf ?? (() => undefined),
    };
    const shortest = Math.min(this.limits.headMs, this.limits.idleMs, this.limits.lingerMs);
    this.#sweeper = setInterval(() => this.#sweep(), Math.min(5_000, Math.max(20, shortest / 4))).unref();
  }

  serve(listener: Server): void {
    this.#listeners.push(listener);
    // a TLS server gives its connections when they are secure
    listener.on(isTls(listener) ? 'secureConnection' : 'connection', (socket: Socket) => this.accept(socket));
  }

  accept(socket: Socket): void {
    socket.allowHalfOpen = true;
    this.#connections.add(new Connection(socket, this));
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#empty?.();
  }

  handling(connection: Connection, head: RequestHead, body: RequestBody): Handling {
    const found = this.#find(head);
    const { version, path, params, route } = { version: MAX_VERSION, path: head.path, params: {}, ...found };
    return new Exchange(this.#context, connection, head, body, { version, path, params, route });
  }

  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.closing = true;
    for (const listener of this.#listeners) listener.close();
    for (const connection of this.#connections) if (connection.idle) connection.close();
    if (this.#connections.size > 0) {
      const timer = setTimeout(() => {
        for (const connection of this.#connections) connection.socket.destroy();
      }, options.graceMs ?? 5_000);
      await new Promise<void>((resolve) => {
        this.#empty = resolve;
      });
      clearTimeout(timer);
    }
    clearInterval(this.#sweeper);
  }

  #find(head: RequestHead): { readonly route: Route; readonly params?: Readonly<Record<string, string>>; readonly version?: number; readonly path?: string } {
    if (head.method === 'OPTIONS') return { route: answering((request) => request.end(200)) };
    const clean = cleanPath(head.path);
    if (clean !== head.path) return { route: redirectTo(head.search === '' ? clean : `${clean}?${head.search}`) };
    const versioned = takeVersion(head.path);
    if ('refused' in versioned) return { route: refusing(versioned.refused, versioned.tooOld) };
    let match;
    try {
      match = this.#router.find(head.method, versioned.path);
    } catch (error) {
      return { route: answering(() => Promise.reject(error)) };
    }
    return { route: NOT_FOUND, ...versioned, ...match };
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#connections) {
      if (connection.deadline < now) connection.expire();
      else if (connection.deaf && this.#hasGone(connection.socket)) connection.socket.destroy();
    }
  }
}

function isTls(listener: Server): boolean {
  return 'setSecureContext' in listener;
}

function answering(handler: (request: ApiRequest) => void | Promise<void>): Route {
  return { method: 'GET', path: '/', handler };
}

const NOT_FOUND = answering((request) => request.send({ message: 'page not found' }, 404));

/** As dockerd: clients older than errors as JSON get text. */
function refusing(message: string, asText: boolean): Route {
  return answering((request) => {
    if (!asText) return request.send({ message }, 400);
    const answer = request.stream({ status: 400, type: 'text/plain; charset=utf-8' });
    return answer.write(`${message}\n`);
  });
}

function redirectTo(location: string): Route {
  return answering((request) => request.end(301, { Location: location }));
}

/** As Go's: no empty parts, no `.` and `..`. */
function cleanPath(path: string): string {
  if (!path.includes('//') && !path.includes('/.')) return path;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}${path.endsWith('/') && parts.length > 0 ? '/' : ''}`;
}
