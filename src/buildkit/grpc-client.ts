/**
 * A gRPC client on a connection that the other side has opened, as on a session of BuildKit: there the daemon calls and
 * the client serves. Small, as `@grpc/grpc-js` cannot be given a socket for its client side.
 */
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import { drained } from '../base/drained.ts';
import { SharedReads } from '../base/shared-reads.ts';
import { frame, Unframer } from './grpc-frames.ts';
import { CODES, GrpcError } from './grpc-status.ts';

/** How much may be on its way: one large file must not wait for the round trips of small windows. */
const WINDOW = 8 * 1024 * 1024;
/** The longest message that is taken. */
const MAX_MESSAGE = 16 * 1024 * 1024;
/** Milliseconds between signs of life, and for their answer. */
const PING_MS = 20_000;

export type CallMetadata = Readonly<Record<string, string | readonly string[]>>;

export interface CallOptions {
  readonly metadata?: CallMetadata | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class GrpcClient {
  readonly #session: ClientHttp2Session;
  readonly #pings: NodeJS.Timeout;
  readonly #closed = new AbortController();
  readonly #reads = new SharedReads();

  constructor(socket: Duplex) {
    this.#session = connect('http://localhost', {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: WINDOW },
    });
    this.#session.on('connect', () => {
      if (!this.#session.destroyed) this.#session.setLocalWindowSize(WINDOW);
    });
    this.#session.on('error', () => {}); // 'close' follows
    this.#session.once('close', () => this.#gone());
    let answered = true;
    this.#pings = setInterval(() => {
      if (!answered) return this.close();
      answered = false;
      this.#session.ping(() => {
        answered = true;
      });
    }, PING_MS);
    this.#pings.unref();
    socket.once('close', () => this.close());
  }

  /** Aborted when the connection has ended. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  close(): void {
    if (!this.#session.destroyed) this.#session.destroy();
    this.#gone();
  }

  /** One message there, one back. Throws GrpcError. */
  async unary(path: string, message: Uint8Array, options: CallOptions = {}): Promise<Buffer> {
    const call = this.stream(path, options);
    call.write(message);
    call.end();
    let answer: Buffer | undefined;
    for await (const messages of call.batches()) for (const each of messages) answer ??= Buffer.from(each);
    if (answer === undefined) throw new GrpcError(CODES.INTERNAL, `${path} gave no answer`);
    return answer;
  }

  stream(path: string, options: CallOptions = {}): GrpcCall {
    if (this.#session.destroyed || this.#session.closed) throw gone();
    const headers: OutgoingHttpHeaders = {
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      'content-type': 'application/grpc',
      te: 'trailers',
    };
    for (const [name, value] of Object.entries(options.metadata ?? {})) headers[name] = typeof value === 'string' ? value : [...value];
    return new GrpcCall(this.#session.request(headers), options.signal, this.#reads);
  }

  #gone(): void {
    clearInterval(this.#pings);
    if (!this.#closed.signal.aborted) this.#closed.abort(gone());
  }
}

/** What may wait for its reader. Bytes. */
const MAX_QUEUE = 4 * 1024 * 1024;

/** One call, with messages in both directions. */
export class GrpcCall {
  readonly #stream: ClientHttp2Stream;
  readonly #signal: AbortSignal | undefined;
  readonly #reads: SharedReads;
  // read as it comes: a stream that the other side closes loses what is still in it
  #queue: Buffer[] = [];
  #queued = 0;
  #ended = false;
  #closed = false;
  #trailers: IncomingHttpHeaders | undefined;
  #failure: Error | undefined;
  #wake: () => void = () => {};
  readonly #onAbort = (): void => this.cancel();

  constructor(stream: ClientHttp2Stream, signal: AbortSignal | undefined, reads: SharedReads) {
    this.#stream = stream;
    this.#signal = signal;
    this.#reads = reads;
    reads.watch(stream);
    stream.on('data', (piece: Buffer) => {
      this.#queue.push(piece);
      this.#queued += piece.length;
      if (this.#queued > MAX_QUEUE) stream.pause();
      this.#wake();
    });
    stream.once('end', () => {
      this.#ended = true;
      this.#wake();
    });
    stream.on('response', (headers) => {
      if (headers['grpc-status'] !== undefined) this.#trailers ??= headers; // a failure at once has its trailers in the head
    });
    stream.on('trailers', (trailers: IncomingHttpHeaders) => {
      this.#trailers = trailers;
      this.#wake();
    });
    stream.on('error', (error) => {
      this.#failure ??= error;
    });
    stream.once('close', () => {
      signal?.removeEventListener('abort', this.#onAbort);
      this.#closed = true;
      this.#wake();
    });
    if (signal?.aborted === true) this.cancel();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** False: wait for `drained` before the next one. */
  write(message: Uint8Array): boolean {
    return !this.#stream.destroyed && this.#stream.write(frame(message));
  }

  /** Resolves when there is room again, or nobody reads any more. */
  drained(): Promise<void> {
    return drained(this.#stream);
  }

  /** No more from this side. */
  end(): void {
    this.#stream.end();
  }

  cancel(): void {
    if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  /** The messages as they come, some at a time. Throws GrpcError at a failure. Leaving off cancels the call. */
  async *batches(): AsyncGenerator<Buffer[]> {
    const unframer = new Unframer(MAX_MESSAGE);
    for await (const pieces of this.pieces()) {
      const messages = pieces.flatMap((piece) => unframer.push(piece));
      if (messages.length > 0) yield messages;
    }
  }

  /** Of what `pieces` gave: nobody needs it any more. */
  used(pieces: readonly Buffer[]): void {
    for (const piece of pieces) this.#reads.done(piece);
  }

  /** As `batches`, but the bytes, with the frames of the messages. */
  async *pieces(): AsyncGenerator<Buffer[]> {
    try {
      for (;;) {
        const pieces = this.#queue;
        this.#queue = [];
        this.#queued = 0;
        if (this.#stream.isPaused()) this.#stream.resume();
        if (pieces.length > 0) yield pieces;
        if (this.#queue.length > 0) continue;
        if (this.#closed || (this.#ended && this.#trailers !== undefined)) break;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.cancel();
    }
    this.#check();
  }

  #check(): void {
    this.#signal?.throwIfAborted();
    const status = this.#trailers?.['grpc-status'];
    if (status === undefined) throw this.#failure === undefined ? gone() : new GrpcError(CODES.UNAVAILABLE, this.#failure.message);
    if (status !== '0') throw new GrpcError(Number(status), decodeMessage(String(this.#trailers!['grpc-message'] ?? '')));
  }
}

function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function gone(): GrpcError {
  return new GrpcError(CODES.UNAVAILABLE, 'the connection to the client has ended');
}
