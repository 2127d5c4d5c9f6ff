/**
 * Takes a layer's entries as they go by and keeps what an index needs of them.
 *
 * The outcome is what the overlay driver's writer makes of the same archive, entry by entry: a later entry replaces an
 * earlier one, except a folder a folder; a folder in place of something else is opaque; missing parents are made; a part
 * of a path that is a symbolic link is followed, with the layer as its root. Whiteouts hide what lies in layers below,
 * never what this layer itself has.
 */
import { createHash } from 'node:crypto';
import { invalid } from '../../base/errors.ts';
import type { TarEntry, TarHandler } from '../../tar/contract.ts';
import { quote } from '../../tar/numbers.ts';
import { cleanPath, placeEntry, splitPath } from '../entry-name.ts';
import { follow, type Folders } from '../follow.ts';
import { ErofsCannotHold } from './cannot-hold.ts';
import { chunksOf, type Chunks } from './chunks.ts';
import { BLOCK, encodeDevice, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from './format.ts';
import { Tree, type Meta } from './tree.ts';
import { decodeXattrs, encodeXattrs } from './xattrs.ts';

const PATH_MAX = 4096;
/** Of all sparse files together. */
const MAX_CHUNKS = 1 << 21;
/** Of all files together, in bytes: they are kept in memory. */
const MAX_XATTRS = 1 << 25;

const NS = 1_000_000_000n;
const MAX_SECONDS = BigInt(Number.MAX_SAFE_INTEGER);
const NOTHING = Buffer.alloc(0);
const CAPABILITY = 'security.capability';

export class ErofsBuilder implements TarHandler {
  readonly tree = new Tree();
  /** By the ids that the tree's inodes have; 0 is none. */
  readonly xattrs: Buffer[] = [NOTHING];
  readonly chunks: Chunks[] = [{ bits: 0, blocks: new Uint32Array(0) }];
  readonly #folders: Folders<number> = {
    root: this.tree.root,
    parent: (folder) => this.tree.data.array[folder]!,
    look: (folder, name) => this.#look(folder, name),
  };
  readonly #xattrIds = new Map<string, number>([['', 0]]);
  /** By id: what is left without a capability. */
  readonly #uncapable = new Map<number, number>();
  #lastDecoded: { readonly id: number; readonly values: ReadonlyMap<string, Buffer> } = { id: 0, values: new Map() };
  #chunkCount = 0;
  #xattrBytes = 0;
  /** The one inode of all whiteouts; -1 while there is none. */
  whiteout = -1;
  /** The folder that the last path led to: archives keep a folder's files together. */
  #lastPath = '';
  #lastFolder = 0;

  constructor() {
    this.#lastFolder = this.tree.root;
  }

  entry(entry: TarEntry): void {
    const place = placeEntry(entry.name);
    if (place.kind === 'skip') return;
    if (place.kind === 'opaque') {
      this.tree.opaque.set(this.#folder(place.path, entry.mtime), 1);
      return;
    }
    if (place.path === '') {
      if (entry.type !== 'dir') throw invalid(`invalid archive: ${quote(entry.name)} is not a folder`);
      this.#update(this.tree.root, entry);
      return;
    }
    const [path, base] = splitPath(place.path);
    const folder = this.#folder(path, entry.mtime);
    if (place.kind === 'whiteout') this.#takeWhiteout(folder, base);
    else if (entry.type === 'dir') this.#takeFolder(entry, folder, base);
    else if (entry.type === 'link') this.#takeLink(entry, folder, base);
    else this.#setName(folder, base, this.#make(entry));
  }

  data(): void {}

  entryEnd(): void {}

  #takeWhiteout(folder: number, base: string): void {
    const there = this.tree.lookup(folder, base);
    if (there === undefined) this.tree.setName(folder, base, this.#whiteoutInode());
    else if (this.tree.type(there) === S_IFDIR) this.tree.opaque.set(there, 1);
  }

  #takeFolder(entry: TarEntry, folder: number, base: string): void {
    const there = this.tree.lookup(folder, base);
    const isFolder = there !== undefined && this.tree.type(there) === S_IFDIR;
    this.#update(isFolder ? there : this.#makeFolder(folder, base, there), entry);
  }

  /** As Docker and containerd do, what a link says of the file replaces what was said before. */
  #takeLink(entry: TarEntry, folder: number, base: string): void {
    const { tree } = this;
    const there = tree.lookup(folder, base);
    const target = this.#linked(entry, there);
    if (target === there) return;
    const type = tree.type(target);
    const meta = metaOf(entry, type);
    tree.setMeta(target, type === S_IFLNK ? { ...meta, mode: tree.mode.array[target]! } : meta);
    this.#addXattrs(target, entry, true);
    this.#setName(folder, base, target);
  }

  #update(inode: number, entry: TarEntry): void {
    this.tree.setMeta(inode, metaOf(entry, S_IFDIR));
    this.#addXattrs(inode, entry);
  }

  /** Gives a name to what is no folder. */
  #setName(folder: number, base: string, inode: number): void {
    this.tree.setName(folder, base, inode);
    this.#forget();
  }

  #makeFolder(parent: number, base: string, instead: number | undefined, seconds = 0, nanoseconds = 0): number {
    const made = this.tree.addInode({ mode: S_IFDIR | 0o755, uid: 0, gid: 0, seconds, nanoseconds }, 0, parent);
    this.tree.setName(parent, base, made);
    if (instead !== undefined) {
      this.tree.opaque.set(made, 1);
      this.#forget();
    }
    return made;
  }

  #forget(): void {
    this.#lastPath = '';
    this.#lastFolder = this.tree.root;
  }

  /** What a link is to. `instead`: what it replaces, which is gone before it is made. */
  #linked(entry: TarEntry, instead: number | undefined): number {
    const [path, base] = splitPath(cleanPath(entry.linkName));
    const folder = this.#resolve(path, undefined);
    const target = folder === undefined || base === '' ? undefined : this.tree.lookup(folder, base);
    if (target === undefined || this.tree.type(target) === S_IFDIR || this.#isWhiteout(target) || this.#isBelow(folder!, instead)) {
      throw invalid(`invalid archive: ${quote(entry.name)} is a hard link to ${quote(entry.linkName)}, which is no file of this layer`);
    }
    return target;
  }

  #isBelow(folder: number, above: number | undefined): boolean {
    for (let at = folder; at !== this.tree.root; at = this.tree.data.array[at]!) if (at === above) return true;
    return false;
  }

  #isWhiteout(inode: number): boolean {
    return this.tree.type(inode) === S_IFCHR && this.tree.data.array[inode] === 0;
  }

  #make(entry: TarEntry): number {
    const inode = this.#makeBare(entry);
    this.#addXattrs(inode, entry);
    return inode;
  }

  #makeBare(entry: TarEntry): number {
    const { tree } = this;
    switch (entry.type) {
      case 'symlink': {
        const { length } = entry.linkName;
        if (length === 0) throw invalid(`invalid archive: ${quote(entry.name)} is a symbolic link to nothing`);
        if (length >= PATH_MAX) throw invalid(`invalid archive: ${quote(entry.name)} is a symbolic link to a path of ${length} bytes`);
        return tree.addInode({ ...metaOf(entry, S_IFLNK), mode: S_IFLNK | 0o777 }, length, tree.bytes.push(entry.linkName.toString('latin1')));
      }
      case 'char':
      case 'block': {
        const { devMajor: major, devMinor: minor } = entry;
        if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff) {
          throw invalid(`invalid archive: ${quote(entry.name)} has the device number ${major}:${minor}`);
        }
        return tree.addInode(metaOf(entry, entry.type === 'char' ? S_IFCHR : S_IFBLK), 0, encodeDevice(major, minor));
      }
      case 'fifo':
        return tree.addInode(metaOf(entry, S_IFIFO));
      default: {
        if (entry.dataOffset % BLOCK !== 0) throw new ErofsCannotHold('a file that does not begin at a whole block of the tar');
        const inode = tree.addInode(metaOf(entry, S_IFREG), entry.size, entry.dataOffset);
        if (entry.sparse !== undefined && entry.size > 0) tree.chunks.set(inode, this.#addChunks(entry));
        return inode;
      }
    }
  }

  #addChunks(entry: TarEntry): number {
    const chunks = chunksOf(entry.size, entry.dataOffset, entry.sparse!, MAX_CHUNKS - this.#chunkCount);
    this.#chunkCount += chunks.blocks.length;
    return this.chunks.push(chunks) - 1;
  }

  /** A file that comes again keeps the attributes that it had. `owned`: but for capabilities, which go with a change of owner. */
  #addXattrs(inode: number, entry: TarEntry, owned = false): void {
    const old = this.tree.xattrs.array[inode]!;
    if (entry.xattrs.size === 0) {
      if (owned && old !== 0) this.tree.xattrs.set(inode, this.#withoutCapability(old, entry));
      return;
    }
    const type = this.tree.type(inode);
    const kind = type === S_IFREG ? 'file' : type === S_IFDIR ? 'dir' : 'other';
    const bytes = encodeXattrs(entry.xattrs, kind, entry.name);
    if (old === 0) return this.tree.xattrs.set(inode, this.#xattrId(bytes));
    // one file may come a million times with a few of thousands of attributes
    const had = this.#decoded(old);
    const given = decodeXattrs(bytes);
    const loses = owned && had.has(CAPABILITY) && !given.has(CAPABILITY);
    if (!loses && [...given].every(([name, value]) => had.get(name)?.equals(value) === true)) return;
    const all = new Map([...had, ...given]);
    if (loses) all.delete(CAPABILITY);
    this.tree.xattrs.set(inode, this.#xattrId(encodeXattrs(all, kind, entry.name)));
  }

  #withoutCapability(id: number, entry: TarEntry): number {
    let without = this.#uncapable.get(id);
    if (without === undefined) {
      const values = new Map(this.#decoded(id));
      without = values.delete(CAPABILITY) ? this.#xattrId(encodeXattrs(values, 'file', entry.name)) : id;
      this.#uncapable.set(id, without);
    }
    return without;
  }

  #decoded(id: number): ReadonlyMap<string, Buffer> {
    if (this.#lastDecoded.id !== id) this.#lastDecoded = { id, values: decodeXattrs(this.xattrs[id]!) };
    return this.#lastDecoded.values;
  }

  #xattrId(bytes: Buffer): number {
    const key = bytes.length < 64 ? bytes.toString('latin1') : createHash('sha256').update(bytes).digest('base64');
    let id = this.#xattrIds.get(key);
    if (id === undefined) {
      this.#xattrBytes += bytes.length;
      if (this.#xattrBytes > MAX_XATTRS) throw new ErofsCannotHold(`more than ${MAX_XATTRS} bytes of different extended attributes`);
      id = this.xattrs.push(bytes) - 1;
      this.#xattrIds.set(key, id);
    }
    return id;
  }

  #whiteoutInode(): number {
    if (this.whiteout < 0) this.whiteout = this.tree.addInode({ mode: S_IFCHR, uid: 0, gid: 0, seconds: 0, nanoseconds: 0 });
    return this.whiteout;
  }

  /** A folder that an entry goes to, made where it is missing. */
  #folder(path: string, mtime: bigint): number {
    if (path === this.#lastPath) return this.#lastFolder;
    const folder = this.#resolve(path, mtime)!;
    this.#lastPath = path;
    this.#lastFolder = folder;
    return folder;
  }

  /** Without a time nothing is made, and the answer is undefined for what is no folder. */
  #resolve(path: string, mtime: bigint | undefined): number | undefined {
    let folder: number | undefined = this.tree.root;
    if (path === '') return folder;
    const make = mtime === undefined ? undefined : (at: number, name: string) => this.#makeMissing(at, name, mtime);
    const walk = { links: 0 };
    for (const part of path.split('/')) {
      folder = follow(this.#folders, folder, part, walk, make);
      if (folder === undefined) return undefined;
    }
    return folder;
  }

  #look(folder: number, name: string): ReturnType<Folders<number>['look']> {
    const { tree } = this;
    if (name.length > 255) throw invalid(`invalid archive: ${quote(Buffer.from(name, 'latin1'))}: file name too long`);
    const there = tree.lookup(folder, name);
    const type = there === undefined ? 0 : tree.type(there);
    if (type === S_IFDIR) return { folder: there! };
    if (type !== S_IFLNK) return undefined;
    const from = tree.data.array[there!]!;
    return { link: tree.bytes.buffer.toString('latin1', from, from + tree.size.array[there!]!) };
  }

  #makeMissing(folder: number, name: string, mtime: bigint): number {
    const { seconds, nanoseconds } = timeOf(mtime);
    return this.#makeFolder(folder, name, this.tree.lookup(folder, name), seconds, nanoseconds);
  }
}

function metaOf(entry: TarEntry, type: number): Meta {
  return { mode: type | (entry.mode & 0o7777), uid: entry.uid, gid: entry.gid, ...timeOf(entry.mtime) };
}

function timeOf(time: bigint): { seconds: number; nanoseconds: number } {
  let seconds = time / NS;
  let nanoseconds = time % NS;
  if (nanoseconds < 0n) {
    seconds -= 1n;
    nanoseconds += NS;
  }
  if (seconds > MAX_SECONDS) seconds = MAX_SECONDS;
  if (seconds < -MAX_SECONDS) seconds = -MAX_SECONDS;
  return { seconds: Number(seconds), nanoseconds: Number(nanoseconds) };
}
