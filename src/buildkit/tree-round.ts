/** The door's side of one round of file sync: the client's bytes go to the thread that writes its files, some at a time. */
import { invalid } from '../base/errors.ts';
import type { RoundAnswer } from './receive-round.ts';
import { CHUNK, type TreeReport } from './tree-protocol.ts';

/** Chunks that the thread may have at a time; while it has these, what comes is put together. */
const IN_FLIGHT = 2;
/** Bytes that may wait for the disk besides. */
const MAX_WAITING = 4 * 1024 * 1024;

export interface RoundOwner {
  /** Memory for a chunk. */
  take(): Buffer<ArrayBuffer>;
  /** `length` bytes of a chunk, whose memory is given away. */
  send(chunk: Buffer<ArrayBuffer>, length: number): void;
  finish(): void;
  abandon(): void;
}

export interface RoundListener {
  /** In the order of the bytes. */
  answered(answer: RoundAnswer): void;
  /** The round is over. */
  failed(error: Error): void;
}

export class TreeRound {
  readonly #owner: RoundOwner;
  readonly #listener: RoundListener;
  readonly #full: { readonly chunk: Buffer<ArrayBuffer>; readonly length: number }[] = [];
  #chunk: Buffer<ArrayBuffer> | undefined;
  #used = 0;
  #inFlight = 0;
  #failure: Error | undefined;
  #size = 0;
  #wake: () => void = () => {};

  constructor(owner: RoundOwner, listener: RoundListener) {
    this.#owner = owner;
    this.#listener = listener;
  }

  /** Takes a copy. What is wrong with it, the listener is told. */
  push(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      for (let at = 0; at < piece.length;) {
        this.#chunk ??= this.#owner.take();
        const part = at === 0 && piece.length <= CHUNK - this.#used ? piece : piece.subarray(at, at + CHUNK - this.#used);
        this.#chunk.set(part, this.#used);
        this.#used += part.length;
        at += part.length;
        if (this.#used === CHUNK) this.#close();
      }
    }
    this.#flush();
  }

  /** Resolves when there is room for more; at once after a failure. */
  async room(): Promise<void> {
    while (this.#failure === undefined && this.#full.length * CHUNK > MAX_WAITING) await this.#change();
  }

  /** No more comes. Resolves when the folder is like the client's, with the bytes of its files. Throws what was wrong. */
  async finish(): Promise<number> {
    while (this.#failure === undefined && (this.#inFlight > 0 || this.#used > 0)) await this.#change();
    if (this.#failure !== undefined) throw this.#failure;
    this.#inFlight++;
    this.#owner.finish();
    while (this.#failure === undefined && this.#inFlight > 0) await this.#change();
    if (this.#failure !== undefined) throw this.#failure;
    return this.#size;
  }

  abandon(): void {
    this.#owner.abandon();
  }

  /** For the thread's side. */
  reported({ answer, failure, size = 0 }: Pick<TreeReport, 'answer' | 'failure' | 'size'>): void {
    if (failure !== undefined) return this.failed(invalid(failure));
    this.#inFlight--;
    this.#size = size;
    if (answer !== undefined && this.#failure === undefined) this.#listener.answered(answer);
    this.#flush();
    this.#wake();
  }

  failed(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#full.length = 0;
    this.#listener.failed(error);
    this.#wake();
  }

  #close(): void {
    this.#full.push({ chunk: this.#chunk!, length: this.#used });
    this.#chunk = undefined;
    this.#used = 0;
  }

  #flush(): void {
    while (this.#failure === undefined && this.#inFlight < IN_FLIGHT) {
      if (this.#full.length === 0 && this.#used > 0) this.#close();
      const next = this.#full.shift();
      if (next === undefined) return;
      this.#inFlight++;
      this.#owner.send(next.chunk, next.length);
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
