/** Docker's stream framing: output of a process without a terminal. */
import { EngineError } from './errors.ts';

/** Which part of an attached stream a frame belongs to. */
export type StreamName = 'stdout' | 'stderr';

/**
 * Takes Docker's stream framing apart: an 8-byte header (1 stdout or 2 stderr, three zeros, length as big-endian 32-bit
 * number), then the payload. Give it chunks of any size; it hands on payload as it comes. Throws on a malformed header.
 */
export class FrameReader {
  #header = Buffer.alloc(0);
  #left = 0;
  #name: StreamName = 'stdout';
  readonly #emit: (name: StreamName, payload: Buffer) => void;

  constructor(emit: (name: StreamName, payload: Buffer) => void) {
    this.#emit = emit;
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#left === 0) {
        const need = 8 - this.#header.length;
        this.#header = Buffer.concat([this.#header, rest.subarray(0, need)]);
        rest = rest.subarray(need);
        if (this.#header.length < 8) return;
        const kind = this.#header[0];
        if (kind !== 1 && kind !== 2) throw new EngineError('internal', `malformed stream frame of type ${kind}`);
        this.#name = kind === 1 ? 'stdout' : 'stderr';
        this.#left = this.#header.readUInt32BE(4);
        this.#header = Buffer.alloc(0);
      } else {
        const payload = rest.subarray(0, this.#left);
        this.#left -= payload.length;
        rest = rest.subarray(payload.length);
        this.#emit(this.#name, payload);
      }
    }
  }
}
