/** What the door and its thread for files say to each other. A round is known by a number. */
import type { RoundAnswer } from './receive-round.ts';

export type TreeOrder =
  | { readonly kind: 'begin'; readonly round: number; readonly root: string }
  /** Packets, each with its length before it. */
  | { readonly kind: 'packets'; readonly round: number; readonly bytes: Uint8Array }
  | { readonly kind: 'finish'; readonly round: number }
  | { readonly kind: 'abandon'; readonly round: number }
  /** The folder that a tree is in goes, with all in it. */
  | { readonly kind: 'remove'; readonly root: string; readonly folder: string };

/** One for each `packets` and `finish`, in their order. */
export interface TreeReport {
  readonly round: number;
  readonly answer?: RoundAnswer;
  readonly failure?: string;
}

const LENGTH = 4;

/** In memory of its own, which can be handed over. */
export function packPackets(packets: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(packets.reduce((sum, each) => sum + LENGTH + each.length, 0));
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const each of packets) {
    view.setUint32(at, each.length);
    packed.set(each, at + LENGTH);
    at += LENGTH + each.length;
  }
  return packed;
}

export function* unpackPackets(packed: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  for (let at = 0; at < packed.length;) {
    const length = view.getUint32(at);
    at += LENGTH;
    yield packed.subarray(at, at + length);
    at += length;
  }
}

/** Why a context could not be kept, for its client: a full disk in Docker's words. */
export function saidOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' ? 'no space left on device: the context could not be kept' : message;
}
