/** Writes an index from what a builder has seen: from front to back, in pieces. */
import type { Digest } from '../../base/digest.ts';
import { digestHex } from '../../base/digest.ts';
import { letGo } from '../../base/memory.ts';
import type { ErofsBuilder } from './builder.ts';
import { ErofsCannotHold } from './cannot-hold.ts';
import { wholeChunks } from './chunks.ts';
import {
  BLOCK,
  CHUNK_INDEX_SIZE,
  CHUNK_INDEXES,
  DIRENT_SIZE,
  FILE_TYPES,
  INODE_SIZE,
  INODES_OFFSET,
  LAYOUT,
  NID_SIZE,
  NO_BLOCK,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  sealSuper,
  TAR_DEVICE,
  writeSuper,
} from './format.ts';
import { layOut, wholeBlocks, xattrsLength, type Layout } from './layout.ts';
import { DOT, DOTDOT, type Tree } from './tree.ts';
import { HEADER_SIZE, OPAQUE, USER_OPAQUE, xattrsSize } from './xattrs.ts';

/** What the index is for. */
export interface IndexedTar {
  readonly diffId: Digest;
  /** Length in bytes. Every file's data is there in whole blocks (the reader sees to it): the kernel reads nothing less. */
  readonly size: number;
}

/** Whose marks: `trusted.overlay.` as overlayfs reads them on the host, or `user.overlay.` as it does in a user namespace. */
export type Marks = 'trusted' | 'user';

/** An inode with the largest attributes that there can be fits, behind the super block. */
const PIECE = 1 << 19;

/** Hands the index to `sink` in pieces, in order; each piece is used again for the next. Returns its length. */
export function writeIndex(builder: ErofsBuilder, tar: IndexedTar, sink: (piece: Buffer) => void, marks: Marks = 'trusted'): number {
  const tarBlocks = Math.ceil(tar.size / BLOCK);
  if (tarBlocks > NO_BLOCK) throw new ErofsCannotHold(`a layer of ${tar.size} bytes`);
  const { tree } = builder;
  const layout = layOut(builder);
  const out = new Output(sink);
  const head = out.reserve(INODES_OFFSET);
  writeSuper(head, {
    inodes: layout.order.length,
    blocks: layout.totalBlocks,
    tarBlocks,
    rootNid: layout.nids[tree.root]!,
    digest: digestHex(tar.diffId),
  });
  for (let number = 0; number < layout.order.length; number++) writeInode(builder, layout, number, out, marks);
  out.fillTo(layout.dataOffset);
  for (const inode of layout.order) {
    const blocks = wholeBlocks(tree, inode, layout.tails[inode]!);
    if (blocks > 0) out.put(contentOf(tree, layout, inode).subarray(0, blocks * BLOCK));
    if (blocks > 0) out.fillTo((layout.blocks[inode]! + blocks) * BLOCK);
  }
  return out.end();
}

function writeInode(builder: ErofsBuilder, layout: Layout, number: number, out: Output, marks: Marks): void {
  const { tree } = builder;
  const inode = layout.order[number]!;
  const type = tree.type(inode);
  out.fillTo(layout.nids[inode]! * NID_SIZE);
  const own = builder.xattrs[tree.xattrs.array[inode]!]!;
  const opaque = tree.opaque.array[inode] === 1;
  const attributes = xattrsSize(xattrsLength(builder, inode));
  const size = type === S_IFDIR || type === S_IFLNK || type === S_IFREG ? tree.size.array[inode]! : 0;
  const tail = layout.tails[inode]!;
  const sparse = tree.chunks.array[inode]!;
  const chunks = type !== S_IFREG || size === 0 ? undefined : sparse > 0 ? builder.chunks[sparse]! : wholeChunks(size, tree.data.array[inode]!);
  const data = chunks !== undefined ? LAYOUT.chunkBased : tail > 0 ? LAYOUT.flatInline : LAYOUT.flatPlain;

  const bytes = out.reserve(INODE_SIZE + attributes);
  bytes.writeUInt16LE(1 | (data << 1), 0);
  bytes.writeUInt16LE(attributes === 0 ? 0 : (attributes - HEADER_SIZE) / 4 + 1, 2);
  bytes.writeUInt16LE(tree.mode.array[inode]!, 4);
  writeU64(bytes, size, 8);
  bytes.writeUInt32LE(unionOf(tree, layout, inode, type, chunks?.bits), 16);
  bytes.writeUInt32LE(number + 1, 20);
  bytes.writeUInt32LE(tree.uid.array[inode]!, 24);
  bytes.writeUInt32LE(tree.gid.array[inode]!, 28);
  writeU64(bytes, tree.seconds.array[inode]!, 32);
  bytes.writeUInt32LE(tree.nanoseconds.array[inode]!, 40);
  bytes.writeUInt32LE(layout.links[inode]!, 44);
  if (attributes > 0) {
    own.copy(bytes, INODE_SIZE + HEADER_SIZE);
    if (opaque) (marks === 'user' ? USER_OPAQUE : OPAQUE).copy(bytes, INODE_SIZE + HEADER_SIZE + own.length);
  }
  if (tail > 0) {
    const content = contentOf(tree, layout, inode);
    out.put(content.subarray(content.length - tail));
  }
  if (chunks !== undefined) {
    out.fillTo(Math.ceil(out.position / CHUNK_INDEX_SIZE) * CHUNK_INDEX_SIZE);
    for (const block of chunks.blocks) {
      const index = out.reserve(CHUNK_INDEX_SIZE);
      if (block !== NO_BLOCK) index.writeUInt16LE(TAR_DEVICE, 2);
      index.writeUInt32LE(block, 4);
    }
  }
}

/** The inode's field that means something else for each kind. */
function unionOf(tree: Tree, layout: Layout, inode: number, type: number, chunkBits: number | undefined): number {
  if (chunkBits !== undefined) return CHUNK_INDEXES | chunkBits;
  if (type === S_IFCHR || type === S_IFBLK) return tree.data.array[inode]!;
  if (type === S_IFIFO) return 0;
  return layout.blocks[inode]!;
}

function contentOf(tree: Tree, layout: Layout, inode: number): Buffer {
  if (tree.type(inode) === S_IFDIR) return folderBytes(tree, layout, inode);
  const at = tree.data.array[inode]!;
  return tree.bytes.buffer.subarray(at, at + tree.size.array[inode]!);
}

/** A folder's blocks: entries from the front, their names behind them. */
function folderBytes(tree: Tree, layout: Layout, folder: number): Buffer {
  const bytes = Buffer.alloc(tree.size.array[folder]!);
  const names = layout.names(folder);
  for (let first = 0, start = 0; first < names.length; start += BLOCK) {
    let end = first;
    for (let used = 0; end < names.length; end++) {
      used += DIRENT_SIZE + tree.nameLength.array[names[end]!]!;
      if (used > BLOCK) break;
    }
    let nameAt = (end - first) * DIRENT_SIZE;
    for (let i = first; i < end; i++) {
      const name = names[i]!;
      const inode = name === DOT ? folder : name === DOTDOT ? tree.data.array[folder]! : tree.inode.array[name]!;
      const at = start + (i - first) * DIRENT_SIZE;
      bytes.writeUInt32LE(layout.nids[inode]!, at);
      bytes.writeUInt16LE(nameAt, at + 8);
      bytes[at + 10] = FILE_TYPES[tree.mode.array[inode]! >>> 12]!;
      const from = tree.nameAt.array[name]!;
      const length = tree.nameLength.array[name]!;
      tree.bytes.buffer.copy(bytes, start + nameAt, from, from + length);
      nameAt += length;
    }
    first = end;
  }
  return bytes;
}

/** A number of up to 53 bits and a sign, as 64 bits. */
function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeInt32LE(value | 0, at);
  bytes.writeInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

class Output {
  position = 0;
  readonly #sink: (piece: Buffer) => void;
  #buffer = Buffer.alloc(PIECE);
  #used = 0;
  #sealed = false;

  constructor(sink: (piece: Buffer) => void) {
    this.#sink = sink;
  }

  /** The next so many bytes, zero, to be filled in before anything else is put. */
  reserve(size: number): Buffer {
    if (this.#used + size > this.#buffer.length) this.#flush(size);
    const at = this.#used;
    this.#used += size;
    this.position += size;
    return this.#buffer.subarray(at, this.#used);
  }

  put(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += PIECE) {
      const part = bytes.subarray(at, at + PIECE);
      part.copy(this.reserve(part.length));
    }
  }

  fillTo(position: number): void {
    while (this.position < position) this.reserve(Math.min(PIECE, position - this.position));
  }

  end(): number {
    this.fillTo(Math.ceil(this.position / BLOCK) * BLOCK);
    this.#flush(0);
    letGo(this.#buffer);
    return this.position;
  }

  #flush(room: number): void {
    // the first piece holds the super block's whole block
    if (!this.#sealed) sealSuper(this.#buffer);
    this.#sealed = true;
    if (this.#used > 0) this.#sink(this.#buffer.subarray(0, this.#used));
    if (room > this.#buffer.length) this.#buffer = Buffer.alloc(room);
    else this.#buffer.fill(0, 0, this.#used);
    this.#used = 0;
  }
}
