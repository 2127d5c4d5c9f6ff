/** Pieces that are smaller than this are put together, bytes: alone each would cost many times its length. */
const SMALL = 4096;
const SLAB = 65_536;

/** Bytes that come in pieces of any size, kept for not much more than their length. */
export class Pieces {
  #whole: Buffer[] = [];
  #slab: Buffer | undefined;
  #used = 0;
  size = 0;

  add(piece: Buffer): void {
    this.size += piece.length;
    if (piece.length >= SMALL) {
      this.#close();
      this.#whole.push(piece);
      return;
    }
    if (this.#slab !== undefined && this.#slab.length - this.#used < piece.length) this.#close();
    this.#slab ??= Buffer.allocUnsafeSlow(Math.max(SMALL, Math.min(SLAB, this.size)));
    this.#used += piece.copy(this.#slab, this.#used);
  }

  /** All that has been added since the last call. */
  take(): Buffer[] {
    this.#close();
    const all = this.#whole;
    this.#whole = [];
    this.size = 0;
    return all;
  }

  #close(): void {
    if (this.#slab !== undefined) this.#whole.push(this.#slab.subarray(0, this.#used));
    this.#slab = undefined;
    this.#used = 0;
  }
}
