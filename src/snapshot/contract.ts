/**
 * What this folder promises: layers of images on disk, and root file systems made of them.
 *
 * A layer is known by its diff id (the digest of its plain tar) and is whole because it has its final name. It does not
 * depend on the layers below it, so layers of one image arrive in parallel and images share them. A driver never mounts
 * anything: it gives a root file system as data (`RootSource`), which the plan of a container mounts inside that
 * container's own mount namespace.
 *
 * Two drivers: `overlay` unpacks a layer into a folder; `erofs` keeps the plain tar and writes an index beside it that
 * the kernel mounts. Both pass `driver.suite.ts`. One process at a time owns a driver's folder for writing.
 */
import type { Digest } from '../base/digest.ts';
import type { RootSource } from '../runtime/contract.ts';
import type { IdMaps } from './id-map.ts';

/** How a layer's bytes are packed. `auto`: by their first bytes. */
export type Compression = 'none' | 'gzip' | 'zstd' | 'auto';

/** A layer that is about to arrive. What is given is checked; what is not given is found out. */
export interface LayerRequest {
  readonly compression: Compression;
  /** Of the bytes as they arrive. */
  readonly digest?: Digest | undefined;
  readonly size?: number | undefined;
  readonly diffId?: Digest | undefined;
  /** The plain tar may be no longer than this, in bytes: a bomb ends here. */
  readonly maxPlainSize?: number | undefined;
  /**
   * Where the bytes are kept as they arrive: written to `partial` (appended to what is there already, which is read
   * first), renamed to `path` when the layer is whole and verified. Both on the driver's file system. Where its digest is
   * not known before, the path follows from it.
   */
  readonly blob?: { readonly partial: string; readonly path: string | ((digest: Digest) => string) } | undefined;
}

/** What has been learnt of a layer when it is whole. */
export interface LayerInfo {
  readonly diffId: Digest;
  /** Of the bytes as they arrived. */
  readonly digest: Digest;
  readonly size: number;
  /** Length of the plain tar. */
  readonly plainSize: number;
  /** Sum of the sizes of its files, in bytes, as Docker counts a layer. */
  readonly contentSize: number;
}

/** How far the work is, in bytes as they arrived: taken in by the decompressor and unpacker. */
export type LayerProgress = (taken: number) => void;

/** A layer on its way in. It works in a thread of its own. Dispose of it to give up: nothing but `partial` stays. */
export interface LayerIngest extends AsyncDisposable {
  /** How many bytes of `partial` were there: what is still to come begins here (HTTP Range). */
  readonly resumeAt: number;
  /** Takes the next bytes (the chunk is given away); resolves when there is room for more. Rejects with what is wrong with them. */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * No more bytes come: verifies, and gives layer and blob their names. Throws `invalid` for a wrong digest, size or
   * diff id, for a malformed archive or damaged compression, and for a name in it that climbs out; `exhausted` for a
   * full disk.
   */
  finish(): Promise<LayerInfo>;
}

/** The folders that a container's writes go to. */
export interface WritableLayer {
  readonly dir: string;
  readonly work: string;
}

export interface Usage {
  /** Bytes on disk; a file with several names counts once. */
  readonly bytes: number;
  readonly inodes: number;
  /** Sum of the lengths of everything but folders, in bytes, as Docker counts what a container has written. */
  readonly contentSize: number;
}

/** A change of a writable layer against what is below it: `docker diff`. */
export interface Change {
  readonly kind: 'modified' | 'added' | 'deleted';
  /** Absolute. */
  readonly path: Buffer;
}

/** What lies at a path of a container. */
export interface FileStat {
  /** Its last name, as the path had it; `/` for the root. */
  readonly name: string;
  readonly size: number;
  /** Go's os.FileMode. */
  readonly mode: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /** Of a link: where it leads in the end, as a path of the container. */
  readonly linkTarget: string;
}

export interface ArchiveOptions {
  /** Names begin with what is in the folder, and have no entry for it. */
  readonly contentOnly?: boolean;
  /** Instead of its bytes a file has their SHA-256 digest, of 32 bytes: what it is, without the way through the program. */
  readonly digests?: boolean;
  /** What is mounted below is left out: its folder is empty. */
  readonly oneFileSystem?: boolean;
  readonly ids?: IdMaps;
}

export interface UnpackOptions {
  readonly noOverwriteDirNonDir?: boolean;
  /** Instead of those in the archive. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly ids?: IdMaps;
  /** The folder at the path becomes as the archive's entry for its top says: owner, mode, attributes, time. Else it stays as it is. */
  readonly top?: boolean;
}

/**
 * Files below a folder of this machine that is a container's root, and changes perhaps. Paths are the container's, as
 * Docker's clients give them. No link, and nobody who moves things about, leads out of the root. Throws `not-found` where
 * there is nothing, `invalid` for what is no folder but must be one, and for too many links; `denied` with the code
 * `EROFS` as detail where nothing can be written.
 */
export interface RootedFiles {
  stat(root: string, path: string): Promise<FileStat>;
  /** Names in the folder at the path, in the order of their bytes. */
  list(root: string, path: string): Promise<readonly string[]>;
  /** A tar that Docker would have written; its top has the path's last name. */
  archive(root: string, path: string, options?: ArchiveOptions): AsyncIterable<Buffer>;
  /**
   * Unpacks a tar, packed or not, into the folder at the path. Throws `invalid` for one that is damaged or climbs out of
   * the folder, and what `tar` throws; what came before stays.
   */
  unpack(root: string, path: string, tar: AsyncIterable<Uint8Array>, options?: UnpackOptions): Promise<void>;
  /** What all below the root takes. */
  usage(root: string): Promise<Usage>;
}

export interface DiffOptions {
  /** Absolute paths that are left out, with all below them; `/etc/`: a folder, where nothing is in it but such. */
  readonly without?: readonly string[];
}

export interface SnapshotDriver {
  readonly name: 'overlay' | 'erofs';
  has(diffId: Digest): boolean;
  list(): readonly Digest[];
  /** A layer that arrives over the network, or from anywhere in pieces. */
  ingest(request: LayerRequest, options?: { readonly progress?: LayerProgress; readonly signal?: AbortSignal }): Promise<LayerIngest>;
  /** A layer that lies in a file already, or in a part of one. `blob` as in `ingest`, but the file may be linked instead of copied. */
  ingestFile(
    request: LayerRequest,
    file: { readonly path: string; readonly offset?: number; readonly length?: number },
    options?: { readonly progress?: LayerProgress; readonly signal?: AbortSignal },
  ): Promise<LayerInfo>;
  usage(diffId: Digest): Promise<Usage>;
  /** `LayerInfo.contentSize` of a layer that is there. */
  contentSize(diffId: Digest): number;
  /** Takes the layer's name away at once and removes its files in the background. The caller knows that nobody uses it. */
  remove(diffId: Digest): void;
  /** Removes what crashes have left: half-made layers, and what was being removed. */
  sweep(): void;
  /** Whether `sweep` is likely to find something: it has been there for a minute. */
  untidy(): boolean;

  /** Makes the folders for a container's writes; `id` is a file name. */
  createWritable(id: string): WritableLayer;
  removeWritable(id: string): void;
  writables(): readonly string[];
  writableUsage(id: string, options?: DiffOptions): Promise<Usage>;
  /** The root file system of these layers (lowest first), writable where `writable` is the id of such a layer. */
  root(layers: readonly Digest[], writable: string | undefined, mountPoint: string): RootSource;
  /** What a container has changed. */
  changes(layers: readonly Digest[], writable: string): Promise<readonly Change[]>;
  /** The changes as a tar that Docker would have written: whiteouts as `.wh.` files, opaque folders as `.wh..wh..opq`. */
  diff(layers: readonly Digest[], writable: string, options?: DiffOptions): AsyncIterable<Buffer>;
  readonly rooted: RootedFiles;
  /** Resolves when removals in the background are done and all threads have ended. */
  close(): Promise<void>;
}
