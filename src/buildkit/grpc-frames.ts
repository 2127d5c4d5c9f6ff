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
  /** Of the message that is not whole yet, with its head. */
  #pieces: Buffer[] = [];
  #length = 0;
  #wanted = HEAD;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The messages that are whole now. Throws GrpcError for a frame that is too long or compressed. */
  push(piece: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let at = 0;
    // only a message that is in several pieces is put together
    while (this.#length > 0) {
      const part = piece.subarray(at, at + this.#wanted - this.#length);
      this.#pieces.push(part);
      this.#length += part.length;
      at += part.length;
      if (this.#length < this.#wanted) return messages;
      const bytes = Buffer.concat(this.#pieces);
      if (this.#wanted === HEAD) {
        this.#wanted += this.#sizeOf(bytes, 0);
        this.#pieces = [bytes];
        if (this.#wanted > HEAD) continue;
      }
      messages.push(bytes.subarray(HEAD));
      this.#pieces = [];
      this.#length = 0;
      this.#wanted = HEAD;
    }
    while (piece.length - at >= HEAD) {
      const end = at + HEAD + this.#sizeOf(piece, at);
      if (end > piece.length) {
        this.#wanted = end - at;
        break;
      }
      messages.push(piece.subarray(at + HEAD, end));
      at = end;
    }
    if (at < piece.length) {
      this.#pieces = [piece.subarray(at)];
      this.#length = piece.length - at;
    }
    return messages;
  }

  /** Keeps what it has of a message in memory of its own: that of the pieces is needed elsewhere. */
  keep(): void {
    const last = this.#pieces.pop();
    if (last !== undefined) this.#pieces.push(Buffer.from(last)); // the others are by now
  }

  #sizeOf(bytes: Buffer, at: number): number {
    if (bytes[at] !== 0) throw new GrpcError(CODES.UNIMPLEMENTED, 'compressed messages are not understood');
    const size = bytes.readUInt32BE(at + 1);
    if (size > this.#limit) throw new GrpcError(CODES.RESOURCE_EXHAUSTED, `a message of ${size} bytes is too long: ${this.#limit} at most`);
    return size;
  }
}
