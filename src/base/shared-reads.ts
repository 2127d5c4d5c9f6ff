/** What is read from a connection of HTTP/2: pieces for several streams are views of the same memory. */
import { letGo } from './memory.ts';

/** Gives that memory back when all pieces of it have been used. For one connection. */
export class SharedReads {
  /** Of the read that was last: more pieces of it may come. */
  #last: ArrayBufferLike | undefined;
  readonly #pieces = new WeakMap<ArrayBufferLike, number>();

  /** Every piece that comes, for whichever stream, in its order. */
  came({ buffer }: Uint8Array): void {
    const before = this.#last;
    this.#last = buffer;
    if (before !== undefined && before !== buffer) this.#free(before);
    this.#pieces.set(buffer, (this.#pieces.get(buffer) ?? 0) + 1);
  }

  /** Nobody needs the piece any more. One that is never said to be done keeps its memory, as do those beside it. */
  done({ buffer }: Uint8Array): void {
    this.#pieces.set(buffer, this.#pieces.get(buffer)! - 1);
    if (buffer !== this.#last) this.#free(buffer);
  }

  #free(buffer: ArrayBufferLike): void {
    if (this.#pieces.get(buffer) === 0) letGo(new Uint8Array(buffer));
  }
}
