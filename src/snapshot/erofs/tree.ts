/**
 * A layer's files while its tar goes by: inodes and names in flat columns, about 100 bytes a file. Names are given as
 * latin1 strings, one character a byte.
 */
import { randomBytes } from 'node:crypto';
import { letGo } from '../../base/memory.ts';
import { Bytes, Column } from './columns.ts';
import { ErofsCannotHold } from './cannot-hold.ts';
import { S_IFDIR, S_IFMT } from './format.ts';

/** About 100 MB in memory; a layer of more is a bomb, or one that the overlay driver may have. */
const MAX_FILES = 1 << 20;

/** Names 0 and 1 are `.` and `..`, for every folder. */
export const DOT = 0;
export const DOTDOT = 1;

export interface Meta {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly seconds: number;
  readonly nanoseconds: number;
}

const u32 = (length: number) => new Uint32Array(length);
const f64 = (length: number) => new Float64Array(length);

export class Tree {
  readonly root: number;
  /** Bytes of names and of symbolic links' targets. */
  readonly bytes = new Bytes();

  // inodes; what nothing names any more stays here and is left out of the index
  readonly mode = new Column((length) => new Uint16Array(length));
  readonly uid = new Column(u32);
  readonly gid = new Column(u32);
  readonly seconds = new Column(f64);
  readonly nanoseconds = new Column(u32);
  readonly size = new Column(f64);
  /** A file's bytes in the tar, a link's target in `bytes`, a device's number, a folder's parent. */
  readonly data = new Column(f64);
  /** An id given by the builder; 0 for none. */
  readonly xattrs = new Column(u32);
  /** The same for the chunks of a sparse file. */
  readonly chunks = new Column(u32);
  readonly opaque = new Column((length) => new Uint8Array(length));

  // names
  readonly parent = new Column(u32);
  readonly nameAt = new Column(u32);
  readonly nameLength = new Column((length) => new Uint8Array(length));
  readonly inode = new Column(u32);
  readonly #hashes = new Column(u32);

  /** Names by their hash, open addressing: name + 1, or 0. */
  #table = new Uint32Array(256);
  /** So that no archive can be made of names that all fall on one place. */
  readonly #seed = randomBytes(4).readUInt32LE();

  constructor() {
    const dots = this.bytes.push('..');
    for (const length of [1, 2]) this.#pushName(0, dots, length, 0, 0);
    this.root = this.addInode({ mode: S_IFDIR | 0o755, uid: 0, gid: 0, seconds: 0, nanoseconds: 0 });
  }

  get inodes(): number {
    return this.mode.length;
  }

  addInode(meta: Meta, size = 0, data = 0): number {
    if (this.inodes >= MAX_FILES) throw new ErofsCannotHold(`more than ${MAX_FILES} files`);
    this.mode.push(meta.mode);
    this.uid.push(meta.uid);
    this.gid.push(meta.gid);
    this.seconds.push(meta.seconds);
    this.nanoseconds.push(meta.nanoseconds);
    this.size.push(size);
    this.data.push(data);
    this.xattrs.push(0);
    this.chunks.push(0);
    this.opaque.push(0);
    return this.inodes - 1;
  }

  setMeta(inode: number, meta: Meta): void {
    this.mode.set(inode, meta.mode);
    this.uid.set(inode, meta.uid);
    this.gid.set(inode, meta.gid);
    this.seconds.set(inode, meta.seconds);
    this.nanoseconds.set(inode, meta.nanoseconds);
  }

  /** S_IFDIR and so on. */
  type(inode: number): number {
    return this.mode.array[inode]! & S_IFMT;
  }

  /** What a folder has under a name; undefined for nothing. */
  lookup(folder: number, name: string): number | undefined {
    const found = this.#find(folder, name, this.#hash(folder, name));
    return found < 0 ? undefined : this.inode.array[found];
  }

  /** Gives a name in a folder to an inode, whatever had it before. What was below a replaced folder is gone with it. */
  setName(folder: number, name: string, inode: number): void {
    const hash = this.#hash(folder, name);
    const found = this.#find(folder, name, hash);
    if (found >= 0) {
      this.inode.set(found, inode);
      return;
    }
    if (this.parent.length >= MAX_FILES) throw new ErofsCannotHold(`more than ${MAX_FILES} names`);
    this.#pushName(folder, this.bytes.push(name), name.length, inode, hash);
    if (this.parent.length * 2 > this.#table.length) this.#rehash();
    else this.#place(hash, this.parent.length - 1);
  }

  #pushName(folder: number, at: number, length: number, inode: number, hash: number): void {
    this.parent.push(folder);
    this.nameAt.push(at);
    this.nameLength.push(length);
    this.inode.push(inode);
    this.#hashes.push(hash);
  }

  /** FNV-1a over the name, begun with the folder and the seed, then mixed. */
  #hash(folder: number, name: string): number {
    let hash = Math.imul(this.#seed ^ folder, 0x9e3779b1);
    for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    return (hash ^ (hash >>> 13)) >>> 0;
  }

  #find(folder: number, name: string, hash: number): number {
    const mask = this.#table.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = this.#table[slot]! - 1;
      if (found < 0) return -1;
      if (this.#hashes.array[found] === hash && this.parent.array[found] === folder && this.#same(found, name)) return found;
    }
  }

  #same(found: number, name: string): boolean {
    if (this.nameLength.array[found] !== name.length) return false;
    const start = this.nameAt.array[found]!;
    for (let at = 0; at < name.length; at++) if (this.bytes.buffer[start + at] !== name.charCodeAt(at)) return false;
    return true;
  }

  /** It is not used any more. The collector would let the columns of dozens of layers pile up. */
  release(): void {
    const columns = [this.mode, this.uid, this.gid, this.seconds, this.nanoseconds, this.size, this.data, this.xattrs, this.chunks, this.opaque];
    for (const each of [...columns, this.parent, this.nameAt, this.nameLength, this.inode, this.#hashes, this.bytes]) each.release();
    letGo(this.#table);
  }

  #place(hash: number, name: number): void {
    const mask = this.#table.length - 1;
    let slot = hash & mask;
    while (this.#table[slot] !== 0) slot = (slot + 1) & mask;
    this.#table[slot] = name + 1;
  }

  #rehash(): void {
    const { length } = this.#table;
    letGo(this.#table);
    this.#table = new Uint32Array(length * 4);
    for (let name = DOTDOT + 1; name < this.parent.length; name++) this.#place(this.#hashes.array[name]!, name);
  }
}
