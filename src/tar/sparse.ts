/** GNU's sparse files: where in the file the archive's bytes belong. See "Storing Sparse Files" in GNU tar's manual. */
import { invalid } from '../base/errors.ts';
import type { TarRun } from './contract.ts';
import { headerNumber } from './numbers.ts';

export interface SparseMap {
  /** Of the whole file. */
  readonly size: number;
  readonly runs: readonly TarRun[];
}

/** More runs than this are refused; a map may not take memory without end. */
const MAX_RUNS = 1 << 17;

/** Runs in order, within the file, not overlapping; empty ones are dropped. */
export function checkedRuns(runs: readonly TarRun[], size: number): TarRun[] {
  let end = 0;
  for (const run of runs) {
    if (run.offset < end || run.length < 0 || run.length > size - run.offset) throw invalid('invalid sparse file: its map is out of order or out of range');
    end = run.offset + run.length;
  }
  return runs.filter((run) => run.length > 0);
}

export function runBytes(runs: readonly TarRun[]): number {
  return runs.reduce((sum, run) => sum + run.length, 0);
}

/** Entries of an old GNU header (four at 386) or an extension block (21 at 0). Gives false at the list's end. */
export function oldGnuRuns(block: Buffer, at: number, count: number, runs: TarRun[]): void {
  for (let index = 0; index < count; index++, at += 24) {
    if (block[at] === 0) return; // unused
    if (runs.length >= MAX_RUNS) throw tooLong();
    const offset = headerNumber(block, at, 12, 'sparse offset');
    runs.push({ offset, length: headerNumber(block, at + 12, 12, 'sparse length') });
  }
}

/**
 * The map of format 1.0, which stands before the data in decimal lines, filled up to a whole block. Fed block by block.
 */
export class SparseMapReader {
  readonly #numbers: number[] = [];
  #value = 0;
  #digits = 0;
  #wanted: number | undefined;

  /** Takes a block; gives the runs when the map is whole. */
  push(block: Buffer): TarRun[] | undefined {
    for (let at = 0; at < 512; at++) {
      const byte = block[at]!;
      if (byte !== 0x0a) {
        this.#value = this.#value * 10 + byte - 0x30;
        if (byte < 0x30 || byte > 0x39 || ++this.#digits > 16 || !Number.isSafeInteger(this.#value)) throw invalid('invalid sparse file: its map is malformed');
        continue;
      }
      if (this.#digits === 0) throw invalid('invalid sparse file: its map is malformed');
      if (this.#wanted === undefined) {
        if (this.#value > MAX_RUNS) throw tooLong();
        this.#wanted = this.#value * 2;
      } else {
        this.#numbers.push(this.#value);
      }
      this.#value = 0;
      this.#digits = 0;
      if (this.#numbers.length === this.#wanted) return this.#runs();
    }
    return undefined;
  }

  #runs(): TarRun[] {
    const runs: TarRun[] = [];
    for (let at = 0; at < this.#numbers.length; at += 2) runs.push({ offset: this.#numbers[at]!, length: this.#numbers[at + 1]! });
    return runs;
  }
}

function tooLong(): Error {
  return invalid(`invalid sparse file: more than ${MAX_RUNS} runs`);
}
