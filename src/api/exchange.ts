/** One request and its answer: what a route's handler holds. */
import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { EngineError } from '../base/errors.ts';
import type { Engine } from '../engine/contract.ts';
import { AnswerStream, clientGone, type Form } from './answer-stream.ts';
import type { ApiRequest, ApiVersion, ClientProcess, Query, ResponseStream, Route } from './contract.ts';
import { errorBody, faultText, statusOf } from './errors.ts';
import type { Connection, Handling } from './http/connection.ts';
import type { RequestHead } from './http/head.ts';
import { fieldLines, type Heads } from './http/reply.ts';
import type { RequestBody } from './http/request-body.ts';
import { checkJsonType, jsonText, MAX_DOCUMENT, parseJson } from './json.ts';
import { SearchQuery } from './query.ts';

/** What all exchanges of a server share. */
export interface ExchangeContext {
  readonly heads: Heads;
  readonly engine: Engine;
  readonly log: (message: string) => void;
  readonly clientOf: (socket: Socket) => ClientProcess | undefined;
}

export interface Matched {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
  readonly version: ApiVersion;
  readonly path: string;
}

const JSON_LINE = 'Content-Type: application/json\r\n';

type State = 'open' | 'streaming' | 'done' | 'hijacked';

export class Exchange implements ApiRequest, Handling {
  readonly method: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly version: ApiVersion;
  readonly query: Query;
  readonly #context: ExchangeContext;
  readonly #connection: Connection;
  readonly #head: RequestHead;
  readonly #body: RequestBody;
  readonly #route: Route;
  #state: State = 'open';
  #stream: AnswerStream | undefined;
  #abort: AbortController | undefined;
  #gone = false;

  constructor(context: ExchangeContext, connection: Connection, head: RequestHead, body: RequestBody, matched: Matched) {
    this.#context = context;
    this.#connection = connection;
    this.#head = head;
    this.#body = body;
    this.#route = matched.route;
    this.method = head.method;
    this.path = matched.path;
    this.params = matched.params;
    this.headers = head.headers;
    this.version = matched.version;
    this.query = new SearchQuery(head.search);
  }

  get hijackable(): boolean {
    return this.#route.hijack === true && this.#state === 'open';
  }

  client(): ClientProcess | undefined {
    return this.#context.clientOf(this.#connection.socket);
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#gone) this.#abort.abort(clientGone());
    }
    return this.#abort.signal;
  }

  get body(): Readable {
    return this.#body.stream();
  }

  async json(): Promise<unknown> {
    const empty = this.#head.framing.kind === 'none';
    checkJsonType(this.headers['content-type'], empty);
    return empty ? undefined : parseJson((await this.#body.collect(MAX_DOCUMENT)).toString());
  }

  send(value: unknown, status = 200): void {
    this.#answer(status, JSON_LINE, `${jsonText(value)}\n`);
  }

  end(status = 204, headers: Readonly<Record<string, string>> = {}): void {
    this.#answer(status, fieldLines(headers), '');
  }

  stream(options: { readonly status?: number; readonly type: string; readonly headers?: Readonly<Record<string, string>> }): ResponseStream {
    const status = options.status ?? 200;
    const length = Object.entries(options.headers ?? {}).find(([name]) => name.toLowerCase() === 'content-length')?.[1];
    const form = this.#formOf(status, length !== undefined);
    const lines = fieldLines({ 'Content-Type': options.type, ...options.headers }) + (form === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : '');
    const keepAlive = this.#head.keepAlive && form !== 'plain';
    const head = this.#context.heads.head(status, lines + this.#connectionLine(keepAlive));
    this.#claim('streaming');
    this.#stream = new AnswerStream(this.#connection, head, form, form === 'length' ? Number(length) : 0, (error) => this.#streamEnded(keepAlive, error));
    if (this.#gone) this.#stream.gone();
    return this.#stream;
  }

  hijack(options: { readonly type?: string; readonly bare?: boolean } = {}): Duplex {
    if (this.#route.hijack !== true) throw new EngineError('internal', `${this.#route.method} ${this.#route.path} is not a route that hijacks`);
    if (!this.#body.ended) throw new EngineError('internal', 'the body must be read before the connection is taken');
    const head = options.bare === true ? '' : this.#context.heads.hijackHead(options.type, this.headers['upgrade']);
    this.#claim('hijacked');
    const socket = this.#connection.detach();
    if (head !== '') socket.write(head);
    return socket;
  }

  run(): void {
    let result: Promise<void> | void;
    try {
      result = this.#route.handler(this, this.#context.engine);
    } catch (error) {
      return this.#failed(error);
    }
    if (result === undefined) this.#returned();
    else result.then(() => this.#returned()).catch((error: unknown) => this.#failed(error));
  }

  gone(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#abort?.abort(clientGone());
    this.#stream?.gone();
  }

  /** The handler is through: with it ends its answer. */
  #returned(): void {
    if (this.#state === 'streaming') this.#stream!.end();
    else if (this.#state === 'open') this.#failed(new EngineError('internal', `${this.#route.method} ${this.#route.path} gave no answer`));
  }

  #failed(error: unknown): void {
    if (this.#state === 'streaming') return this.#stream!.fail(error);
    if (this.#state === 'open') {
      this.#logFault(error);
      this.#answer(statusOf(error), JSON_LINE, `${jsonText(errorBody(error))}\n`);
      return;
    }
    // nobody can be told any more
    if (!this.#gone) this.#context.log(`${this.method} ${this.path}, after its answer: ${faultText(error) ?? errorBody(error).message}`);
    if (this.#state === 'hijacked') this.#connection.socket.destroy();
  }

  #logFault(error: unknown): void {
    const fault = this.#gone ? undefined : faultText(error);
    if (fault !== undefined) this.#context.log(`${this.method} ${this.path}: ${fault}`);
  }

  #streamEnded(keepAlive: boolean, error: unknown): void {
    this.#state = 'done';
    if (error === undefined) return this.#connection.finish(keepAlive);
    this.#logFault(error);
    this.#connection.close();
  }

  #claim(state: State): void {
    if (this.#state !== 'open') throw new EngineError('internal', `${this.#route.method} ${this.#route.path} answers a second time`);
    this.#state = state;
  }

  /** `lines` are the answer's own header lines. */
  #answer(status: number, lines: string, body: string): void {
    this.#claim('done');
    const withBody = mayHaveBody(this.method, status);
    const length = status === 204 || status === 304 ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
    const fields = `${lines}${length}${this.#connectionLine(this.#head.keepAlive)}`;
    this.#connection.write(this.#context.heads.head(status, fields) + (withBody ? body : ''));
    this.#connection.finish(this.#head.keepAlive);
  }

  #formOf(status: number, lengthKnown: boolean): Form {
    if (!mayHaveBody(this.method, status)) return 'none';
    if (lengthKnown) return 'length';
    return this.#head.minor === 0 ? 'plain' : 'chunked';
  }

  #connectionLine(keepAlive: boolean): string {
    if (!keepAlive) return 'Connection: close\r\n';
    return this.#head.minor === 0 ? 'Connection: keep-alive\r\n' : '';
  }
}

function mayHaveBody(method: string, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304;
}
