import { HttpProblem } from './head.ts';

const END = Buffer.from('\r\n\r\n');
const CR = 0x0d;
const LF = 0x0a;

/** Collects a head from pieces of any size, in time that is linear in its length. */
export class HeadBuffer {
  readonly #limit: number;
  #bytes: Buffer | undefined;
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get empty(): boolean {
    return this.#length === 0;
  }

  /** The head without its last empty line, and what follows it, once it is whole. Throws HttpProblem for one that is too long. */
  push(chunk: Buffer): { readonly text: string; readonly rest: Buffer } | undefined {
    let piece = chunk;
    if (this.#length === 0) piece = withoutEmptyLines(chunk);
    const before = this.#length;
    const bytes = before === 0 ? piece : this.#append(piece);
    const end = bytes.indexOf(END, Math.max(0, before - 3));
    if (end === -1 ? bytes.length > this.#limit : end > this.#limit) throw new HttpProblem(431, 'request header fields too large');
    if (end === -1) {
      if (before === 0 && piece.length > 0) this.#append(piece);
      return undefined;
    }
    this.#bytes = undefined;
    this.#length = 0;
    return { text: bytes.toString('latin1', 0, end), rest: bytes.subarray(end + END.length) };
  }

  #append(piece: Buffer): Buffer {
    const length = this.#length + piece.length;
    if (this.#bytes === undefined || this.#bytes.length < length) {
      const larger = Buffer.allocUnsafe(Math.max(1024, length * 2));
      this.#bytes?.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    piece.copy(this.#bytes, this.#length);
    this.#length = length;
    return this.#bytes.subarray(0, length);
  }
}

/** Some clients send an empty line after a body (RFC 9112, section 2.2). */
function withoutEmptyLines(chunk: Buffer): Buffer {
  let at = 0;
  while (chunk[at] === CR && chunk[at + 1] === LF) at += 2;
  return at === 0 ? chunk : chunk.subarray(at);
}
