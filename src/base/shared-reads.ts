/** What is read from a connection of HTTP/2: pieces for several streams are views of the same memory. */
import type { Readable } from 'node:stream';
import { letGo } from './memory.ts';

/** Gives that memory back when all pieces of it have been used. For one connection, all of whose streams it watches. */
export class SharedReads {
  /** Of the read that was last: more pieces of it may come. */
  #last: ArrayBufferLike | undefined;
  readonly #pieces = new WeakMap<ArrayBufferLike, number>();

  /** From a stream's beginning: also what waits in a stream that is paused is somebody's. */
  watch(stream: Readable): void {
    const push = stream.push.bind(stream);
    stream.push = (piece: Uint8Array | null, ...rest: []) => {
      if (piece !== null) this.#came(piece);
      return push(piece, ...rest);
    };
  }

  /** Nobody needs the piece any more. One that is never said to be done keeps its memory, as do those beside it. */
  done({ buffer }: Uint8Array): void {
    this.#pieces.set(buffer, this.#pieces.get(buffer)! - 1);
    if (buffer !== this.#last) this.#free(buffer);
  }

  #came({ buffer }: Uint8Array): void {
    const before = this.#last;
    this.#last = buffer;
    if (before !== undefined && before !== buffer) this.#free(before);
    this.#pieces.set(buffer, (this.#pieces.get(buffer) ?? 0) + 1);
  }

  #free(buffer: ArrayBufferLike): void {
    if (this.#pieces.get(buffer) === 0) letGo(new Uint8Array(buffer));
  }
}
