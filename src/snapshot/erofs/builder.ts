/**
 * Takes a layer's entries as they go by and keeps what an index needs of them.
 *
 * The outcome is what unpacking the archive into an empty folder gives, entry by entry, with every path looked up from
 * that folder as its root: a later entry replaces an earlier one, except a folder a folder; missing parents are made;
 * a part of a path that is a symbolic link is followed. Whiteouts hide what lies in layers below, never what this layer
 * itself has.
 */
import { invalid } from '../../base/errors.ts';
import type { TarEntry, TarHandler } from '../../tar/contract.ts';
import { ErofsCannotHold } from './cannot-hold.ts';
import { chunksOf, type Chunks } from './chunks.ts';
import { BLOCK, encodeDevice, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from './format.ts';
import { cleanName, isDots, show, type Parts } from './names.ts';
import { Tree, type Meta } from './tree.ts';
import { encodeXattrs } from './xattrs.ts';

const WHITEOUT = Buffer.from('.wh.');
const META = Buffer.from('.wh..wh.');
const OPAQUE = Buffer.from('.wh..wh..opq');
const WHITEOUT_DEVICE = 0;

/** As the kernel: a path may lead through so many symbolic links. */
const MAX_LINKS = 40;
const PATH_MAX = 4096;
/** Of all sparse files together. */
const MAX_CHUNKS = 1 << 21;

const NS = 1_000_000_000n;
const MAX_SECONDS = BigInt(Number.MAX_SAFE_INTEGER);

export class ErofsBuilder implements TarHandler {
  readonly tree = new Tree();
  /** By the ids that the tree's inodes have; 0 is none. */
  readonly xattrs: Buffer[] = [Buffer.alloc(0)];
  readonly chunks: Chunks[] = [{ bits: 0, blocks: new Uint32Array(0) }];
  readonly #xattrIds = new Map<string, number>([['', 0]]);
  #chunkCount = 0;
  #whiteout = -1;
  #links = 0;

  entry(entry: TarEntry): void {
    const { name } = entry;
    const parts = cleanName(name);
    if (parts.length === 0) {
      if (entry.type !== 'dir') throw invalid(`the archive's root is a ${entry.type}`);
      this.#update(this.tree.root, entry);
      return;
    }
    this.#links = 0;
    const [start, end] = last(parts);
    if (begins(name, start, end, WHITEOUT)) {
      this.#takeWhiteout(name, parts, start, end);
      return;
    }
    const folder = this.#folderOf(name, parts);
    const there = this.tree.lookup(folder, name, start, end);
    if (entry.type === 'dir') this.#takeFolder(entry, folder, there, start, end);
    else if (entry.type === 'link') this.tree.setName(folder, name, start, end, this.#linked(entry, there));
    else this.tree.setName(folder, name, start, end, this.#make(entry));
  }

  data(): void {}

  entryEnd(): void {}

  #takeWhiteout(name: Buffer, parts: Parts, start: number, end: number): void {
    const opaque = end - start === OPAQUE.length && begins(name, start, end, OPAQUE);
    if (begins(name, start, end, META) && !opaque) return; // aufs's own affairs
    const folder = this.#folderOf(name, parts);
    if (opaque) {
      this.tree.opaque.array[folder] = 1;
      return;
    }
    const hidden = start + WHITEOUT.length;
    if (isDots(name, hidden, end)) throw invalid(`the archive has an invalid whiteout: ${show(name)}`);
    const there = this.tree.lookup(folder, name, hidden, end);
    if (there === undefined) this.tree.setName(folder, name, hidden, end, this.#whiteoutInode());
    else if (this.tree.type(there) === S_IFDIR) this.tree.opaque.array[there] = 1;
  }

  #takeFolder(entry: TarEntry, folder: number, there: number | undefined, start: number, end: number): void {
    if (there !== undefined && this.tree.type(there) === S_IFDIR) {
      this.#update(there, entry);
      return;
    }
    const made = this.#newFolder(folder, metaOf(entry, S_IFDIR), there);
    this.tree.xattrs.array[made] = this.#xattrsOf(entry);
    this.tree.setName(folder, entry.name, start, end, made);
  }

  #update(inode: number, entry: TarEntry): void {
    this.tree.setMeta(inode, metaOf(entry, S_IFDIR));
    this.tree.xattrs.array[inode] = this.#xattrsOf(entry);
  }

  /** A folder where a whiteout was hides what is below it, as the whiteout did. */
  #newFolder(parent: number, meta: Meta, instead: number | undefined): number {
    const made = this.tree.addInode(meta, 0, parent);
    if (instead !== undefined && instead === this.#whiteout) this.tree.opaque.array[made] = 1;
    return made;
  }

  #linked(entry: TarEntry, there: number | undefined): number {
    const { linkName } = entry;
    const parts = cleanName(linkName);
    this.#links = 0;
    let target: number | undefined;
    if (parts.length > 0) {
      const [start, end] = last(parts);
      target = this.tree.lookup(this.#folderOf(linkName, parts), linkName, start, end);
    }
    if (target === undefined || target === this.#whiteout) {
      throw invalid(`the archive has a link ${show(entry.name)} to ${show(linkName)}, which is not in it`);
    }
    if (this.tree.type(target) === S_IFDIR) throw invalid(`the archive has a link ${show(entry.name)} to a folder`);
    if (target === there && sameName(entry)) throw invalid(`the archive has a link ${show(entry.name)} to itself`);
    return target;
  }

  #make(entry: TarEntry): number {
    const inode = this.#makeBare(entry);
    const xattrs = this.#xattrsOf(entry);
    if (xattrs !== 0) this.tree.xattrs.array[inode] = xattrs;
    return inode;
  }

  #makeBare(entry: TarEntry): number {
    const { tree } = this;
    switch (entry.type) {
      case 'symlink': {
        const { length } = entry.linkName;
        if (length === 0 || length >= PATH_MAX) throw invalid(`the archive has a symbolic link ${show(entry.name)} to a path of ${length} bytes`);
        return tree.addInode({ ...metaOf(entry, S_IFLNK), mode: S_IFLNK | 0o777 }, length, tree.bytes.push(entry.linkName));
      }
      case 'char':
      case 'block': {
        const { devMajor, devMinor } = entry;
        if (devMajor < 0 || devMajor > 0xfff || devMinor < 0 || devMinor > 0xfffff)
          throw invalid(`the archive has a device ${show(entry.name)} numbered ${devMajor}:${devMinor}`);
        return tree.addInode(metaOf(entry, entry.type === 'char' ? S_IFCHR : S_IFBLK), 0, encodeDevice(devMajor, devMinor));
      }
      case 'fifo':
        return tree.addInode(metaOf(entry, S_IFIFO));
      default: {
        const inode = tree.addInode(metaOf(entry, S_IFREG), entry.size, entry.dataOffset);
        if (entry.dataOffset % BLOCK !== 0) throw new ErofsCannotHold('a file that does not begin at a whole block of the tar');
        if (entry.sparse !== undefined && entry.size > 0) tree.chunks.array[inode] = this.#addChunks(entry);
        return inode;
      }
    }
  }

  #addChunks(entry: TarEntry): number {
    const chunks = chunksOf(entry.size, entry.dataOffset, entry.sparse!, MAX_CHUNKS - this.#chunkCount);
    this.#chunkCount += chunks.blocks.length;
    return this.chunks.push(chunks) - 1;
  }

  #xattrsOf(entry: TarEntry): number {
    if (entry.xattrs.size === 0) return 0;
    const bytes = encodeXattrs(entry.xattrs, entry.type === 'file' || entry.type === 'dir' ? entry.type : 'other');
    const key = bytes.toString('latin1');
    let id = this.#xattrIds.get(key);
    if (id === undefined) {
      id = this.xattrs.push(bytes) - 1;
      this.#xattrIds.set(key, id);
    }
    return id;
  }

  #whiteoutInode(): number {
    if (this.#whiteout < 0) this.#whiteout = this.tree.addInode({ mode: S_IFCHR, uid: 0, gid: 0, seconds: 0, nanoseconds: 0 }, 0, WHITEOUT_DEVICE);
    return this.#whiteout;
  }

  /** The folder that holds a path's last part. */
  #folderOf(name: Buffer, parts: Parts): number {
    let folder = this.tree.root;
    for (let at = 0; at < parts.length - 2; at += 2) folder = this.#into(folder, name, parts[at]!, parts[at + 1]!);
    return folder;
  }

  /** One step down: makes what is missing, follows what is a symbolic link. */
  #into(folder: number, name: Buffer, start: number, end: number): number {
    const { tree } = this;
    const there = tree.lookup(folder, name, start, end);
    if (there === undefined || there === this.#whiteout) {
      const made = this.#newFolder(folder, { mode: S_IFDIR | 0o755, uid: 0, gid: 0, seconds: 0, nanoseconds: 0 }, there);
      tree.setName(folder, name, start, end, made);
      return made;
    }
    const type = tree.type(there);
    if (type === S_IFDIR) return there;
    if (type !== S_IFLNK) throw invalid(`the archive has a path through ${show(name.subarray(0, end))}, which is no folder`);
    if (++this.#links > MAX_LINKS) throw invalid(`the archive has a path through too many symbolic links: ${show(name)}`);
    const at = tree.data.array[there]!;
    return this.#follow(folder, Buffer.from(tree.bytes.buffer.subarray(at, at + tree.size.array[there]!)));
  }

  #follow(from: number, target: Buffer): number {
    let folder = target[0] === 0x2f ? this.tree.root : from;
    for (let start = 0; start < target.length;) {
      let end = target.indexOf(0x2f, start);
      if (end < 0) end = target.length;
      if (end - start > 255) throw invalid(`the archive has a symbolic link to a name of more than 255 bytes: ${show(target)}`);
      if (end - start === 2 && isDots(target, start, end)) folder = this.tree.data.array[folder]!;
      else if (!isDots(target, start, end)) folder = this.#into(folder, target, start, end);
      start = end + 1;
    }
    return folder;
  }
}

function last(parts: Parts): [start: number, end: number] {
  return [parts[parts.length - 2]!, parts[parts.length - 1]!];
}

function begins(name: Buffer, start: number, end: number, text: Buffer): boolean {
  return end - start >= text.length && name.compare(text, 0, text.length, start, start + text.length) === 0;
}

function sameName(entry: TarEntry): boolean {
  const parts = (name: Buffer) => {
    const at = cleanName(name);
    return at.filter((_, index) => index % 2 === 0).map((start, index) => name.toString('latin1', start, at[index * 2 + 1]));
  };
  return parts(entry.name).join('/') === parts(entry.linkName).join('/');
}

function metaOf(entry: TarEntry, type: number): Meta {
  let seconds = entry.mtime / NS;
  let nanoseconds = entry.mtime % NS;
  if (nanoseconds < 0n) {
    seconds -= 1n;
    nanoseconds += NS;
  }
  if (seconds > MAX_SECONDS) seconds = MAX_SECONDS;
  if (seconds < -MAX_SECONDS) seconds = -MAX_SECONDS;
  return { mode: type | (entry.mode & 0o7777), uid: entry.uid, gid: entry.gid, seconds: Number(seconds), nanoseconds: Number(nanoseconds) };
}
