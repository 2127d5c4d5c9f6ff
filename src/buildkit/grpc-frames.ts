/** gRPC's framing: each message has a byte that says whether it is compressed, and its length. */
import { CODES, GrpcError } from './grpc-status.ts';

const HEAD = 5;

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(HEAD + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, HEAD);
  return framed;
}

/** Takes messages out of pieces of any size. What it gives may be views of the pieces. */
export class Unframer {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #length = 0;
  /** Of the message that is not whole yet, with its head. */
  #wanted = HEAD;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The messages that are whole now. Throws GrpcError for a frame that is too long or compressed. */
  push(piece: Buffer): Buffer[] {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length < this.#wanted) return [];
    const bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces);
    const messages: Buffer[] = [];
    let at = 0;
    for (;;) {
      this.#wanted = HEAD;
      if (bytes.length - at < HEAD) break;
      if (bytes[at] !== 0) throw new GrpcError(CODES.UNIMPLEMENTED, 'compressed messages are not understood');
      const size = bytes.readUInt32BE(at + 1);
      if (size > this.#limit) throw new GrpcError(CODES.RESOURCE_EXHAUSTED, `a message of ${size} bytes is too long: ${this.#limit} at most`);
      this.#wanted = HEAD + size;
      if (bytes.length - at < this.#wanted) break;
      messages.push(bytes.subarray(at + HEAD, at + this.#wanted));
      at += this.#wanted;
    }
    this.#length = bytes.length - at;
    this.#pieces = this.#length === 0 ? [] : [bytes.subarray(at)];
    return messages;
  }
}
