/**
 * Tar archives, read and written as streams by synchronous code: POSIX ustar and pax (pax(1)), GNU's extensions (long
 * names, base-256 numbers, sparse files in all four formats). Nothing here touches a file system, and nothing is
 * trusted: names are handed on as they are in the archive, whoever puts them on a disk must check them.
 */

export type TarType = 'file' | 'link' | 'symlink' | 'char' | 'block' | 'dir' | 'fifo';

/** A run of bytes that a sparse file has; between runs it is zeros. */
export interface TarRun {
  readonly offset: number;
  readonly length: number;
}

export interface TarEntry {
  readonly type: TarType;
  /** As in the archive, any bytes but NUL; unchecked. A folder's may end in a slash. */
  readonly name: Buffer;
  /** What a link or symbolic link points to; empty for others. */
  readonly linkName: Buffer;
  /** Permission bits with set-uid, set-gid and sticky: 07777 at most. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly userName: string;
  readonly groupName: string;
  /** Bytes of the file as a reader of it sees them; 0 for everything but files. */
  readonly size: number;
  /** Nanoseconds since 1970; may be negative. */
  readonly mtime: bigint;
  readonly atime?: bigint | undefined;
  readonly ctime?: bigint | undefined;
  readonly devMajor: number;
  readonly devMinor: number;
  /** Names as `user.x` or `security.capability` (pax records `SCHILY.xattr.NAME`, also `LIBARCHIVE.xattr.NAME`). */
  readonly xattrs: ReadonlyMap<string, Buffer>;
  /** Only of a sparse file: the runs that the archive has, in order and not overlapping. */
  readonly sparse?: readonly TarRun[] | undefined;
  /** Where the entry's data begins in the archive, in bytes from its start: of a sparse file, the first run's. */
  readonly dataOffset: number;
}

/** Called by a reader, in the archive's order. What it throws ends the reading. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  /** Bytes of the last entry's file; `at` is their offset in the file (sparse: holes are skipped). The chunk may be reused afterwards. */
  data(chunk: Buffer, at: number): void;
  /** All of the last entry's data has come. Also called for entries without data. */
  entryEnd(): void;
}
