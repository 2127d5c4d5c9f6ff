import { Readable } from 'node:stream';
import { EngineError } from '../../base/errors.ts';
import { Pieces } from './pieces.ts';

const HIGH_WATER = 256 * 1024;

/** The body of one request on its way from the connection to whoever reads it; held back while nobody does. */
export class RequestBody {
  readonly #pieces = new Pieces();
  #ended = false;
  #error: Error | undefined;
  #stream: Readable | undefined;
  #collector: Collector | undefined;
  #dropped = false;
  readonly #wanted: () => void;

  /** `wanted` is called when the reader has room for more. */
  constructor(wanted: () => void) {
    this.#wanted = wanted;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Returns false when the connection should wait for `wanted`. */
  push(piece: Buffer): boolean {
    if (this.#dropped) return true;
    if (this.#stream !== undefined) return this.#stream.push(piece);
    this.#pieces.add(piece);
    if (this.#collector === undefined) return this.#pieces.size < HIGH_WATER;
    if (this.#pieces.size > this.#collector.limit) this.#settle(tooLarge(this.#collector.limit));
    return true;
  }

  end(): void {
    this.#ended = true;
    this.#stream?.push(null);
    this.#settle();
  }

  /** The rest will not come. */
  fail(error: Error): void {
    if (this.#ended) return;
    this.#error ??= error;
    this.#stream?.destroy(error);
    this.#settle(error);
  }

  /** The request is answered: what still comes is for nobody. */
  drop(): void {
    this.#dropped = true;
    this.#pieces.take();
    if (!this.#ended) this.#stream?.destroy();
  }

  /** The whole body. Throws `exhausted` past the limit. */
  collect(limit: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#collector = { limit, resolve, reject };
      if (this.#error !== undefined) this.#settle(this.#error);
      else if (this.#pieces.size > limit) this.#settle(tooLarge(limit));
      else if (this.#ended) this.#settle();
      else this.#wanted();
    });
  }

  stream(): Readable {
    if (this.#stream !== undefined) return this.#stream;
    const stream = new Readable({ read: () => this.#wanted(), highWaterMark: HIGH_WATER });
    this.#stream = stream;
    stream.on('error', () => {}); // a reader that has gone must not bring the process down
    for (const piece of this.#pieces.take()) stream.push(piece);
    if (this.#ended) stream.push(null);
    else if (this.#error !== undefined) stream.destroy(this.#error);
    return stream;
  }

  #settle(error?: Error): void {
    const collector = this.#collector;
    if (collector === undefined) return;
    this.#collector = undefined;
    const pieces = this.#pieces.take();
    if (error !== undefined) {
      this.#dropped = true;
      collector.reject(error);
    } else {
      collector.resolve(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
    }
  }
}

interface Collector {
  readonly limit: number;
  readonly resolve: (body: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/** What a body that is no stream may not be. */
export class BodyTooLarge extends EngineError {}

/** The client sent less than it said, and has gone; or has closed its half, and can be told. */
export class BodyBrokenOff extends EngineError {
  constructor() {
    super('cancelled', 'unexpected EOF');
  }
}

function tooLarge(limit: number): Error {
  return new BodyTooLarge('invalid', `request body too large: more than ${limit} bytes`);
}
