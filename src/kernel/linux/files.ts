/** The file calls of `files-contract.ts`, on the C library. */
import { closeSync, constants, openSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { SyscallError } from '../../base/errors.ts';
import { libC } from './libc.ts';
import { makedev } from '../constants.ts';
import type { FileTimes, RawFiles, ThreadRoot } from '../files-contract.ts';

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const CLONE_FS = 0x200;
const EPERM = 1;
const EIO = 5;
const PR_SET_SECUREBITS = 28;
/** A change of fsuid takes no capabilities away. */
const SECBIT_NO_SETUID_FIXUP = 4;
const FALLOC_FL_KEEP_SIZE = 1;
const SYNC_FILE_RANGE_WRITE = 2;
/** The longest value and list of names that the kernel gives (XATTR_SIZE_MAX, XATTR_LIST_MAX). */
const XATTR_MAX = 65536;

interface LibC {
  mknod(path: Buffer, mode: number, device: number): number;
  utimensat(folder: number, path: Buffer, times: Buffer, flags: number): number;
  futimens(fd: number, times: Buffer): number;
  lsetxattr(path: Buffer, name: string, value: Buffer, size: number, flags: number): number;
  fsetxattr(fd: number, name: string, value: Buffer, size: number, flags: number): number;
  lgetxattr(path: Buffer, name: string, value: Buffer, size: number): number;
  llistxattr(path: Buffer, list: Buffer, size: number): number;
  linkat(fromFolder: number, from: Buffer, toFolder: number, to: Buffer, flags: number): number;
  syncfs: { async(fd: number, done: (error: unknown, result: number) => void): void };
  fallocate(fd: number, mode: number, offset: number, length: number): number;
  sync_file_range: { async(fd: number, offset: number, length: number, flags: number, done: (error: unknown, result: number) => void): void };
  prctl(option: number, value: number, a: number, b: number, c: number): number;
  setfsuid(uid: number): number;
  setfsgid(gid: number): number;
  unshare(flags: number): number;
  chroot(path: string): number;
  fchdir(fd: number): number;
  errno(): number;
}

function loadLibC(): LibC {
  const library = libC();
  return {
    mknod: library.func('int mknod(const uint8_t *path, unsigned int mode, uint64_t device)'),
    utimensat: library.func('int utimensat(int folder, const uint8_t *path, const uint8_t *times, int flags)'),
    futimens: library.func('int futimens(int fd, const uint8_t *times)'),
    lsetxattr: library.func('int lsetxattr(const uint8_t *path, const char *name, const uint8_t *value, size_t size, int flags)'),
    fsetxattr: library.func('int fsetxattr(int fd, const char *name, const uint8_t *value, size_t size, int flags)'),
    lgetxattr: library.func('int64_t lgetxattr(const uint8_t *path, const char *name, uint8_t *value, size_t size)'),
    llistxattr: library.func('int64_t llistxattr(const uint8_t *path, uint8_t *list, size_t size)'),
    linkat: library.func('int linkat(int from_folder, const uint8_t *from, int to_folder, const uint8_t *to, int flags)'),
    syncfs: library.func('int syncfs(int fd)'),
    fallocate: library.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)'),
    sync_file_range: library.func('int sync_file_range(int fd, int64_t offset, int64_t length, unsigned int flags)'),
    prctl: library.func('int prctl(int option, unsigned long value, unsigned long a, unsigned long b, unsigned long c)'),
    setfsuid: library.func('int setfsuid(unsigned int uid)'),
    setfsgid: library.func('int setfsgid(unsigned int gid)'),
    unshare: library.func('int unshare(int flags)'),
    chroot: library.func('int chroot(const char *path)'),
    fchdir: library.func('int fchdir(int fd)'),
    errno: library.errno,
  } as LibC;
}

class LinuxRawFiles implements RawFiles {
  readonly #libc: LibC;
  /** Paths with a NUL at their end, value by value. */
  readonly #path = Buffer.alloc(4097);
  readonly #times = Buffer.alloc(32);
  readonly #value = Buffer.alloc(XATTR_MAX);

  constructor(libc: LibC) {
    this.#libc = libc;
  }

  mknod(path: Buffer, mode: number, major: number, minor: number): void {
    this.#check(this.#libc.mknod(this.#z(path, 'mknod'), mode, makedev(major, minor)), 'mknod', path);
  }

  setTimes(path: Buffer, times: FileTimes): void {
    this.#check(this.#libc.utimensat(AT_FDCWD, this.#z(path, 'utimensat'), this.#spec(times), AT_SYMLINK_NOFOLLOW), 'utimensat', path);
  }

  setFileTimes(fd: number, times: FileTimes): void {
    this.#check(this.#libc.futimens(fd, this.#spec(times)), 'futimens');
  }

  setXattr(path: Buffer, name: string, value: Buffer): void {
    this.#check(this.#libc.lsetxattr(this.#z(path, 'lsetxattr'), name, value, value.length, 0), 'lsetxattr', path);
  }

  setFileXattr(fd: number, name: string, value: Buffer): void {
    this.#check(this.#libc.fsetxattr(fd, name, value, value.length, 0), 'fsetxattr');
  }

  link(fromFolderFd: number, from: Buffer, toFolderFd: number, to: Buffer): void {
    const source = Buffer.from(this.#z(from, 'linkat').subarray(0, from.length + 1));
    this.#check(this.#libc.linkat(fromFolderFd, source, toFolderFd, this.#z(to, 'linkat'), 0), 'linkat', to);
  }

  getXattr(path: Buffer, name: string): Buffer | undefined {
    const length = this.#libc.lgetxattr(this.#z(path, 'lgetxattr'), name, this.#value, XATTR_MAX);
    if (length >= 0) return Buffer.from(this.#value.subarray(0, length));
    const errno = this.#libc.errno();
    if (['ENODATA', 'EOPNOTSUPP'].includes(errnoName(errno))) return undefined;
    throw failure('lgetxattr', errno, path);
  }

  listXattrs(path: Buffer): string[] {
    const length = this.#libc.llistxattr(this.#z(path, 'llistxattr'), this.#value, XATTR_MAX);
    if (length === 0) return [];
    if (length > 0) return this.#value.toString('utf8', 0, length - 1).split('\0');
    const errno = this.#libc.errno();
    if (errnoName(errno) === 'EOPNOTSUPP') return [];
    throw failure('llistxattr', errno, path);
  }

  reserve(fd: number, offset: number, length: number): void {
    this.#libc.fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length);
  }

  startWriteback(fd: number, offset: number, length: number, done: () => void): void {
    this.#libc.sync_file_range.async(fd, offset, length, SYNC_FILE_RANGE_WRITE, done);
  }

  #z(path: Buffer, syscall: string): Buffer {
    if (path.length >= 4096) throw failure(syscall, 36, path); // ENAMETOOLONG
    path.copy(this.#path);
    this.#path[path.length] = 0;
    return this.#path;
  }

  #spec(times: FileTimes): Buffer {
    timespec(this.#times, 0, times.atime);
    timespec(this.#times, 16, times.mtime);
    return this.#times;
  }

  #check(result: number, syscall: string, path?: Buffer): void {
    if (result < 0) throw failure(syscall, this.#libc.errno(), path);
  }
}

class LinuxThreadRoot implements ThreadRoot {
  readonly #libc: LibC;
  readonly #outside: number;

  constructor(libc: LibC) {
    this.#libc = libc;
    this.#outside = openSync('/', constants.O_RDONLY | constants.O_DIRECTORY);
    if (libc.unshare(CLONE_FS) < 0) {
      const errno = libc.errno();
      closeSync(this.#outside);
      throw failure('unshare', errno);
    }
  }

  enter(folderFd: number): void {
    if (this.#libc.fchdir(folderFd) < 0) throw failure('fchdir', this.#libc.errno());
    if (this.#libc.chroot('.') < 0) {
      const error = failure('chroot', this.#libc.errno());
      this.leave();
      throw error;
    }
  }

  stand(folderFd: number): void {
    if (this.#libc.fchdir(folderFd) < 0) throw failure('fchdir', this.#libc.errno());
  }

  own(uid: number, gid: number): void {
    if (this.#libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0) throw failure('prctl', this.#libc.errno());
    this.#libc.setfsuid(uid);
    this.#libc.setfsgid(gid);
    // they say nothing of a failure, and give what was set before
    if (this.#libc.setfsuid(uid) !== uid || this.#libc.setfsgid(gid) !== gid) throw failure('setfsuid', EPERM);
  }

  leave(): void {
    if (this.#libc.fchdir(this.#outside) < 0) throw failure('fchdir', this.#libc.errno());
    if (this.#libc.chroot('.') < 0) throw failure('chroot', this.#libc.errno());
  }
}

/** Brings everything of the file system that holds a folder to its disk, without keeping this thread from its work. Throws SyscallError. */
export async function syncFileSystem(folder: string): Promise<void> {
  const { syncfs } = (loaded ??= loadLibC());
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const result = await new Promise<number>((resolve, reject) => syncfs.async(fd, (error, value) => (error ? reject(error as Error) : resolve(value))));
    // the errno is the other thread's: what can go wrong with a folder that is open is the disk
    if (result < 0) throw failure('syncfs', EIO, Buffer.from(folder));
  } finally {
    closeSync(fd);
  }
}

let loaded: LibC | undefined;

export function linuxRawFiles(): RawFiles {
  return new LinuxRawFiles((loaded ??= loadLibC()));
}

/** Of the thread that calls it: a worker thread, because the main one shares its root with Node's helper threads. */
export function linuxThreadRoot(): ThreadRoot {
  return new LinuxThreadRoot((loaded ??= loadLibC()));
}

function timespec(buffer: Buffer, at: number, nanoseconds: bigint): void {
  const rest = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  buffer.writeBigInt64LE((nanoseconds - rest) / 1_000_000_000n, at);
  buffer.writeBigInt64LE(rest, at + 8);
}

function errnoName(errno: number): string {
  const name = getSystemErrorMap().get(-errno)?.[0] ?? `errno ${errno}`;
  return name === 'ENOTSUP' ? 'EOPNOTSUPP' : name;
}

function failure(syscall: string, errno: number, path?: Buffer): SyscallError {
  const message = getSystemErrorMap().get(-errno)?.[1] ?? `errno ${errno}`;
  return new SyscallError(syscall, errno, errnoName(errno), message, path?.toString('utf8'));
}
