/** Messages on a TCP connection: each after its length in two bytes (RFC 1035 4.2.2). */

/** Takes messages out of a stream of bytes, however it is cut. */
export class FrameReader {
  readonly #limit: number;
  #length: number | undefined;
  #high: number | undefined;
  #frame = Buffer.alloc(0);
  #filled = 0;

  /** `limit`: the longest message that is taken, bytes. */
  constructor(limit = 0xffff) {
    this.#limit = limit;
  }

  /** The messages that are whole with these bytes; undefined when one says that it is longer than the limit: nothing after that can be read. */
  push(chunk: Buffer): Buffer[] | undefined {
    const frames: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#length === undefined) {
        const byte = chunk[at++]!;
        if (this.#high === undefined) {
          this.#high = byte;
          continue;
        }
        this.#length = (this.#high << 8) | byte;
        if (this.#length > this.#limit) return undefined;
        this.#frame = Buffer.allocUnsafe(this.#length);
        this.#filled = 0;
      }
      const copied = chunk.copy(this.#frame, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled < this.#length) continue;
      frames.push(this.#frame);
      this.#length = this.#high = undefined;
    }
    return frames;
  }
}

/** A message with its length before it. It has at most 65,535 bytes. */
export function frame(message: Buffer): Buffer {
  const out = Buffer.allocUnsafe(2 + message.length);
  out.writeUInt16BE(message.length, 0);
  out.set(message, 2);
  return out;
}
