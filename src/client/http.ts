/** HTTP to a daemon with Docker's API, over a Unix socket or TCP: documents, streams, and connections taken over. */
import { Agent, request as plainRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { EngineError, invalid } from '../base/errors.ts';
import { parseAddress, type Address } from './address.ts';
import { dial, type DialOptions } from './dial.ts';
import { answerError, connectionError } from './http-error.ts';
import { jsonDocuments } from './json-documents.ts';
import { sendBody } from './send-body.ts';

/** The newest version of the API that is spoken here. */
const API_VERSION = '1.51';
/** Milliseconds after which an idle connection is given up. */
const IDLE = 30_000;

export interface HttpOptions extends DialOptions {
  /** `1.47`; else the newest that both sides know, which the first request finds out. */
  readonly version?: string | undefined;
  /** Ends everything that is under way. */
  readonly signal?: AbortSignal | undefined;
}

type QueryValue = string | number | boolean | undefined | readonly string[] | object;

export interface HttpCall {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Below the version, from `path`. */
  readonly path: string;
  /** Booleans go as 1 and 0, a list as the same key again and again, other objects as JSON; undefined is left out. */
  readonly query?: Readonly<Record<string, QueryValue>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, as JSON. */
  readonly json?: unknown;
  /** The body as it is. A stream may go on while the answer comes. */
  readonly body?: { readonly type: string; readonly bytes: Uint8Array | AsyncIterable<Uint8Array> };
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Must be read to its end, broken off (`break`), or discarded: it holds a connection. Throws EngineError. */
  readonly body: AsyncIterable<Buffer>;
  discard(): void;
  /** Its connection keeps this program alive no more. */
  unref(): void;
}

/** A path of parts from outside: `` path`/images/${name}/json` ``. Slashes stay (image names have them). Throws `invalid`. */
export function path(parts: TemplateStringsArray, ...values: readonly string[]): string {
  return parts.map((part, index) => part + (index < values.length ? segments(values[index]!) : '')).join('');
}

function segments(value: string): string {
  const parts = value.split('/');
  // a server would resolve them
  if (parts.some((part) => ['', '.', '..'].includes(part))) throw invalid(`invalid reference format: ${JSON.stringify(value)}`);
  return parts.map((part) => encodeURIComponent(part).replaceAll('%3A', ':').replaceAll('%40', '@')).join('/');
}

/** Every method throws EngineError: what the daemon says, by its status; `unavailable` and `denied` where it cannot be reached; `cancelled`. */
export class HttpClient implements Disposable {
  readonly address: Address;
  readonly #tls: DialOptions['tls'];
  readonly #agent: Agent;
  /** Of a request that shares no connection. */
  readonly #alone: Pick<RequestOptions, 'agent' | 'createConnection'> = { agent: false };
  readonly #signal: AbortSignal | undefined;
  #version: Promise<string> | undefined;

  /** Nothing is sent yet. Throws `invalid` for an address that is none. */
  constructor(url: string, options: HttpOptions = {}) {
    this.address = parseAddress(url, options.tls !== undefined);
    this.#tls = options.tls;
    this.#signal = options.signal;
    const settings = { keepAlive: true, timeout: IDLE };
    this.#agent = this.address.tls ? new TlsAgent({ ...settings, ...options.tls }) : new Agent(settings);
    if (options.version !== undefined) this.#version = Promise.resolve(options.version);
    if (this.address.ssh === undefined) return;
    const createConnection = () => dial(this.address, options);
    this.#agent.createConnection = createConnection;
    this.#alone = { createConnection };
  }

  /** The version of the API that is spoken with this daemon. */
  version(): Promise<string> {
    if (this.#version === undefined) {
      const found = this.#negotiate();
      this.#version = found;
      found.catch(() => (this.#version = undefined));
    }
    return this.#version;
  }

  /** Resolves with the answer's head, when that is no error. */
  async send(call: HttpCall): Promise<HttpAnswer> {
    return this.#answer(this.#ended(call), `/v${await this.version()}${call.path}`);
  }

  /** The answer as JSON; undefined for an empty one. */
  async json<T>(call: HttpCall): Promise<T> {
    return this.read(await this.send(call));
  }

  /** The rest of an answer as JSON; undefined for an empty one. */
  async read<T>(answer: HttpAnswer): Promise<T> {
    const text = await textOf(answer);
    try {
      return (text.trim() === '' ? undefined : JSON.parse(text)) as T;
    } catch (error) {
      throw new EngineError('unavailable', 'the daemon answers with what is no JSON', { cause: error });
    }
  }

  /** For answers of which only the status counts. */
  async status(call: HttpCall): Promise<number> {
    const answer = await this.send(call);
    await textOf(answer);
    return answer.status;
  }

  /** The answer as JSON documents one after another, each when it has come. */
  async *documents(call: HttpCall): AsyncGenerator<unknown, void, undefined> {
    yield* jsonDocuments((await this.send(call)).body);
  }

  /**
   * Takes the connection over (attach, exec start). What it gives is open in both directions; `end` closes one. The type
   * tells whether output is multiplexed.
   */
  async hijack(given: HttpCall): Promise<{ readonly stream: Duplex; readonly type: string | undefined }> {
    const call = this.#ended(given);
    const target = `/v${await this.version()}${call.path}`;
    const headers = { ...call.headers, connection: 'Upgrade', upgrade: 'tcp' };
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => reject(connectionError(error, this.address, call.signal));
      const request = this.#request({ ...call, headers }, target, false);
      request.once('error', fail);
      request.once('upgrade', (response: IncomingMessage, socket: Duplex, head: Buffer) => {
        if (head.length > 0) socket.unshift(head);
        resolve({ stream: socket, type: response.headers['content-type'] });
      });
      request.once('response', (response: IncomingMessage) => {
        const { statusCode: status = 0 } = response;
        if (status < 400) {
          request.destroy();
          return reject(new EngineError('unavailable', `unable to upgrade to tcp, received ${status}`));
        }
        textOf(this.#answerOf(response, call, () => undefined)).then((text) => reject(this.#refusal(status, text)), fail);
      });
      sendBody(request, call).catch(fail);
    });
  }

  /** Ends idle connections; what is under way goes on. */
  close(): void {
    this.#agent.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #ended(call: HttpCall): HttpCall {
    if (this.#signal === undefined) return call;
    return { ...call, signal: call.signal === undefined ? this.#signal : AbortSignal.any([call.signal, this.#signal]) };
  }

  async #negotiate(): Promise<string> {
    const answer = await this.#answer(this.#ended({ method: 'GET', path: '/_ping' }), '/_ping');
    await textOf(answer);
    const theirs = String(answer.headers['api-version'] ?? '');
    if (!/^\d+\.\d+$/.test(theirs)) return API_VERSION;
    return compare(theirs, API_VERSION) < 0 ? theirs : API_VERSION;
  }

  async #answer(call: HttpCall, target: string): Promise<HttpAnswer> {
    // a connection that idled may be closed just now: what may be sent twice is, and nothing else goes that way
    const repeatable = call.method === 'GET' || call.method === 'HEAD';
    const answer = await this.#exchange(call, target, repeatable).catch((error: unknown) => {
      if (repeatable && error instanceof StaleConnection) return this.#exchange(call, target, false);
      throw error;
    });
    if (answer.status < 400) return answer;
    throw this.#refusal(answer.status, await textOf(answer));
  }

  #refusal(status: number, text: string): EngineError {
    // not the daemon's word: the way to it is not there
    if (status === 502 && this.address.ssh !== undefined) return connectionError(new Error(text.trim()), this.address, undefined);
    return answerError(status, text);
  }

  #exchange(call: HttpCall, target: string, pooled: boolean): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const request = this.#request(call, target, pooled);
      let failure: EngineError | undefined;
      const fail = (error: unknown) => {
        failure ??= connectionError(error, this.address, call.signal);
        const { code } = error as NodeJS.ErrnoException;
        const stale = request.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE') && !call.signal?.aborted;
        reject(stale ? new StaleConnection('unavailable', failure.message, { cause: error }) : failure);
      };
      request.on('error', fail);
      request.once('response', (response) => resolve(this.#answerOf(response, call, () => failure)));
      sendBody(request, call).catch((error: unknown) => {
        fail(error);
        request.destroy();
      });
    });
  }

  #request(call: HttpCall, target: string, pooled: boolean): ClientRequest {
    const { socketPath, host, port, tls, ssh } = this.address;
    const options: RequestOptions = {
      method: call.method,
      path: target + queryText(call.query ?? {}),
      headers: { host: host ?? 'localhost', 'user-agent': 'kobako', ...call.headers },
      ...(pooled ? { agent: this.#agent } : this.#alone),
      ...(ssh !== undefined ? {} : socketPath === undefined ? { host, port } : { socketPath }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    };
    return tls ? tlsRequest({ ...options, ...this.#tls }) : plainRequest(options);
  }

  #answerOf(response: IncomingMessage, call: HttpCall, sendFailure: () => EngineError | undefined): HttpAnswer {
    const { address } = this;
    const body = async function* () {
      try {
        yield* response as AsyncIterable<Buffer>;
      } catch (error) {
        throw sendFailure() ?? connectionError(error, address, call.signal);
      }
    };
    // somebody who does not read at once must not be killed by an error without a listener
    response.on('error', () => {});
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: body(),
      discard: () => response.destroy(),
      unref: () => response.socket.unref(),
    };
  }
}

/** A kept connection that the daemon had closed. */
class StaleConnection extends EngineError {}

async function textOf({ body }: HttpAnswer): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function compare(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA - majorB || minorA - minorB;
}

function queryText(query: NonNullable<HttpCall['query']>): string {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (Array.isArray(value)) for (const one of value as readonly string[]) out.append(key, one);
    else if (typeof value === 'boolean') out.append(key, value ? '1' : '0');
    else if (typeof value === 'object') out.append(key, JSON.stringify(value));
    else if (value !== undefined) out.append(key, String(value));
  }
  const text = out.toString();
  return text === '' ? '' : `?${text}`;
}
