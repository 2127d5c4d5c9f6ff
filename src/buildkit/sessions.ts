/** The sessions of clients: connections on which a client serves what only it has, for its builds. */
import type { Duplex } from 'node:stream';
import { EngineError, invalid } from '../base/errors.ts';
import { GrpcClient } from './grpc-client.ts';
import { methodsOf, type Message, type Method } from './messages.ts';

const UUID = 'x-docker-expose-session-uuid';
const SHARED_KEY = 'x-docker-expose-session-sharedkey';
const METHODS = 'x-docker-expose-session-grpc-method';
/** A build may name a session that is still on its way. Milliseconds. */
const PATIENCE_MS = 5_000;
const MAX_ID = 256;

export class Session {
  readonly id: string;
  /** Of contexts that are the same from one build to the next: a folder's name and the client's mark. */
  readonly sharedKey: string;
  readonly client: GrpcClient;
  readonly #offered: ReadonlySet<string>;

  constructor(id: string, sharedKey: string, offered: readonly string[], socket: Duplex) {
    this.id = id;
    this.sharedKey = sharedKey;
    this.#offered = new Set(offered.map((each) => each.toLowerCase()));
    this.client = new GrpcClient(socket);
  }

  /** The method of a service; throws `unavailable` where the client does not serve it. */
  method(service: string, name: string): Method {
    const found = this.offered(service, name);
    if (found === undefined) throw new EngineError('unavailable', `the client's session does not offer ${service}/${name}`);
    return found;
  }

  offered(service: string, name: string): Method | undefined {
    return this.#offered.has(`/${service}/${name}`.toLowerCase()) ? methodsOf(service)[name] : undefined;
  }

  /** Throws GrpcError. */
  async call(method: Method, message: object, signal?: AbortSignal): Promise<Message> {
    return method.response.decode(await this.client.unary(method.path, method.request.encode(message), { signal }));
  }
}

export class Sessions {
  readonly #open = new Map<string, Session>();
  readonly #waiting = new Map<string, Set<(session: Session) => void>>();

  /** Takes a connection over, for as long as it lasts. Throws `invalid` without an id, `conflict` for one that is in use. */
  add(headers: Readonly<Record<string, string | undefined>>, socket: () => Duplex): Session {
    const id = headers[UUID] ?? '';
    if (!/^[\w.-]+$/.test(id) || id.length > MAX_ID) throw invalid('a session needs an id');
    if (this.#open.has(id)) throw new EngineError('conflict', `session ${id} already exists`);
    const offered = (headers[METHODS] ?? '').split(',').map((each) => each.trim());
    const session = new Session(id, headers[SHARED_KEY] ?? '', offered, socket());
    this.#open.set(id, session);
    session.client.closed.addEventListener('abort', () => this.#open.delete(id), { once: true });
    for (const take of this.#waiting.get(id) ?? []) take(session);
    this.#waiting.delete(id);
    return session;
  }

  /** The session with this id; waits a moment for one that is not there yet. Throws `not-found`. */
  get(id: string, signal?: AbortSignal): Promise<Session> {
    const open = this.#open.get(id);
    if (open !== undefined) return Promise.resolve(open);
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiting);
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', aborted);
        waiting.delete(take);
        if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id);
      };
      const take = (session: Session): void => {
        done();
        resolve(session);
      };
      const aborted = (): void => {
        done();
        reject(signal!.reason as Error);
      };
      const timer = setTimeout(() => {
        done();
        reject(new EngineError('not-found', `no active session for ${id}: context deadline exceeded`));
      }, PATIENCE_MS);
      waiting.add(take);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  close(): void {
    for (const session of this.#open.values()) session.client.close();
  }
}
