/**
 * A folder that is somebody's root, and perhaps a running container's, which moves things about meanwhile. Each part of a
 * path is opened by itself, from the open folder above it, and never through a link: links are read, and followed here,
 * with `..` counted from the names that were gone through. So nothing can lead out: no link, no name that becomes a link
 * between two looks (CVE-2018-15664), none of the kernel's own links in /proc, whose text is all that counts. Nothing of
 * the container is run (CVE-2019-14271). While it is open the thread's root is that folder, too: the second wall.
 *
 * Names are latin1 strings, one character a byte.
 */
import { closeSync, constants, lstatSync, mkdirSync, openSync, readdirSync, readlinkSync, rmdirSync, unlinkSync, type BigIntStats } from 'node:fs';
import { EngineError, invalid } from '../base/errors.ts';
import { O, O_DIRECTORY, O_NOFOLLOW } from '../kernel/constants.ts';
import type { RawFiles, ThreadRoot } from '../kernel/files-contract.ts';

/** As the kernel's. */
const MAX_LINKS = 40;
const PATH_MAX = 4096;
const HERE = Buffer.from('.');

/** An open folder, and the names that lead to it from the root, none of which was a link. */
export interface RootedFolder {
  readonly fd: number;
  readonly names: readonly string[];
}

/** Something by its folder and its own name there, which may be no name of anything. */
export interface RootedPlace {
  readonly folder: RootedFolder;
  readonly name: string;
}

export class Rooted implements Disposable {
  readonly files: RawFiles;
  readonly root: RootedFolder;
  readonly #thread: ThreadRoot;
  /** The folder of this process's open files, as the host has it. */
  readonly #fds: number;
  #standing = -1;
  #owned = false;

  constructor(files: RawFiles, thread: ThreadRoot, path: string) {
    this.files = files;
    this.#thread = thread;
    const fd = openSync(path, constants.O_RDONLY | O_DIRECTORY);
    try {
      this.#fds = openSync('/proc/self/fd', O.PATH | O_DIRECTORY);
      this.root = { fd, names: [] };
      thread.enter(fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Who what is made here belongs to at first. */
  own(uid: number, gid: number): void {
    this.#thread.own(uid, gid);
    this.#owned = true;
  }

  [Symbol.dispose](): void {
    if (this.#owned) this.#thread.own(0, 0);
    this.#thread.leave();
    closeSync(this.root.fd);
    closeSync(this.#fds);
  }

  /** Does something with one name in a folder. What is done must not follow a link. */
  in<T>(folder: RootedFolder, name: string, what: (name: Buffer) => T): T {
    if (this.#standing !== folder.fd) this.#thread.stand(folder.fd);
    this.#standing = folder.fd;
    return what(Buffer.from(name, 'latin1'));
  }

  /** Opens one name, for what the flags say, and no link. */
  open(folder: RootedFolder, name: string, flags: number, mode?: number): number {
    return this.in(folder, name, (at) => openSync(at, flags | O_NOFOLLOW, mode));
  }

  /** Holds what a name names, whatever it is, without opening it as a file: of a link, the link. */
  hold(folder: RootedFolder, name: string): number {
    return this.open(folder, name, O.PATH);
  }

  /** Does something with what is held; the path that it gets names just that. */
  held<T>(fd: number, what: (path: string) => T): T {
    this.#thread.stand(this.#fds);
    this.#standing = -1;
    return what(String(fd));
  }

  child({ names }: RootedFolder, fd: number, name: string): RootedFolder {
    return { fd, names: [...names, name] };
  }

  /** Names in a folder, in the order of their bytes. */
  names(folder: RootedFolder): string[] {
    const found = this.in(folder, '.', () => readdirSync(HERE, 'buffer'));
    return found.map((name) => name.toString('latin1')).toSorted();
  }

  /** Of a link, the link's. Undefined where there is nothing. */
  stat(folder: RootedFolder, name: string): BigIntStats | undefined {
    return this.in(folder, name, (at) => lstatSync(at, { bigint: true, throwIfNoEntry: false }));
  }

  readLink(folder: RootedFolder, name: string): Buffer {
    return this.in(folder, name, (at) => readlinkSync(at, 'buffer'));
  }

  close(folder: RootedFolder): void {
    if (folder.fd === this.root.fd) return;
    if (this.#standing === folder.fd) this.#standing = -1;
    closeSync(folder.fd);
  }

  /**
   * Opens the folder that names lead to, beginning at `from`; links among them are followed as if `scope`, which is above
   * it, were the root. What is missing is made where there is a `made`, which gets its place. Throws ENOENT, ENOTDIR,
   * ELOOP as errors with these codes.
   */
  folder(from: RootedFolder, names: readonly string[], scope = this.root, made?: (place: RootedPlace) => void): RootedFolder {
    let at = from;
    for (let index = 0; index < names.length; index++) {
      const name = names[index]!;
      const next = name === '..' || name === '.' || name === '' ? undefined : this.#step({ folder: at, name }, made);
      if (next === undefined) {
        const way = [...at.names.slice(scope.names.length), ...names.slice(index)];
        if (at !== from) this.close(at);
        return this.#walk(way, scope, made);
      }
      if (at !== from) this.close(at);
      at = next;
    }
    return at === from ? this.#again(from) : at;
  }

  /** The folder that holds what names lead to, and its name; that itself is not followed. Undefined: it is the root. */
  place(names: readonly string[]): RootedPlace | undefined {
    const name = names.at(-1);
    return name === undefined ? undefined : { folder: this.folder(this.root, names.slice(0, -1)), name };
  }

  /** Where names lead with all links followed; what is not there is taken by its name. */
  follow(names: readonly string[]): string[] {
    const way = new Way(this, names, this.root);
    try {
      for (let name = way.next(); name !== undefined; name = way.next()) way.enter(name);
      return way.names;
    } finally {
      way.close();
    }
  }

  /** Removes what a name names, and all in it. Nothing there is fine. */
  remove(folder: RootedFolder, name: string): void {
    try {
      return this.in(folder, name, (at) => unlinkSync(at));
    } catch (error) {
      if (isMissing(error)) return;
      if (codeOf(error) !== 'EISDIR') throw error;
    }
    const inside = this.child(folder, this.open(folder, name, O.PATH | O_DIRECTORY), name);
    try {
      checkDepth(inside);
      for (const each of this.names(inside)) this.remove(inside, each);
    } finally {
      this.close(inside);
    }
    this.in(folder, name, (at) => rmdirSync(at));
  }

  /** Undefined for a link. */
  #step(place: RootedPlace, made: ((place: RootedPlace) => void) | undefined): RootedFolder | undefined {
    const { folder, name } = place;
    try {
      return this.child(folder, this.open(folder, name, O.PATH | O_DIRECTORY), name);
    } catch (error) {
      if (made !== undefined && codeOf(error) === 'ENOENT') {
        this.in(folder, name, (at) => mkdirSync(at, 0o755));
        made(place);
        return this.#step(place, undefined);
      }
      if (codeOf(error) === 'ENOTDIR' && this.stat(folder, name)?.isSymbolicLink() === true) return undefined;
      throw error;
    }
  }

  #walk(names: readonly string[], scope: RootedFolder, made: ((place: RootedPlace) => void) | undefined): RootedFolder {
    const way = new Way(this, names, scope);
    try {
      for (let name = way.next(); name !== undefined; name = way.next()) {
        const place = { folder: way.folder!, name };
        const next = this.#step(place, made);
        if (next === undefined) way.turn(this.readLink(place.folder, name));
        else way.push(next);
      }
      return way.take() ?? this.#again(scope);
    } finally {
      way.close();
    }
  }

  /** The same folder, to be closed by itself. */
  #again(folder: RootedFolder): RootedFolder {
    if (folder.fd === this.root.fd) return folder;
    return { ...folder, fd: this.open(folder, '.', O.PATH | O_DIRECTORY) };
  }
}

/** A way through folders, beginning at one that no `..` and no link leads out of, with those that it came through kept open for `..`. */
class Way {
  readonly names: string[] = [];
  readonly #rooted: Rooted;
  readonly #scope: RootedFolder;
  readonly #rest: string[];
  /** Undefined where there is nothing to open. */
  readonly #folders: (RootedFolder | undefined)[] = [];
  #links = 0;

  constructor(rooted: Rooted, names: readonly string[], scope: RootedFolder) {
    this.#rooted = rooted;
    this.#scope = scope;
    this.#rest = names.toReversed();
  }

  get folder(): RootedFolder | undefined {
    return this.#folders.length === 0 ? this.#scope : this.#folders.at(-1);
  }

  /** The next name that is one. */
  next(): string | undefined {
    for (let name = this.#rest.pop(); name !== undefined; name = this.#rest.pop()) {
      if (name === '' || name === '.') continue;
      if (name !== '..') return name;
      this.names.pop();
      const left = this.#folders.pop();
      if (left !== undefined) this.#rooted.close(left);
    }
    return undefined;
  }

  push(folder: RootedFolder): void {
    this.#folders.push(folder);
    this.names.push(folder.names.at(-1)!);
  }

  /** Goes into what is a folder, along what is a link, and past the name of what is neither. */
  enter(name: string): void {
    const { folder } = this;
    const stat = folder === undefined ? undefined : this.#rooted.stat(folder, name);
    if (stat?.isSymbolicLink() === true) return this.turn(this.#rooted.readLink(folder!, name));
    this.#folders.push(stat?.isDirectory() === true ? this.#open(folder!, name) : undefined);
    this.names.push(name);
  }

  #open(folder: RootedFolder, name: string): RootedFolder {
    return this.#rooted.child(folder, this.#rooted.open(folder, name, O.PATH | O_DIRECTORY), name);
  }

  /** Goes on along a link. */
  turn(target: Buffer): void {
    if (++this.#links > MAX_LINKS) throw Object.assign(new Error('too many levels of symbolic links'), { code: 'ELOOP' });
    const text = target.toString('latin1');
    if (text.startsWith('/')) this.#leaveAll();
    this.#rest.push(...text.split('/').toReversed());
  }

  /** The end of the way, to be closed by who takes it; undefined where that is its beginning. */
  take(): RootedFolder | undefined {
    return this.#folders.pop();
  }

  close(): void {
    for (const folder of this.#folders.splice(0)) if (folder !== undefined) this.#rooted.close(folder);
  }

  #leaveAll(): void {
    this.close();
    this.names.length = 0;
  }
}

/** The parts of a path. Throws `invalid` for one that no file system takes. */
export function partsOf(path: string): string[] {
  if (path.includes('\0')) throw invalid('invalid argument');
  const bytes = Buffer.from(path).toString('latin1');
  if (bytes.length >= PATH_MAX) throw invalid(`${path}: file name too long`);
  return bytes.split('/').filter((part) => part !== '' && part !== '.');
}

/** Open folders and the thread's stack are spent on depth. */
export function checkDepth({ names }: RootedFolder): void {
  if (names.reduce((sum, name) => sum + name.length + 1, 0) >= PATH_MAX)
    throw new EngineError('invalid', `${shown(names.slice(0, 8))}/...: file name too long`);
}

/** A path for messages. */
export function shown(names: readonly string[]): string {
  return Buffer.from(`/${names.join('/')}`, 'latin1').toString();
}

export function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? '';
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}
