/** The daemon's side of a build for a client elsewhere (`src/engine/types/remote-build.ts`): it asks, on the client's connection. */
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { agentSocket } from '../../base/agent-socket.ts';
import { bytesFromJson, bytesToJson } from '../../base/bytes-json.ts';
import { drained } from '../../base/drained.ts';
import { EngineError } from '../../base/errors.ts';
import { SharedReads } from '../../base/shared-reads.ts';
import type { SshSocket } from '../../engine/builds-contract.ts';
import type { Credentials } from '../../engine/images-contract.ts';
import { REMOTE_FAILURE, REMOTE_WINDOWS, type RemoteReport } from '../../engine/types/remote-build.ts';

/** Bytes of a short answer: BuildKit's bound for secrets. */
const MAX_ANSWER = 500 * 1024;
/** Bytes of a build's words that wait for a client that is slow. */
const MAX_WAITING = 16 * 1024 * 1024;
/** Milliseconds for a client to take what is still on its way to it. */
const PARTING_MS = 10_000;

export class ClientAnswers {
  readonly #session: ClientHttp2Session;
  readonly #closed = new AbortController();
  readonly #reads = new SharedReads();

  constructor(connection: Duplex) {
    this.#session = connect('http://localhost', {
      createConnection: () => connection,
      settings: { enablePush: false, initialWindowSize: REMOTE_WINDOWS.stream },
    });
    this.#session.once('connect', () => {
      if (!this.#session.destroyed) this.#session.setLocalWindowSize(REMOTE_WINDOWS.connection);
    });
    this.#session.on('error', () => {}); // 'close' follows
    this.#session.once('close', () => this.#closed.abort(gone()));
    connection.once('close', () => this.#session.destroy());
    // HTTP/2 knows no closed half
    connection.once('end', () => connection.destroy());
  }

  /** Aborted when the client has gone. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  close(): void {
    this.#session.destroy();
  }

  /** What happens, to the client. */
  report(): Report {
    return new Report(this.#open('report', {}));
  }

  /** A short answer; undefined where the client has none. Throws what the client says. */
  async ask(name: string, args: object, signal: AbortSignal): Promise<Buffer | undefined> {
    const stream = this.#open(name, args, signal);
    stream.end();
    const pieces: Buffer[] = [];
    let size = 0;
    const { status, bytes } = await answered(stream, this.#reads, signal);
    for await (const piece of bytes) {
      size += piece.length;
      if (size > MAX_ANSWER) throw new EngineError('invalid', `the client's answer about its ${name} is longer than ${MAX_ANSWER} bytes`);
      pieces.push(piece);
    }
    return status === 204 ? undefined : Buffer.concat(pieces);
  }

  /** Bytes of the client's; with `fleeting` each piece is there only until the next one is asked for. Leaving off tells the client that no more are wanted. */
  async *read(name: string, args: object, signal: AbortSignal, { fleeting = false } = {}): AsyncGenerator<Buffer, void, undefined> {
    const stream = this.#open(name, args, signal);
    stream.end();
    yield* (await answered(stream, this.#reads, signal, fleeting)).bytes;
  }

  /** Resolves when the client has taken all. */
  async write(name: string, args: object, bytes: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
    const stream = this.#open(name, args, signal);
    const answer = answered(stream, this.#reads, signal).then(async (given) => {
      for await (const piece of given.bytes) void piece;
    });
    answer.catch(() => stream.close(constants.NGHTTP2_CANCEL)); // it wants no more
    try {
      for await (const piece of bytes) {
        if (stream.destroyed || stream.writableEnded) break;
        if (!stream.write(piece)) await drained(stream);
      }
    } catch (error) {
      // the client must not take what is there for all
      stream.close(constants.NGHTTP2_CANCEL);
      throw error;
    }
    stream.end();
    await answer;
  }

  async credentials(host: string, signal: AbortSignal): Promise<Credentials> {
    const answer = await this.ask('credentials', { host }, signal);
    const { username, password, identityToken, registryToken } = (answer === undefined ? {} : bytesFromJson(answer.toString())) as Credentials;
    const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
    return { username: text(username), password: text(password), identityToken: text(identityToken), registryToken: text(registryToken) } as Credentials;
  }

  /** A socket in the folder `run` that leads to the client's agent. */
  agent(id: string, run: string): Promise<SshSocket> {
    return agentSocket(run, (socket) => {
      const stream = this.#open('ssh', { id });
      stream.once('close', () => socket.destroySoon());
      socket.once('close', () => stream.close());
      socket.pipe(stream).pipe(socket);
    });
  }

  #open(name: string, args: object, signal?: AbortSignal): ClientHttp2Stream {
    signal?.throwIfAborted();
    if (this.#session.destroyed || this.#session.closed) throw gone();
    const path = `/${name}?${encodeURIComponent(bytesToJson(args))}`;
    const stream = this.#session.request({ ':method': 'POST', ':path': path }, { endStream: false, ...(signal === undefined ? {} : { signal }) });
    stream.on('error', () => {}); // told by its end
    this.#reads.watch(stream);
    return stream;
  }
}

/** A build's events, and how it has ended. */
export class Report {
  readonly #stream: ClientHttp2Stream;
  readonly #refused = new AbortController();
  #ended = false;

  constructor(stream: ClientHttp2Stream) {
    this.#stream = stream;
    stream.once('close', () => {
      if (!this.#ended) this.#refused.abort(new EngineError('cancelled', 'context canceled'));
    });
  }

  /** Aborted when the client wants no more of the build. */
  get refused(): AbortSignal {
    return this.#refused.signal;
  }

  /** What programs say is left out where the client does not keep up with it. */
  say(report: RemoteReport): void {
    if ('event' in report && report.event.kind === 'log' && this.#stream.writableLength > MAX_WAITING) return;
    if (!this.#stream.destroyed) this.#stream.write(`${bytesToJson(report)}\n`);
  }

  /** Resolves when the client has taken it, or has had its time. */
  async end(report: RemoteReport): Promise<void> {
    if (this.#stream.closed || this.#stream.destroyed) return;
    this.#ended = true;
    const taken = once(this.#stream, 'close', { signal: AbortSignal.timeout(PARTING_MS) });
    this.#stream.end(`${bytesToJson(report)}\n`);
    this.#stream.resume();
    await taken.catch(() => {});
  }
}

interface Answer {
  readonly status: number;
  readonly bytes: AsyncIterable<Buffer>;
}

/** Bytes that wait for their reader. */
const MAX_QUEUE = 1024 * 1024;

/** Throws what the client says instead of an answer, and where it has gone. */
async function answered(stream: ClientHttp2Stream, reads: SharedReads, signal: AbortSignal, fleeting = false): Promise<Answer> {
  let head: IncomingHttpHeaders | undefined;
  let trailers: IncomingHttpHeaders = {};
  let ended = false;
  let queue: Buffer[] = [];
  let queued = 0;
  let wake = (): void => {};
  stream.once('response', (given) => {
    head = given;
    wake();
  });
  stream.once('trailers', (given: IncomingHttpHeaders) => (trailers = given));
  for (const event of ['end', 'close'] as const) {
    stream.once(event, () => {
      ended = true;
      wake();
    });
  }
  stream.on('data', (piece: Buffer) => {
    queue.push(piece);
    queued += piece.length;
    if (queued > MAX_QUEUE) stream.pause();
    wake();
  });
  const change = () => new Promise<void>((resolve) => (wake = resolve));
  const bytes = async function* (): AsyncGenerator<Buffer, void, undefined> {
    try {
      while (queue.length > 0 || !ended) {
        const pieces = queue;
        queue = [];
        queued = 0;
        if (stream.isPaused()) stream.resume();
        for (const piece of pieces) {
          yield piece;
          if (fleeting) reads.done(piece);
        }
        if (queue.length === 0 && !ended) await change();
      }
    } finally {
      if (!ended) stream.close(constants.NGHTTP2_CANCEL);
    }
    signal.throwIfAborted();
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw gone();
    const failure = trailers[REMOTE_FAILURE];
    if (typeof failure === 'string' && failure !== '') throw failureOf(decodeURIComponent(failure));
  };
  while (head === undefined && !ended) await change();
  signal.throwIfAborted();
  if (head === undefined) throw gone();
  const status = Number(head[':status']);
  if (status === 200 || status === 204) return { status, bytes: bytes() };
  let text = '';
  for await (const piece of bytes()) text += piece.toString('latin1');
  throw failureOf(Buffer.from(text, 'latin1').toString());
}

/** The client's words are the error's. */
function failureOf(text: string): EngineError {
  try {
    const { message } = bytesFromJson(text) as { readonly message?: unknown };
    if (typeof message === 'string') return new EngineError('invalid', message);
  } catch {}
  return gone();
}

function gone(cause?: unknown): EngineError {
  return new EngineError('unavailable', 'the client of the build has gone', { cause });
}
