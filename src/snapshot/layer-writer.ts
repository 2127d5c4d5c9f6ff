/**
 * What a driver does with a layer while it arrives. The worker (`layer-job.ts`) feeds it: each piece of the plain tar
 * first as bytes, then as the entries that end in it. All of it is synchronous, on a thread that does nothing else.
 */
import type { Digest } from '../base/digest.ts';
import type { TarHandler } from '../tar/contract.ts';

/** A whole layer's plain tar. */
export interface PlainTar {
  readonly diffId: Digest;
  /** Length in bytes. */
  readonly size: number;
}

export interface LayerWriter extends TarHandler {
  /** The next bytes of the plain tar, before the reader gets them; also what comes after the archive's end mark. */
  plain(chunk: Buffer): void;
  /** The whole tar has come and what was promised of it is true. Everything must be in the layer's folder now, not yet synced. */
  finish(tar: PlainTar): void;
  /** Gives up, at any moment: closes what is open. The folder is removed by the caller. */
  abort(): void;
}

/**
 * Opens a writer on a fresh, empty folder (absolute path) on the driver's file system. When the writer has finished, the
 * folder gets the layer's final name by a rename. `plainFile`: a file on the same file system that has the plain tar when the
 * writer finishes, because the layer is kept as it arrives and arrives plain.
 */
export type OpenLayerWriter = (dir: string, plainFile: string | undefined) => LayerWriter;
