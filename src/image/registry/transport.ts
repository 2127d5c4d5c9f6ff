/** One HTTP request at a time over kept connections: TLS, proxies, time limits, back-pressure. Knows nothing of registries. */
import { Agent as HttpAgent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { EngineError } from '../../base/errors.ts';
import { networkError, NetworkError, timeoutError, UNKNOWN_AUTHORITY } from './network-error.ts';
import { type Environment, proxyAuthorization, proxyFor } from './proxy.ts';
import { ResponseBody } from './response-body.ts';
import { isSocks } from './socks.ts';
import { certificatesStamp, readCertificates, systemAuthorities } from './trust.ts';
import { tunnel } from './tunnel.ts';

export interface Timeouts {
  readonly connect: number;
  readonly headers: number;
  readonly idle: number;
  readonly small: number;
}

export interface TransportOptions {
  /** Docker's certs.d, for registries. */
  readonly certsDir: string | undefined;
  readonly env: Environment;
  readonly userAgent: string;
  readonly timeouts: Timeouts;
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent with a Content-Length; `chunks` must give exactly `size` bytes. */
  readonly body?: { readonly size: number; readonly chunks: () => AsyncIterable<Uint8Array> };
  /** Take any certificate. */
  readonly unverified?: boolean;
  /** A host whose certs.d folder counts for this one too: the registry that sent us here. */
  readonly trustOf?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly url: URL;
  readonly body: ResponseBody;
}

export function cancelled(signal?: AbortSignal): EngineError {
  return new EngineError('cancelled', 'context canceled', { cause: signal?.reason });
}

/** For work that several wait for: one who gives up does not end it for the others. */
export function unlessCancelled<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(cancelled(signal));
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Of so many hosts connections are kept. Who sends us from one host to the next could else make us keep them all. */
const MOST_AGENTS = 64;

export class Transport {
  readonly #options: TransportOptions;
  readonly #agents = new Map<string, Promise<HttpAgent>>();
  #system: Promise<string> | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  get timeouts(): Timeouts {
    return this.#options.timeouts;
  }

  /** Throws `NetworkError`, or `cancelled`. Every status is an answer. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const system = this.#system;
    try {
      return await this.#once(request);
    } catch (error) {
      if (error instanceof NetworkError && error.detail!.stale === true) return this.#once(request);
      const unknown = error instanceof NetworkError && UNKNOWN_AUTHORITY.has(error.detail!.code);
      if (!unknown || system !== undefined) throw error;
      // Node's own authorities do not know it; reading the system's takes a while, so it is done when it must be
      if (this.#system === undefined) {
        this.#system = systemAuthorities(this.#options.env);
        this.#agents.clear();
      }
      return this.#once(request);
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) void agent.then((made) => made.destroy()).catch(() => {});
    this.#agents.clear();
  }

  async #once(request: HttpRequest): Promise<HttpResponse> {
    const { url, signal } = request;
    if (signal?.aborted) throw cancelled(signal);
    const proxy = proxyFor(url, this.#options.env);
    const secure = url.protocol === 'https:';
    const agent = await this.#agent(request, proxy);
    if (signal?.aborted) throw cancelled(signal);
    const headers: Record<string, string> = { 'user-agent': this.#options.userAgent, 'accept-encoding': 'identity', ...request.headers };
    if (request.body !== undefined) headers['content-length'] = String(request.body.size);
    else if (request.method !== 'GET' && request.method !== 'HEAD') headers['content-length'] = '0';
    const common = { method: request.method, agent, maxHeaderSize: 64 << 10 };
    if (proxy !== undefined && !secure && !isSocks(proxy)) {
      const authorization = proxyAuthorization(proxy);
      if (authorization !== undefined) headers['proxy-authorization'] = authorization;
      headers['host'] = url.host;
      const target = { host: proxy.hostname.replace(/^\[|\]$/g, ''), port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80), path: url.href };
      return this.#exchange(request, (proxy.protocol === 'https:' ? httpsRequest : httpRequest)({ ...common, ...target, headers }));
    }
    const target = { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port || (secure ? 443 : 80), path: url.pathname + url.search };
    return this.#exchange(request, (secure ? httpsRequest : httpRequest)({ ...common, ...target, headers }));
  }

  #exchange(request: HttpRequest, sent: ClientRequest): Promise<HttpResponse> {
    const { method, url, signal } = request;
    const { timeouts } = this.#options;
    return new Promise((resolve, reject) => {
      const clock = new Clock((what, ms) => sent.destroy(timeoutError(method, url, what, ms)));
      const abort = () => sent.destroy(cancelled(signal));
      const done = () => {
        clock.stop();
        signal?.removeEventListener('abort', abort);
      };
      signal?.addEventListener('abort', abort, { once: true });
      clock.start('no connection', timeouts.connect);
      sent.once('error', (error) => {
        done();
        reject(error instanceof EngineError ? error : networkError(method, url, error, sent.reusedSocket && request.body === undefined));
      });
      sent.once('response', (response: IncomingMessage) => {
        done();
        // answered before it was all sent: the connection is good for nothing more
        if (!sent.writableEnded) response.once('end', () => sent.destroy());
        const body = new ResponseBody(response, { method, url, idle: timeouts.idle, signal });
        resolve({ status: response.statusCode ?? 0, headers: response.headers, url, body });
      });
      // what an intermediary or a hostile server may answer with besides
      sent.once('upgrade', (_response, socket: Socket) => {
        socket.destroy();
        done();
        // Node has let go of the request: to destroy it would tell nobody
        reject(new NetworkError(`${method} "${url.host}": the server changes the protocol`, { code: 'UPGRADE', passing: false }));
      });
      const send = () => {
        if (request.body === undefined) {
          sent.end();
          clock.start('no answer', timeouts.headers);
          return;
        }
        writeBody(sent, request.body, clock, timeouts).catch((error: Error) => sent.destroy(error));
      };
      sent.once('socket', (socket: Socket) => {
        const event = url.protocol === 'https:' && 'encrypted' in socket ? 'secureConnect' : 'connect';
        if (sent.reusedSocket || !(socket.connecting || (socket as { secureConnecting?: boolean }).secureConnecting)) send();
        else socket.once(event, send);
      });
    });
  }

  async #agent(request: HttpRequest, proxy: URL | undefined): Promise<HttpAgent> {
    const { url, trustOf } = request;
    const { certsDir } = this.#options;
    // certificates that were put there meanwhile count at once
    const stamps = url.protocol === 'https:' ? await Promise.all([url.host, trustOf ?? url.host].map((host) => certificatesStamp(certsDir, host))) : [];
    const key = [url.protocol, url.host, request.unverified === true, trustOf ?? '', proxy?.href ?? '', ...stamps].join(' ');
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      agent = this.#makeAgent(request, proxy);
      agent.catch(() => this.#agents.delete(key));
    }
    // the one that was used last is the last; what is in flight with one that is forgotten goes on
    this.#agents.delete(key);
    this.#agents.set(key, agent);
    if (this.#agents.size > MOST_AGENTS) this.#agents.delete(this.#agents.keys().next().value!);
    return agent;
  }

  async #makeAgent({ url, unverified, trustOf }: HttpRequest, proxy: URL | undefined): Promise<HttpAgent> {
    // the time limit is of connections that nobody uses: a server may leave them open for ever
    const keep = { keepAlive: true, maxSockets: 64, maxFreeSockets: 16, timeout: this.#options.timeouts.idle };
    if (url.protocol === 'http:' && proxy?.protocol !== 'https:') {
      const plain = new HttpAgent(keep);
      if (proxy !== undefined && isSocks(proxy)) tunnel(plain, proxy, this.#options.timeouts.connect);
      return plain;
    }
    const secureContext = url.protocol === 'https:' ? await this.#context(url.host, trustOf) : undefined;
    const settings = { ...keep, ALPNProtocols: ['http/1.1'], ...(secureContext === undefined ? {} : { secureContext }) };
    const agent = new HttpsAgent(url.protocol === 'https:' ? { ...settings, rejectUnauthorized: unverified !== true } : settings);
    if (proxy !== undefined && url.protocol === 'https:') tunnel(agent, proxy, this.#options.timeouts.connect);
    return agent;
  }

  async #context(host: string, trustOf: string | undefined): Promise<SecureContext | undefined> {
    const own = await readCertificates(this.#options.certsDir, host);
    const other = trustOf === undefined || trustOf === host ? undefined : await readCertificates(this.#options.certsDir, trustOf);
    const ca = [...own.ca, ...(other?.ca ?? [])];
    const system = this.#system === undefined ? '' : await this.#system;
    if (ca.length === 0 && own.clients.length === 0 && system === '') return undefined;
    try {
      return createSecureContext({
        ...(ca.length === 0 && system === '' ? {} : { ca: [...rootCertificates, ...(system === '' ? [] : [system]), ...ca] }),
        // a client's certificate is shown to its own host only
        ...(own.clients.length === 0 ? {} : { cert: own.clients.map((client) => client.cert), key: own.clients.map((client) => client.key) }),
      });
    } catch (cause) {
      throw new EngineError('invalid', `${this.#options.certsDir}/${host}: ${(cause as Error).message}`, { cause });
    }
  }
}

/** One timer, started anew for each thing that is waited for. */
class Clock {
  readonly #late: (what: string, ms: number) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(late: (what: string, ms: number) => void) {
    this.#late = late;
  }

  start(what: string, ms: number): void {
    this.stop();
    this.#timer = setTimeout(() => this.#late(what, ms), ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Writes as fast as the other side reads. Ends early when the request is over: answered, broken or cancelled. */
async function writeBody(sent: ClientRequest, body: NonNullable<HttpRequest['body']>, clock: Clock, timeouts: Timeouts): Promise<void> {
  let over = false;
  let wake: (() => void) | undefined;
  const end = () => {
    over = true;
    wake?.();
  };
  for (const event of ['response', 'close', 'error']) sent.once(event, end);
  sent.on('drain', () => wake?.());
  let left = body.size;
  for await (const chunk of body.chunks()) {
    if (over) return;
    left -= chunk.length;
    if (left < 0) throw new EngineError('invalid', `blob is longer than the ${body.size} bytes that were promised`);
    clock.start('nothing of the request taken', timeouts.idle);
    if (!sent.write(chunk)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (over || !sent.writableNeedDrain) resolve();
      });
      wake = undefined;
    }
    if (over) return;
    clock.stop(); // it is the reader's turn now
  }
  if (over) return;
  if (left > 0) throw new EngineError('invalid', `blob is shorter than the ${body.size} bytes that were promised`);
  sent.end();
  clock.start('no answer', timeouts.headers);
}
