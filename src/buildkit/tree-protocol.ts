/** What the door and its thread for files say to each other. A round is known by a number. */
import type { RoundAnswer } from './receive-round.ts';

export type TreeOrder =
  | { readonly kind: 'begin'; readonly round: number; readonly root: string }
  /** The next bytes of the client's call, from the chunk's beginning. */
  | { readonly kind: 'bytes'; readonly round: number; readonly chunk: Uint8Array<ArrayBuffer>; readonly length: number }
  | { readonly kind: 'finish'; readonly round: number }
  | { readonly kind: 'abandon'; readonly round: number }
  /** The folder that a tree is in goes, with all in it. */
  | { readonly kind: 'remove'; readonly root: string; readonly folder: string };

/** One for each `bytes` and `finish`, in their order. */
export interface TreeReport {
  readonly round: number;
  readonly answer?: RoundAnswer;
  readonly failure?: string;
  /** Of `finish`: the bytes of the folder's files. */
  readonly size?: number;
  /** The memory of the bytes comes back: the next ones go there. */
  readonly chunk?: Uint8Array<ArrayBuffer> | undefined;
}

/** The longest packet that is taken. Bytes. */
export const MAX_PACKET = 16 * 1024 * 1024;

/** Bytes of a chunk. */
export const CHUNK = 256 * 1024;

/** Why a context could not be kept, for its client: a full disk in Docker's words. */
export function saidOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' ? 'no space left on device: the context could not be kept' : message;
}
