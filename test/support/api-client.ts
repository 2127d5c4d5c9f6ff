/** A client of the HTTP door over a Unix socket. Every document that comes back is held against Docker's specification. */
import assert from 'node:assert/strict';
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { apiSpec, noApiSpec } from './api-spec.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
  /** The document; undefined when the answer is none. */
  // eslint-disable-next-line typescript/no-explicit-any -- tests look into it as they like
  readonly json: any;
}

export interface AskOptions {
  /** A document, or bytes of another type. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** False where the answer is meant to be other than Docker's. */
  readonly checked?: boolean;
}

export class ApiClient implements Disposable {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  get(path: string, options?: AskOptions): Promise<ApiAnswer> {
    return this.ask('GET', path, options);
  }

  post(path: string, body?: unknown, options?: AskOptions): Promise<ApiAnswer> {
    return this.ask('POST', path, { ...options, body });
  }

  delete(path: string, options?: AskOptions): Promise<ApiAnswer> {
    return this.ask('DELETE', path, options);
  }

  /** Asks and reads the whole answer. */
  async ask(method: string, path: string, options: AskOptions = {}): Promise<ApiAnswer> {
    const response = await this.stream(method, path, options);
    const got = await text(response);
    const status = response.statusCode!;
    // of a stream of documents, all of them
    const documents =
      /^application\/(?:json|x-ndjson|json-seq)/.test(response.headers['content-type'] ?? '') && got !== '' ? got.trimEnd().split('\n').map(parsed) : [];
    if (options.checked !== false) this.check(method, path, status, documents.length === 0 ? [undefined] : documents);
    return { status, headers: response.headers, text: got, json: documents[0] };
  }

  /** Asks and gives the answer as it comes; nothing is checked. Who destroys it closes the connection. */
  stream(method: string, path: string, options: AskOptions = {}): Promise<IncomingMessage> {
    const { body } = options;
    const isDocument = body !== undefined && !(body instanceof Uint8Array);
    const headers = { ...(isDocument ? { 'Content-Type': 'application/json' } : {}), ...options.headers };
    return new Promise((resolve, reject) => {
      const request = httpRequest({ socketPath: this.#socketPath, agent: this.#agent, method, path, headers }, resolve);
      request.once('error', reject);
      request.end(isDocument ? JSON.stringify(body) : body);
    });
  }

  /** Fails for what Docker would not answer. Without the specification at hand nothing is checked: see `noApiSpec`. */
  check(method: string, path: string, status: number, documents: readonly unknown[]): void {
    if (noApiSpec() !== undefined) return;
    const problems = documents.flatMap((document) => apiSpec().problems(method, path, status, document));
    assert.deepEqual(problems, []);
  }

  /**
   * Asks for a hijacked connection, as the docker command does. `socket` gives what follows the answer's head; for an
   * answer that is an error, the whole answer.
   */
  async hijack(
    path: string,
    options: { readonly body?: unknown; readonly upgrade?: boolean } = {},
  ): Promise<{ readonly status: number; readonly head: string; readonly socket: Socket }> {
    const socket = connect({ path: this.#socketPath, allowHalfOpen: true });
    const body = options.body === undefined ? '' : JSON.stringify(options.body);
    const upgrade = options.upgrade === false ? '' : 'Connection: Upgrade\r\nUpgrade: tcp\r\n';
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${upgrade}\r\n${body}`,
    );
    const head = await readHead(socket);
    const status = Number(head.split(' ')[1]);
    return { status, head, socket };
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

function parsed(line: string): unknown {
  return JSON.parse(line) as unknown;
}

/** Up to the empty line; what follows is put back. */
function readHead(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0);
    const onReadable = (): void => {
      for (let chunk: Buffer | null; (chunk = socket.read() as Buffer | null) !== null;) {
        got = Buffer.concat([got, chunk]);
        const end = got.indexOf('\r\n\r\n');
        if (end === -1) continue;
        socket.off('readable', onReadable).off('error', reject).off('end', onEnd);
        if (got.length > end + 4) socket.unshift(got.subarray(end + 4));
        return resolve(got.toString('latin1', 0, end));
      }
    };
    const onEnd = (): void => reject(new Error(`the connection ended within the head: ${got.toString('latin1')}`));
    socket.on('readable', onReadable).once('error', reject).once('end', onEnd);
  });
}
