/**
 * Unpacks an archive into a folder below a root, as Docker does (moby: pkg/archive, Unpack): `docker cp` into a container.
 * Names are cleaned as text and may not climb out of the folder; links on their way are followed as if it were the root.
 * Something of another kind is removed before an entry takes its place; folders are merged.
 */
import { writeAt } from '../base/write-at.ts';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lchownSync,
  mkdirSync,
  openSync,
  symlinkSync,
} from 'node:fs';
import { EngineError, invalid } from '../base/errors.ts';
import { O_DIRECTORY, S_IFBLK, S_IFCHR, S_IFIFO } from '../kernel/constants.ts';
import type { TarEntry, TarHandler } from '../tar/contract.ts';
import { quote } from '../tar/numbers.ts';
import type { UnpackOptions } from './contract.ts';
import { cleanPath } from './entry-name.ts';
import { toHost } from './id-map.ts';
import { checkDepth, codeOf, shown, type Rooted, type RootedFolder, type RootedPlace } from './rooted.ts';
import type { RootedPath } from './rooted-path.ts';

/** Folders that are kept open for what may come next. */
const KEPT = 32;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const LOOK = constants.O_RDONLY | constants.O_NONBLOCK;

export class RootedUnpack implements TarHandler {
  readonly #rooted: Rooted;
  readonly #options: UnpackOptions;
  readonly #top: RootedFolder;
  /** By the names that entries gave them. */
  readonly #open = new Map<string, RootedFolder>();
  /** Still at work, and no longer known by its names. */
  #left: RootedFolder | undefined;
  /** Set at the end, for making files in a folder changes it. By where they really are. */
  readonly #times = new Map<string, bigint>();
  #topTime: bigint | undefined;
  #fd = -1;
  #entry: TarEntry | undefined;
  #written = 0;

  /** Throws ENOENT, ENOTDIR and the like for what is no folder, EROFS where nothing can be written. */
  constructor(rooted: Rooted, path: RootedPath, options: UnpackOptions) {
    this.#rooted = rooted;
    this.#options = options;
    if (options.ids !== undefined && options.ids.uid.length > 0) rooted.own(...this.#root());
    this.#top = topOf(rooted, path);
    try {
      rooted.held(this.#top.fd, (at) => accessSync(at, constants.W_OK));
    } catch (error) {
      rooted.close(this.#top);
      throw error;
    }
  }

  entry(entry: TarEntry): void {
    this.#entry = undefined;
    this.#tidy();
    const names = namesOf(entry.name);
    const name = names.pop();
    if (name === undefined) {
      if (entry.type === 'dir') return this.#ofTop(entry);
      throw invalid(`cannot overwrite directory ${shown(this.#top.names)} with ${quote(entry.name)}`);
    }
    const folder = this.#folder(names);
    const place = { folder, name };
    const exists = this.#makeRoom(entry, place);
    this.#make(entry, place, exists);
  }

  data(chunk: Buffer, at: number): void {
    if (this.#fd === -1) return;
    writeAt(this.#fd, chunk, at);
    this.#written = at + chunk.length;
  }

  entryEnd(): void {
    const entry = this.#entry;
    if (this.#fd === -1 || entry === undefined) return;
    if (this.#written < entry.size) ftruncateSync(this.#fd, entry.size);
    this.#ofFile(entry, this.#fd);
    this.#closeFile();
  }

  finish(): void {
    for (const [path, mtime] of this.#times) this.#setFolderTime(path, mtime);
    if (this.#topTime !== undefined) this.#onTop((fd) => this.#rooted.files.setFileTimes(fd, { atime: this.#topTime!, mtime: this.#topTime! }));
    this.close();
  }

  /** At any moment. What has been written stays. */
  close(): void {
    this.#closeFile();
    this.#forget();
    this.#tidy();
    this.#rooted.close(this.#top);
  }

  /** The folder that all goes into stays as it is, unless that was asked for. */
  #ofTop(entry: TarEntry): void {
    if (this.#options.top !== true) return;
    this.#onTop((fd) => this.#ofFile(entry, fd));
    this.#topTime = entry.mtime;
  }

  #onTop(set: (fd: number) => void): void {
    const fd = this.#rooted.held(this.#top.fd, (at) => openSync(at, LOOK | O_DIRECTORY));
    try {
      set(fd);
    } finally {
      closeSync(fd);
    }
  }

  #closeFile(): void {
    if (this.#fd !== -1) closeSync(this.#fd);
    this.#fd = -1;
  }

  /** Between entries: none is at work with a folder. */
  #tidy(): void {
    if (this.#left !== undefined) this.#rooted.close(this.#left);
    this.#left = undefined;
    if (this.#open.size >= KEPT) this.#forget();
  }

  /** `but`: an entry is at work with it. */
  #forget(but?: RootedFolder): void {
    for (const folder of this.#open.values()) {
      if (folder === but) this.#left = folder;
      else this.#rooted.close(folder);
    }
    this.#open.clear();
  }

  /** The folder of an entry; what is missing of it belongs to the container's root. */
  #folder(names: readonly string[]): RootedFolder {
    if (names.length === 0) return this.#top;
    const key = names.join('/');
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const above = this.#open.get(names.slice(0, -1).join('/'));
    const [from, rest] = above === undefined ? [this.#top, names] : [above, names.slice(-1)];
    const folder = this.#rooted.folder(from, rest, this.#top, (place) => {
      const fd = this.#rooted.open(place.folder, place.name, LOOK | O_DIRECTORY);
      try {
        fchownSync(fd, ...this.#root());
        fchmodSync(fd, 0o755);
      } finally {
        closeSync(fd);
      }
    });
    checkDepth(folder);
    this.#open.set(key, folder);
    return folder;
  }

  /** Removes what stands in the entry's way; true where a folder is there already for one. */
  #makeRoom(entry: TarEntry, place: RootedPlace): boolean {
    const there = this.#rooted.stat(place.folder, place.name);
    if (there === undefined) return false;
    const folder = there.isDirectory();
    if (folder && entry.type === 'dir') return true;
    if (this.#options.noOverwriteDirNonDir === true && folder !== (entry.type === 'dir')) {
      const [old, next] = folder ? ['directory', 'non-directory'] : ['non-directory', 'directory'];
      throw invalid(`cannot overwrite ${old} ${quote(Buffer.from(cleanPath(entry.name), 'latin1'))} with ${next} ${JSON.stringify(shown(this.#top.names))}`);
    }
    if (folder || there.isSymbolicLink()) this.#forgetBelow(place);
    this.#rooted.remove(place.folder, place.name);
    return false;
  }

  /** What goes may have been on the way to any folder that is known. */
  #forgetBelow({ folder, name }: RootedPlace): void {
    const gone = [...folder.names, name].join('/');
    for (const path of this.#times.keys()) if (path === gone || path.startsWith(`${gone}/`)) this.#times.delete(path);
    this.#forget(folder);
  }

  #make(entry: TarEntry, place: RootedPlace, exists: boolean): void {
    const { folder, name } = place;
    switch (entry.type) {
      case 'file':
        this.#fd = this.#rooted.open(folder, name, CREATE, 0o600);
        this.#entry = entry;
        this.#written = 0;
        return;
      case 'dir':
        if (!exists) this.#rooted.in(folder, name, (at) => mkdirSync(at, 0o700));
        this.#ofOpened(entry, place, O_DIRECTORY);
        this.#times.set([...folder.names, name].join('/'), entry.mtime);
        return;
      case 'link':
        return this.#link(entry, place);
      case 'symlink':
        if (entry.linkName.length === 0) throw invalid(`invalid archive: ${quote(entry.name)} is a symbolic link to nothing`);
        this.#rooted.in(folder, name, (at) => symlinkSync(entry.linkName, at));
        return this.#ofNode(entry, place, false);
      default:
        this.#node(entry, place);
        this.#ofNode(entry, place, true);
    }
  }

  /** To a file that this archive, or the folder, has. */
  #link(entry: TarEntry, place: RootedPlace): void {
    const names = namesOf(entry.linkName);
    const name = names.pop();
    const refuse = () => invalid(`invalid hardlink ${quote(entry.name)} -> ${quote(entry.linkName)}`);
    if (name === undefined) throw refuse();
    const from = this.#folder(names);
    const stat = this.#rooted.stat(from, name);
    if (stat === undefined) throw new EngineError('not-found', `link ${quote(entry.linkName)} ${quote(entry.name)}: no such file or directory`);
    if (stat.isDirectory()) throw refuse();
    this.#rooted.files.link(from.fd, Buffer.from(name, 'latin1'), place.folder.fd, Buffer.from(place.name, 'latin1'));
    // what a further name says of the file is the last word on it
    if (stat.isFile()) this.#ofOpened(entry, place, 0);
    else this.#ofNode(entry, place, !stat.isSymbolicLink());
  }

  #node(entry: TarEntry, { folder, name }: RootedPlace): void {
    const { type, devMajor, devMinor } = entry;
    const { files } = this.#rooted;
    if (type === 'fifo') return this.#rooted.in(folder, name, (at) => files.mknod(at, S_IFIFO | 0o600, 0, 0));
    if (devMajor < 0 || devMajor > 0xfff || devMinor < 0 || devMinor > 0xfffff) {
      throw invalid(`invalid archive: ${quote(entry.name)} has the device number ${devMajor}:${devMinor}`);
    }
    this.#rooted.in(folder, name, (at) => files.mknod(at, (type === 'char' ? S_IFCHR : S_IFBLK) | 0o600, devMajor, devMinor));
  }

  /** Owner, mode and the like of a file or folder that can be opened. */
  #ofOpened(entry: TarEntry, { folder, name }: RootedPlace, flags: number): void {
    const held = this.#rooted.hold(folder, name);
    try {
      const stat = fstatSync(held);
      if (!stat.isFile() && !stat.isDirectory()) return; // it has been replaced just now
      const fd = this.#rooted.held(held, (at) => openSync(at, LOOK | flags));
      try {
        this.#ofFile(entry, fd);
      } finally {
        closeSync(fd);
      }
    } finally {
      closeSync(held);
    }
  }

  #ofFile(entry: TarEntry, fd: number): void {
    // in this order: a write or a new owner takes set-uid bits and capabilities away
    fchownSync(fd, ...this.#owner(entry));
    fchmodSync(fd, entry.mode);
    for (const [name, value] of entry.xattrs) tolerant(name, () => this.#rooted.files.setFileXattr(fd, name, value));
    this.#rooted.files.setFileTimes(fd, { atime: entry.mtime, mtime: entry.mtime });
  }

  /** Of what cannot be opened: a link, a device. */
  #ofNode(entry: TarEntry, { folder, name }: RootedPlace, withMode: boolean): void {
    const { files } = this.#rooted;
    this.#rooted.in(folder, name, (at) => lchownSync(at, ...this.#owner(entry)));
    if (withMode) this.#setMode(entry, { folder, name });
    for (const [key, value] of entry.xattrs) tolerant(key, () => this.#rooted.in(folder, name, (at) => files.setXattr(at, key, value)));
    this.#rooted.in(folder, name, (at) => files.setTimes(at, { atime: entry.mtime, mtime: entry.mtime }));
  }

  #setMode(entry: TarEntry, { folder, name }: RootedPlace): void {
    const held = this.#rooted.hold(folder, name);
    try {
      if (!fstatSync(held).isSymbolicLink()) this.#rooted.held(held, (at) => chmodSync(at, entry.mode));
    } finally {
      closeSync(held);
    }
  }

  #setFolderTime(path: string, mtime: bigint): void {
    const names = path.split('/');
    try {
      const { folder, name } = this.#rooted.place(names)!;
      try {
        const stat = this.#rooted.stat(folder, name);
        if (stat?.isDirectory() === true) this.#rooted.in(folder, name, (at) => this.#rooted.files.setTimes(at, { atime: mtime, mtime }));
      } finally {
        this.#rooted.close(folder);
      }
    } catch (error) {
      // it has been moved away meanwhile
      if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error))) throw error;
    }
  }

  #root(): [uid: number, gid: number] {
    const { ids } = this.#options;
    return ids === undefined ? [0, 0] : [toHost(ids.uid, 0) ?? 0, toHost(ids.gid, 0) ?? 0];
  }

  #owner(entry: TarEntry): [uid: number, gid: number] {
    const { owner, ids } = this.#options;
    const { uid, gid } = owner ?? entry;
    if (ids === undefined) return [uid, gid];
    const mapped = [toHost(ids.uid, uid), toHost(ids.gid, gid)] as const;
    if (mapped[0] === undefined || mapped[1] === undefined) throw invalid(`${quote(entry.name)}: container ID ${uid}:${gid} cannot be mapped to a host ID`);
    return [mapped[0], mapped[1]];
  }
}

function topOf(rooted: Rooted, { names, folder }: RootedPath): RootedFolder {
  try {
    return rooted.folder(rooted.root, names);
  } catch (error) {
    if (codeOf(error) !== 'ENOTDIR' || folder) throw error;
    // there is something, or one of the folders on the way to it is none
    const { folder: above } = rooted.place(names)!;
    rooted.close(above);
    throw invalid('extraction point is not a directory');
  }
}

function namesOf(name: Buffer): string[] {
  return cleanPath(name)
    .split('/')
    .filter((part) => part !== '');
}

/** As Docker: a file system without attributes, or a kind of file that cannot have them. Overlayfs's own marks are not for archives. */
function tolerant(name: string, set: () => void): void {
  if (/^(trusted|user)\.overlay\./.test(name)) return;
  try {
    set();
  } catch (error) {
    if (!['EOPNOTSUPP', 'EPERM'].includes(codeOf(error))) throw error;
  }
}
