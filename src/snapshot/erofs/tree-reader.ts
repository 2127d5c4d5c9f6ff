/**
 * Looks into an index that we have written, without mounting it: what a container's changes are compared with. What does
 * not read as we write it is an error, never a read outside of the file.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { EngineError } from '../../base/errors.ts';
import type { LayerTree, TreeNode } from '../layer-tree.ts';
import { BLOCK, DIRENT_SIZE, INODE_SIZE, LAYOUT, NID_SIZE, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, SUPER_OFFSET } from './format.ts';
import { decodeXattrs, HEADER_SIZE } from './xattrs.ts';

/** No folder has more bytes of names: the builder's bound on names, each as long as can be. */
const MAX_FOLDER = 2 ** 29;
const SECOND = 1_000_000_000n;

interface Inode {
  readonly bytes: Buffer;
  readonly mode: number;
  readonly size: number;
  readonly xattrs: number;
  /** Where it is in the index. */
  readonly at: number;
}

export class ErofsTree implements LayerTree {
  readonly #fd: number;
  readonly #length: number;
  readonly #root: number;
  /** Names of folders that have been looked into, with their nids. */
  readonly #folders = new Map<number, ReadonlyMap<string, number>>();

  constructor(index: string) {
    this.#fd = openSync(index, constants.O_RDONLY | constants.O_NOFOLLOW);
    this.#length = fstatSync(this.#fd).size;
    this.#root = this.#read(SUPER_OFFSET, 128).readUInt16LE(14);
  }

  node(path: string): TreeNode | undefined {
    const nid = this.#find(path);
    return nid === undefined ? undefined : this.#nodeOf(nid);
  }

  names(path: string): string[] {
    const nid = this.#find(path);
    return nid === undefined ? [] : [...this.#namesOf(nid).keys()];
  }

  close(): void {
    closeSync(this.#fd);
  }

  #find(path: string): number | undefined {
    let nid: number | undefined = this.#root;
    for (const part of path === '' ? [] : path.split('/')) {
      nid = this.#namesOf(nid).get(part);
      if (nid === undefined) return undefined;
    }
    return nid;
  }

  #nodeOf(nid: number): TreeNode {
    const inode = this.#inode(nid);
    const { bytes } = inode;
    const format = inode.mode & S_IFMT;
    const device = format === S_IFCHR || format === S_IFBLK ? bytes.readUInt32LE(16) : 0;
    const type = format === S_IFCHR && device === 0 ? 'whiteout' : TYPES[format];
    if (type === undefined) throw this.#broken();
    const xattrs = inode.xattrs === 0 ? new Map<string, Buffer>() : decodeXattrs(this.#read(inode.at + INODE_SIZE, inode.xattrs).subarray(HEADER_SIZE));
    return {
      type,
      mode: inode.mode & 0o7777,
      uid: bytes.readUInt32LE(24),
      gid: bytes.readUInt32LE(28),
      size: type === 'file' ? inode.size : 0,
      mtime: bytes.readBigInt64LE(32) * SECOND + BigInt(bytes.readUInt32LE(40)),
      devMajor: (device >>> 8) & 0xfff,
      devMinor: (device & 0xff) | ((device >>> 12) & 0xfff00),
      inode: BigInt(nid),
      links: bytes.readUInt32LE(44),
      opaque: type === 'dir' && xattrs.get('trusted.overlay.opaque')?.toString() === 'y',
      capability: type === 'file' ? xattrs.get('security.capability') : undefined,
    };
  }

  #namesOf(nid: number): ReadonlyMap<string, number> {
    let names = this.#folders.get(nid);
    if (names === undefined) {
      names = this.#readNames(nid);
      this.#folders.set(nid, names);
    }
    return names;
  }

  #readNames(nid: number): ReadonlyMap<string, number> {
    const names = new Map<string, number>();
    const inode = this.#inode(nid);
    if ((inode.mode & S_IFMT) !== S_IFDIR) return names;
    const bytes = this.#content(inode);
    for (let start = 0; start < bytes.length; start += BLOCK) {
      const block = bytes.subarray(start, start + BLOCK);
      if (block.length < DIRENT_SIZE) throw this.#broken();
      const entries = block.readUInt16LE(8);
      if (entries < DIRENT_SIZE || entries > block.length) throw this.#broken();
      for (let at = 0; at + DIRENT_SIZE <= entries; at += DIRENT_SIZE) {
        const from = block.readUInt16LE(at + 8);
        const end = at + 2 * DIRENT_SIZE <= entries ? block.readUInt16LE(at + DIRENT_SIZE + 8) : block.length;
        const name = block.toString('latin1', from, end).replace(/\0+$/, '');
        if (name !== '.' && name !== '..') names.set(name, block.readUInt32LE(at));
      }
    }
    return names;
  }

  /** A folder's bytes: whole blocks where the inode says, then what is behind the inode. */
  #content(inode: Inode): Buffer {
    const layout = inode.bytes.readUInt16LE(0) >> 1;
    if (inode.size > MAX_FOLDER || (layout !== LAYOUT.flatPlain && layout !== LAYOUT.flatInline)) throw this.#broken();
    const tail = layout === LAYOUT.flatInline ? inode.size % BLOCK : 0;
    const whole = inode.size - tail;
    const parts: Buffer[] = [];
    if (whole > 0) parts.push(this.#read(inode.bytes.readUInt32LE(16) * BLOCK, whole));
    if (tail > 0) parts.push(this.#read(inode.at + INODE_SIZE + inode.xattrs, tail));
    return Buffer.concat(parts);
  }

  #inode(nid: number): Inode {
    const at = nid * NID_SIZE;
    const bytes = this.#read(at, INODE_SIZE);
    const count = bytes.readUInt16LE(2);
    const size = Number(bytes.readBigUInt64LE(8));
    return { bytes, mode: bytes.readUInt16LE(4), size, xattrs: count === 0 ? 0 : 12 + 4 * (count - 1), at };
  }

  #read(at: number, length: number): Buffer {
    if (at + length > this.#length) throw this.#broken();
    const bytes = Buffer.allocUnsafe(length);
    for (let done = 0; done < length;) {
      const count = readSync(this.#fd, bytes, done, length - done, at + done);
      if (count === 0) throw this.#broken();
      done += count;
    }
    return bytes;
  }

  #broken(): EngineError {
    return new EngineError('internal', 'the index of a layer is damaged');
  }
}

const TYPES: Readonly<Record<number, TreeNode['type']>> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'dir',
  [S_IFLNK]: 'symlink',
  [S_IFCHR]: 'char',
  [S_IFBLK]: 'block',
  [S_IFIFO]: 'fifo',
};
