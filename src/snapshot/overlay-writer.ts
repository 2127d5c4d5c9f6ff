/**
 * Unpacks a layer into a folder as overlayfs reads it (kernel: Documentation/filesystems/overlayfs.rst, "whiteouts and
 * opaque directories"). Runs on a thread whose root is that folder.
 *
 * Entries count in the archive's order: a later one replaces an earlier one of the same path, folders are merged. A folder
 * that takes the place of something else is opaque, because that something hid the folder below, too.
 *
 * No link of the layer is followed by a system call: the folder of each entry is walked part by part and links in it are
 * resolved within the root. The thread's own root is the second wall.
 */
import { writeAt } from '../base/write-at.ts';
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { EngineError, invalid } from '../base/errors.ts';
import { S_IFBLK, S_IFCHR, S_IFIFO } from '../kernel/constants.ts';
import type { RawFiles, ThreadRoot } from '../kernel/files-contract.ts';
import type { TarEntry } from '../tar/contract.ts';
import { quote } from '../tar/numbers.ts';
import { cleanPath, placeEntry, splitPath } from './entry-name.ts';
import { follow } from './follow.ts';
import type { LayerWriter } from './layer-writer.ts';
import { bytes, exists, FOLDERS, isWhiteout, join, lstat } from './thread-folders.ts';
import { writeUserMarks } from './user-marks.ts';
import { removeTree } from './walk.ts';

const OPAQUE_XATTR = 'trusted.overlay.opaque';
/** A file beside `fs`: nothing below this layer shows. The kernel does not look for the mark on a layer's own root. */
export const OPAQUE_ROOT = 'opaque-root';
const YES = Buffer.from('y');
/** Bytes. A file of so many gets its room before it is written, and goes to the disk at once: see `large-file.ts`. */
const LARGE = 256 << 10;
/** Bytes. What an archive says of a file's size takes no more of the disk than this before the bytes are there. */
const MAX_ROOM = 64 << 20;
/** Files that may be on their way to the disk; what comes meanwhile waits for the sync at the end. */
const MAX_LEAVING = 4;
const SPECIAL = 0o7000;
const SET_GID = 0o2000;
const DEFAULT_ACL = 'system.posix_acl_default';
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

interface Known {
  readonly at: string;
  readonly links: number;
}

const ROOT: Known = { at: '', links: 0 };

export class OverlayWriter implements LayerWriter {
  readonly #files: RawFiles;
  readonly #root: ThreadRoot;
  readonly #dir: string;
  #rootFd = -1;
  /** Folders by the names that entries gave them: where they really are, and through how many links that leads. */
  readonly #folders = new Map<string, Known>([['', ROOT]]);
  /** Set at the end, for making files in a folder changes them. */
  readonly #folderTimes = new Map<string, bigint>();
  readonly #opaque = new Set<string>();
  readonly #whiteouts = new Set<string>();
  #fd = -1;
  #entry: TarEntry | undefined;
  #path = '';
  #written = 0;
  /** Whether the file was made with the mode that it shall have. */
  #hasMode = false;
  #leaving = 0;
  /** Whether some folder hands on its group or an access list to what is made in it. */
  #inherits = false;
  readonly #uid = process.geteuid!();
  readonly #gid = process.getegid!();
  readonly #mask = process.umask();

  /** Makes the thread's root a new folder `fs` in the layer's, until the end. */
  constructor(files: RawFiles, root: ThreadRoot, dir: string) {
    this.#files = files;
    this.#root = root;
    this.#dir = dir;
    mkdirSync(`${dir}/fs`, { mode: 0o755 });
    chmodSync(`${dir}/fs`, 0o755);
    this.#rootFd = openSync(`${dir}/fs`, constants.O_RDONLY | constants.O_DIRECTORY);
    root.enter(this.#rootFd);
  }

  plain(): void {}

  entry(entry: TarEntry): void {
    this.#entry = undefined;
    const place = placeEntry(entry.name);
    if (place.kind === 'skip') return;
    if (place.kind === 'opaque') {
      this.#opaque.add(this.#folder(place.path, entry.mtime));
      return;
    }
    const [folder, base] = splitPath(place.path);
    const inside = this.#folder(folder, entry.mtime);
    const path = join(inside, base);
    if (place.kind === 'whiteout') this.#whiteout(path);
    else if (path === '') this.#ofRoot(entry);
    else this.#make(entry, path);
  }

  data(chunk: Buffer, at: number): void {
    if (this.#fd === -1) return; // of a whiteout
    writeAt(this.#fd, chunk, at);
    this.#written = at + chunk.length;
  }

  entryEnd(): void {
    const entry = this.#entry;
    if (this.#fd === -1 || entry === undefined) return;
    if (this.#written < entry.size) ftruncateSync(this.#fd, entry.size);
    // in this order: a write or a new owner takes set-uid bits and capabilities away
    const owned = !this.#inherits && entry.uid === this.#uid && entry.gid === this.#gid;
    if (!owned) fchownSync(this.#fd, entry.uid, entry.gid);
    if (!this.#hasMode || !owned) fchmodSync(this.#fd, entry.mode);
    this.#setXattrs(entry, this.#path);
    this.#files.setFileTimes(this.#fd, { atime: entry.mtime, mtime: entry.mtime });
    if (entry.size >= LARGE && this.#leaving < MAX_LEAVING) this.#sendToDisk(this.#fd, entry.size);
    else closeSync(this.#fd);
    this.#fd = -1;
  }

  finish(): void {
    this.#dropPointless();
    for (const path of this.#opaque) this.#files.setXattr(bytes(path), OPAQUE_XATTR, YES);
    for (const [path, time] of this.#folderTimes) this.#files.setTimes(bytes(path), { atime: time, mtime: time });
    this.abort();
    if (this.#opaque.has('')) writeFileSync(`${this.#dir}/${OPAQUE_ROOT}`, '');
    writeUserMarks(this.#files, this.#dir, [...this.#opaque].filter((path) => path !== '').map(bytes));
  }

  abort(): void {
    this.#closeFile();
    if (this.#rootFd === -1) return;
    this.#root.leave();
    closeSync(this.#rootFd);
    this.#rootFd = -1;
  }

  /** Closes it when it is on its way. */
  #sendToDisk(fd: number, size: number): void {
    this.#leaving++;
    this.#files.startWriteback(fd, 0, size, () => {
      this.#leaving--;
      closeSync(fd);
    });
  }

  #closeFile(): void {
    if (this.#fd !== -1) closeSync(this.#fd);
    this.#fd = -1;
  }

  #make(entry: TarEntry, path: string): void {
    const where = bytes(path);
    switch (entry.type) {
      case 'file':
        this.#hasMode = !this.#inherits && (entry.mode & (SPECIAL | this.#mask)) === 0;
        this.#fd = this.#replacing(path, () => openSync(where, CREATE, this.#hasMode ? entry.mode : 0o600));
        if (entry.size >= LARGE && entry.sparse === undefined) this.#files.reserve(this.#fd, 0, Math.min(entry.size, MAX_ROOM));
        this.#entry = entry;
        this.#path = path;
        this.#written = 0;
        return;
      case 'dir':
        this.#makeFolder(path);
        this.#folderTimes.set(path, entry.mtime);
        this.#noteHeirs(entry);
        break;
      case 'link':
        if (this.#link(entry, path)) break;
        return;
      case 'symlink':
        if (entry.linkName.length === 0) throw invalid(`invalid archive: ${quote(entry.name)} is a symbolic link to nothing`);
        this.#replacing(path, () => symlinkSync(entry.linkName, where));
        break;
      case 'char':
      case 'block':
      case 'fifo':
        this.#node(entry, path);
    }
    // a hard link's, too: as Docker and containerd do, what it says of the file replaces what was said before
    lchownSync(where, entry.uid, entry.gid);
    if (entry.type !== 'symlink' && !(entry.type === 'link' && lstat(path)?.isSymbolicLink() === true)) chmodSync(where, entry.mode);
    this.#setXattrs(entry, path);
    if (entry.type !== 'dir') this.#files.setTimes(where, { atime: entry.mtime, mtime: entry.mtime });
  }

  #ofRoot(entry: TarEntry): void {
    if (entry.type !== 'dir') throw invalid(`invalid archive: ${quote(entry.name)} is not a folder`);
    this.#noteHeirs(entry);
    lchownSync('/', entry.uid, entry.gid);
    chmodSync('/', entry.mode);
    this.#setXattrs(entry, '');
    this.#folderTimes.set('', entry.mtime);
  }

  #noteHeirs({ mode, xattrs }: TarEntry): void {
    if ((mode & SET_GID) !== 0 || xattrs.has(DEFAULT_ACL)) this.#inherits = true;
  }

  /** Gives false where it is that file already. */
  #link(entry: TarEntry, path: string): boolean {
    const [folder, base] = splitPath(cleanPath(entry.linkName));
    const inside = this.#resolve(folder, undefined);
    const target = inside === undefined || base === '' ? undefined : join(inside, base);
    const stat = target === undefined ? undefined : lstat(target);
    // also not to what goes with the folder that the link replaces
    if (target === undefined || stat === undefined || stat.isDirectory() || isWhiteout(stat) || target.startsWith(`${path}/`)) {
      throw invalid(`invalid archive: ${quote(entry.name)} is a hard link to ${quote(entry.linkName)}, which is no file of this layer`);
    }
    const old = lstat(path);
    if (old !== undefined && old.ino === stat.ino) return false;
    this.#replacing(path, () => linkSync(bytes(target), bytes(path)));
    return true;
  }

  #node(entry: TarEntry, path: string): void {
    const { devMajor: major, devMinor: minor } = entry;
    if (entry.type !== 'fifo' && (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff)) {
      throw invalid(`invalid archive: ${quote(entry.name)} has the device number ${major}:${minor}`);
    }
    try {
      if (entry.type === 'fifo') this.#replacing(path, () => this.#files.mknod(bytes(path), S_IFIFO | 0o600, 0, 0));
      else this.#replacing(path, () => this.#files.mknod(bytes(path), (entry.type === 'char' ? S_IFCHR : S_IFBLK) | 0o600, major, minor));
    } catch (error) {
      if ((error as { code?: string }).code !== 'EPERM') throw error;
      throw new EngineError('denied', `cannot make the device ${quote(entry.name)}: operation not permitted`, {
        cause: error,
        hint: 'unpacking device nodes takes CAP_MKNOD',
      });
    }
  }

  #whiteout(path: string): void {
    const there = lstat(path);
    // what this layer has itself stays; a folder of this layer no longer shows what is below
    if (there?.isDirectory() === true) this.#opaque.add(path);
    else if (there === undefined) {
      this.#files.mknod(bytes(path), S_IFCHR, 0, 0);
      this.#whiteouts.add(path);
    }
  }

  /** Whiteouts where nothing from below shows anyway: overlayfs lists those of a folder that it need not merge. */
  #dropPointless(): void {
    if (this.#opaque.size === 0) return;
    const known = new Map<string, boolean>([['', this.#opaque.has('')]]);
    const hides = (folder: string): boolean => {
      let answer = known.get(folder);
      if (answer === undefined) known.set(folder, (answer = this.#opaque.has(folder) || hides(splitPath(folder)[0])));
      return answer;
    };
    for (const path of this.#whiteouts) if (hides(splitPath(path)[0])) unlinkSync(bytes(path));
  }

  #makeFolder(path: string): void {
    try {
      mkdirSync(bytes(path), 0o755);
    } catch (error) {
      if (!exists(error)) throw error;
      if (lstat(path)?.isDirectory() === true) return;
      this.#remove(path);
      mkdirSync(bytes(path), 0o755);
      this.#opaque.add(path);
    }
  }

  /** A folder that an entry goes to, made where it is missing. */
  #folder(path: string, mtime: bigint): string {
    return this.#resolve(path, mtime)!;
  }

  /** Where a folder really is. Without a time nothing is made, and the answer is undefined for what is no folder. */
  #resolve(path: string, mtime: bigint | undefined): string | undefined {
    return this.#known(path, mtime)?.at;
  }

  #known(path: string, mtime: bigint | undefined): Known | undefined {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const [folder, base] = splitPath(path);
    const above = this.#known(folder, mtime);
    if (above === undefined) return undefined;
    const make = mtime === undefined ? undefined : (at: string, name: string) => this.#makeMissing(at, name, mtime);
    const walk = { links: above.links };
    const at = follow(FOLDERS, above.at, base, walk, make);
    if (at === undefined) return undefined;
    const found = { at, links: walk.links };
    this.#folders.set(path, found);
    return found;
  }

  #makeMissing(folder: string, name: string, mtime: bigint): string {
    const path = join(folder, name);
    this.#makeFolder(path);
    lchownSync(bytes(path), 0, 0); // the folder above may be set-gid
    chmodSync(bytes(path), 0o755);
    this.#folderTimes.set(path, mtime);
    return path;
  }

  /** Makes something where nothing may be yet; else what is there is removed. */
  #replacing<T>(path: string, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (!exists(error)) throw error;
      this.#remove(path);
      return make();
    }
  }

  #remove(path: string): void {
    // a plain file leads nowhere
    if (lstat(path)?.isFile() !== true) {
      this.#folders.clear();
      this.#folders.set('', ROOT);
    }
    const known = [this.#folderTimes, this.#opaque, this.#whiteouts];
    removeTree(bytes(path), (gone) => {
      for (const paths of known) paths.delete(gone.toString('latin1'));
    });
  }

  #setXattrs(entry: TarEntry, path: string): void {
    for (const [name, value] of entry.xattrs) {
      // overlayfs's own marks are made from whiteouts only
      if (/^(trusted|user)\.overlay\./.test(name)) continue;
      try {
        this.#files.setXattr(bytes(path), name, value);
      } catch (error) {
        // as Docker: a file system without them, or a kind of file that cannot have them
        if (!['EOPNOTSUPP', 'EPERM'].includes((error as { code?: string }).code ?? '')) throw error;
      }
    }
  }
}
