/** A file's bytes as chunks of the tar: one where they lie together, more where a sparse file has holes. */
import type { TarRun } from '../../tar/contract.ts';
import { ErofsCannotHold } from './cannot-hold.ts';
import { BLOCK, BLOCK_BITS, MAX_CHUNK_BITS, NO_BLOCK } from './format.ts';

export interface Chunks {
  /** A chunk is `BLOCK << bits` bytes. */
  readonly bits: number;
  /** The first block of each chunk in the tar, or NO_BLOCK for a hole. */
  readonly blocks: Uint32Array;
}

/** The smallest chunk that a file of this size fits into. */
export function bitsFor(size: number): number {
  let bits = 0;
  while (bits < MAX_CHUNK_BITS && BLOCK * 2 ** bits < size) bits++;
  return bits;
}

/**
 * Chunks of a sparse file whose runs lie one behind the other in the tar from `dataOffset` on. As large as its runs'
 * places allow. A run that does not begin and end with a block cannot be pointed at; only at the file's end it may.
 */
export function chunksOf(size: number, dataOffset: number, runs: readonly TarRun[], maxChunks: number): Chunks {
  let bits = bitsFor(size);
  const places: number[] = [];
  for (const { offset, length } of runs) {
    if (length === 0) continue;
    places.push(offset);
    if (offset + length < size) places.push(offset + length);
  }
  for (const place of places) {
    if (place % BLOCK !== 0) throw new ErofsCannotHold(`a sparse file with a run that begins or ends at byte ${place}`);
    while (bits > 0 && place % (BLOCK * 2 ** bits) !== 0) bits--;
  }
  const chunk = BLOCK * 2 ** bits;
  const count = Math.ceil(size / chunk);
  if (count > maxChunks) throw new ErofsCannotHold(`a sparse file in ${count} chunks`);
  const blocks = new Uint32Array(count).fill(NO_BLOCK);
  let data = dataOffset;
  for (const { offset, length } of runs) {
    for (let at = 0; at < length; at += chunk) blocks[(offset + at) / chunk] = (data + at) / BLOCK;
    data += length;
  }
  return { bits, blocks };
}

/** Chunks of a file whose bytes all lie together: one, unless it is larger than the largest chunk. */
export function wholeChunks(size: number, dataOffset: number): Chunks {
  const bits = bitsFor(size);
  const blocks = new Uint32Array(Math.ceil(size / (BLOCK * 2 ** bits)));
  for (let i = 0; i < blocks.length; i++) blocks[i] = dataOffset / BLOCK + i * 2 ** bits;
  return { bits, blocks };
}

/** How many indexes `wholeChunks` makes. */
export function wholeChunkCount(size: number): number {
  return Math.ceil(size / 2 ** (BLOCK_BITS + bitsFor(size)));
}
