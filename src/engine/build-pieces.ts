/** Bytes from who writes, at once, to who reads, by and by. */
import { invalid } from '../base/errors.ts';

/** Bytes between them. */
const AHEAD = 4 << 20;

/** From who writes to who reads, with a bound on what is between them. */
export class Pieces implements AsyncIterable<Uint8Array> {
  readonly #ready: Buffer[] = [];
  #size = 0;
  #over = false;
  #error: unknown;
  #wake: () => void = () => {};
  #free: () => void = () => {};

  push(chunk: Buffer): void {
    if (this.#over) throw this.#error ?? invalid('the target takes no more files');
    this.#ready.push(chunk);
    this.#size += chunk.length;
    this.#wake();
  }

  async room(): Promise<void> {
    while (this.#size > AHEAD && !this.#over) await new Promise<void>((resolve) => (this.#free = resolve));
  }

  end(): void {
    this.#over = true;
    this.#wake();
  }

  fail(error: unknown): void {
    this.#error = error;
    this.end();
  }

  /** Nobody reads any more: whoever writes on is told why. */
  stop(why: unknown): void {
    this.#error ??= why;
    this.#over = true;
    this.#free();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#ready.shift();
      if (chunk !== undefined) {
        this.#size -= chunk.length;
        this.#free();
        // who unpacks takes the memory
        yield Uint8Array.from(chunk);
      } else if (this.#error !== undefined) throw this.#error;
      else if (this.#over) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
