/**
 * File calls that Node lacks, for code that works synchronously on a thread of its own. Paths are raw bytes, never end
 * in NUL, and are never followed where their last part is a link. Everything throws SyscallError.
 */

/** A file's times in nanoseconds since 1970. */
export interface FileTimes {
  readonly atime: bigint;
  readonly mtime: bigint;
}

export interface RawFiles {
  /** `mode` with the type's bits (S_IFCHR, S_IFBLK, S_IFIFO); owner and mode mask are the thread's. */
  mknod(path: Buffer, mode: number, major: number, minor: number): void;
  setTimes(path: Buffer, times: FileTimes): void;
  /** As `setTimes`, for an open file. */
  setFileTimes(fd: number, times: FileTimes): void;
  setXattr(path: Buffer, name: string, value: Buffer): void;
  /** As `setXattr`, for an open file. */
  setFileXattr(fd: number, name: string, value: Buffer): void;
  /** Undefined where the file has it not, or the file system knows no such attributes. */
  getXattr(path: Buffer, name: string): Buffer | undefined;
  listXattrs(path: Buffer): string[];
  /** Takes room on the disk for bytes that come later; the file stays as long as it is. A wish: that it cannot be is not said. */
  reserve(fd: number, offset: number, length: number): void;
  /** Begins to bring a part of a file to the disk, on another thread. Also a wish, `done` whatever came of it. */
  startWriteback(fd: number, offset: number, length: number, done: () => void): void;
  /** A further name of a file; both names are looked up in open folders. */
  link(fromFolderFd: number, from: Buffer, toFolderFd: number, to: Buffer): void;
}

/**
 * The root folder of one thread. Other threads keep theirs, so only synchronous calls are confined: the asynchronous
 * ones of node:fs run elsewhere.
 */
export interface ThreadRoot {
  /** Makes an open folder the thread's root and working folder; links can lead no further than to it. */
  enter(folderFd: number): void;
  /** Makes an open folder the thread's working folder, which may lie outside of its root: names without a slash are found there. */
  stand(folderFd: number): void;
  /** Who the thread's new files belong to, also on mounts where that is all that can own any. What it may do stays as it is. */
  own(uid: number, gid: number): void;
  /** Back to the root of the process. */
  leave(): void;
}
