/** The body of an answer: read once, as fast as its reader reads, and never waited for without end. */
import type { IncomingMessage } from 'node:http';
import { EngineError, invalid } from '../../base/errors.ts';
import { letGo } from '../../base/memory.ts';
import { networkError, timeoutError } from './network-error.ts';

interface BodyOptions {
  readonly method: string;
  readonly url: URL;
  /** Milliseconds within which at least `LEAST` bytes must come. */
  readonly idle: number;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes. Less than this in `idle` is no progress: a server that drips is a server that hangs. */
const LEAST = 1024;

export class ResponseBody implements AsyncIterable<Buffer> {
  readonly #response: IncomingMessage;
  readonly #options: BodyOptions;

  constructor(response: IncomingMessage, options: BodyOptions) {
    this.#response = response;
    this.#options = options;
    response.on('error', () => {}); // whoever reads sees it
    const { signal } = options;
    if (signal === undefined) return;
    const abort = () => response.destroy(new EngineError('cancelled', 'context canceled', { cause: signal.reason }));
    signal.addEventListener('abort', abort, { once: true });
    response.once('close', () => signal.removeEventListener('abort', abort));
    if (signal.aborted) abort();
  }

  /** Only the time that is spent waiting for the other side counts. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, void> {
    const response = this.#response;
    const { method, url, idle } = this.#options;
    const arrivals = new Arrivals(response);
    let [waited, came] = [0, 0];
    try {
      for (;;) {
        let chunk = arrivals.take();
        if (chunk === undefined) {
          const start = performance.now();
          const timer = setTimeout(() => response.destroy(timeoutError(method, url, 'no more of the answer', idle)), Math.max(1, idle - waited));
          const more = await arrivals.more().finally(() => clearTimeout(timer));
          if (!more) return;
          waited += performance.now() - start;
          chunk = arrivals.take()!;
        }
        came += chunk.length;
        if (came >= LEAST) [waited, came] = [0, 0];
        yield chunk;
      }
    } catch (error) {
      throw error instanceof EngineError ? error : networkError(method, url, error);
    } finally {
      if (!response.complete) response.destroy();
    }
  }

  /** All of it. Throws `invalid` for more than `limit` bytes, and `unavailable` when it takes longer than `ms`. */
  async read(limit: number, ms: number): Promise<Buffer> {
    const { method, url } = this.#options;
    const promised = Number(this.#response.headers['content-length'] ?? 0);
    const tooLarge = () => invalid(`${method} ${url.host}${url.pathname}: the answer is larger than ${limit} bytes`);
    if (promised > limit) {
      this.cancel();
      throw tooLarge();
    }
    const timer = setTimeout(() => this.#response.destroy(timeoutError(method, url, 'the answer did not end', ms)), ms);
    const parts: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of this) {
        size += chunk.length;
        if (size > limit) throw tooLarge();
        parts.push(chunk);
      }
    } finally {
      clearTimeout(timer);
    }
    return Buffer.concat(parts, size);
  }

  /** Lets a small rest go by so that the connection can be used again; a large one costs the connection. */
  async discard(): Promise<void> {
    if (this.#options.method === 'HEAD') return void this.#response.resume(); // its length is of what it leaves out
    const promised = Number(this.#response.headers['content-length'] ?? Number.NaN);
    if (!(promised <= 65_536) && this.#response.headers['transfer-encoding'] === undefined && Number.isFinite(promised)) return this.cancel();
    await this.read(65_536, 5_000).catch(() => this.cancel());
  }

  cancel(): void {
    this.#response.destroy();
  }
}

/** Bytes that may wait to be taken: to stop a socket and to start it again costs more than to read from it. */
const AHEAD = 512 << 10;

/** The pieces as the socket gave them. (A stream's own iterator copies several into one where it can.) */
class Arrivals {
  readonly #response: IncomingMessage;
  readonly #chunks: Buffer[] = [];
  #waiting = 0;
  #paused = true;
  #last: Buffer | undefined;
  #ended = false;
  #error: Error | undefined;
  #wake = () => {};

  constructor(response: IncomingMessage) {
    this.#response = response;
    if (response.readableEnded) this.#ended = true;
    else if (response.destroyed) this.#end(response.errored ?? broken());
    response.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#last = chunk;
      this.#waiting += chunk.length;
      if (this.#waiting >= AHEAD) this.#pause();
      this.#wake();
    });
    response.once('end', () => this.#end());
    response.once('error', (error) => this.#end(error));
    response.once('close', () => this.#end(broken()));
    response.pause();
    if (!this.#ended) this.#freeRead();
  }

  /** The parser has copied what is of the body: what the socket read would pile up until V8 marks all of its heap for it. */
  #freeRead(): void {
    const { socket } = this.#response;
    const read = (chunk: Buffer) => {
      if (chunk.buffer !== this.#last?.buffer) letGo(chunk);
      this.#last = undefined;
    };
    socket.on('data', read);
    this.#response.once('close', () => void socket.off('data', read));
  }

  take(): Buffer | undefined {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) this.#waiting -= chunk.length;
    return chunk;
  }

  #pause(): void {
    this.#paused = true;
    this.#response.pause();
  }

  /** When there is more to take; false at the end. */
  async more(): Promise<boolean> {
    while (this.#chunks.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#paused) this.#response.resume();
        this.#paused = false;
      });
    }
    if (this.#chunks.length > 0) return true;
    if (this.#error !== undefined) throw this.#error;
    return false;
  }

  #end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake();
  }
}

/** As the stream's own iterator says it. */
function broken(): Error {
  return Object.assign(new Error('Premature close'), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
}
