/** Arrays that grow: a layer of half a million files as a few flat buffers instead of as many objects. */
import { letGo } from '../../base/memory.ts';
import { ErofsCannotHold } from './cannot-hold.ts';

type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** A column of numbers of one width. */
export class Column<A extends Numbers> {
  array: A;
  length = 0;
  readonly #make: (length: number) => A;

  constructor(make: (length: number) => A) {
    this.#make = make;
    this.array = make(64);
  }

  push(value: number): void {
    if (this.length === this.array.length) {
      const grown = this.#make(this.array.length * 2);
      grown.set(this.array);
      letGo(this.array);
      this.array = grown;
    }
    this.array[this.length++] = value;
  }

  /** It is not used any more. */
  release(): void {
    letGo(this.array);
  }

  /** `array[index] = value`, but `value` and `index` may be what makes the column grow, which an assignment would not see. */
  set(index: number, value: number): void {
    this.array[index] = value;
  }
}

/** All names and links of a layer; a million of usual ones take a quarter of it. */
const MAX_BYTES = 1 << 26;

/** Byte strings one after the other, known by their offset. */
export class Bytes {
  buffer = Buffer.alloc(4096);
  length = 0;

  /** Appends a latin1 string and returns its offset. */
  push(text: string): number {
    if (this.length + text.length > this.buffer.length) {
      if (this.length + text.length > MAX_BYTES) throw new ErofsCannotHold(`more than ${MAX_BYTES} bytes of names and links`);
      const grown = Buffer.alloc(Math.max(this.buffer.length * 2, this.length + text.length));
      this.buffer.copy(grown, 0, 0, this.length);
      letGo(this.buffer);
      this.buffer = grown;
    }
    const at = this.length;
    this.buffer.write(text, at, 'latin1');
    this.length += text.length;
    return at;
  }

  /** They are not used any more. */
  release(): void {
    letGo(this.buffer);
  }
}
