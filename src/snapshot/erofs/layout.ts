/** Where everything in an index goes: inodes from the root down, each folder's children together and sorted. */
import type { ErofsBuilder } from './builder.ts';
import { wholeChunkCount } from './chunks.ts';
import { BLOCK, CHUNK_INDEX_SIZE, DIRENT_SIZE, INODES_OFFSET, INODE_SIZE, NID_SIZE, NO_BLOCK, S_IFDIR, S_IFLNK, S_IFREG } from './format.ts';
import { DOT, DOTDOT, type Tree } from './tree.ts';
import { OPAQUE, xattrsSize } from './xattrs.ts';

export interface Layout {
  /** Inodes in the order of their places. */
  readonly order: Uint32Array;
  /** By inode: its number in the index; 0 for one that nothing names. */
  readonly nids: Uint32Array;
  readonly links: Uint32Array;
  /** By inode: the first block of its data in the index, or NO_BLOCK. */
  readonly blocks: Uint32Array;
  /** By inode: bytes that follow the inode and its attributes, in the same block. */
  readonly tails: Uint16Array;
  /** Where whole blocks begin, in bytes. */
  readonly dataOffset: number;
  readonly totalBlocks: number;
  /** A folder's names, sorted, `.` and `..` among them. */
  names(folder: number): Uint32Array;
}

export function layOut(builder: ErofsBuilder): Layout {
  const { tree } = builder;
  const count = tree.inodes;
  const names = namesByFolder(builder);
  const order = new Uint32Array(count);
  const nids = new Uint32Array(count);
  const links = new Uint32Array(count);
  const tails = new Uint16Array(count);
  let placed = 0;
  let position = INODES_OFFSET;

  const place = (inode: number): void => {
    const type = tree.type(inode);
    const attributes = xattrsSize(xattrsLength(builder, inode));
    let size = 0;
    if (type === S_IFDIR) tree.size.array[inode] = size = folderSize(tree, names(inode));
    else if (type === S_IFLNK) size = tree.size.array[inode]!;
    let tail = size % BLOCK;
    if (INODE_SIZE + attributes + tail > BLOCK) tail = 0;
    let at = alignUp(position, NID_SIZE);
    const tailAt = at + INODE_SIZE + attributes;
    // what is inline must not cross into another block
    if (tail > 0 && Math.floor(tailAt / BLOCK) !== Math.floor((tailAt + tail - 1) / BLOCK)) at = alignUp(at, BLOCK);
    position = at + INODE_SIZE + attributes + tail;
    const chunks = type === S_IFREG ? chunkCount(builder, inode) : 0;
    if (chunks > 0) position = alignUp(position, CHUNK_INDEX_SIZE) + chunks * CHUNK_INDEX_SIZE;
    nids[inode] = at / NID_SIZE;
    tails[inode] = tail;
    order[placed++] = inode;
  };

  place(tree.root);
  for (let next = 0; next < placed; next++) {
    const folder = order[next]!;
    if (tree.type(folder) !== S_IFDIR) continue;
    for (const name of names(folder)) {
      const inode = name === DOT ? folder : name === DOTDOT ? tree.data.array[folder]! : tree.inode.array[name]!;
      links[inode]!++;
      if (nids[inode] === 0) place(inode);
    }
  }

  const dataOffset = alignUp(position, BLOCK);
  const blocks = new Uint32Array(count).fill(NO_BLOCK);
  let block = dataOffset / BLOCK;
  for (let i = 0; i < placed; i++) {
    const inode = order[i]!;
    const needed = wholeBlocks(tree, inode, tails[inode]!);
    if (needed === 0) continue;
    blocks[inode] = block;
    block += needed;
  }
  return { order: order.subarray(0, placed), nids, links, blocks, tails, dataOffset, totalBlocks: block, names };
}

/** Bytes of an inode's attributes, those that the builder adds included. */
export function xattrsLength(builder: ErofsBuilder, inode: number): number {
  const { tree } = builder;
  return builder.xattrs[tree.xattrs.array[inode]!]!.length + (tree.opaque.array[inode] === 1 ? OPAQUE.length : 0);
}

/** Blocks of its own that an inode has in the index. */
export function wholeBlocks(tree: Tree, inode: number, tail: number): number {
  const type = tree.type(inode);
  return type === S_IFDIR || type === S_IFLNK ? Math.ceil((tree.size.array[inode]! - tail) / BLOCK) : 0;
}

function chunkCount(builder: ErofsBuilder, inode: number): number {
  const { tree } = builder;
  const sparse = tree.chunks.array[inode]!;
  return sparse === 0 ? wholeChunkCount(tree.size.array[inode]!) : builder.chunks[sparse]!.blocks.length;
}

/** Bytes of a folder's entries: each block holds as many as fit, only the last one ends early. */
function folderSize(tree: Tree, names: Uint32Array): number {
  let blocks = 0;
  let used = 0;
  for (const name of names) {
    const needed = DIRENT_SIZE + tree.nameLength.array[name]!;
    if (used + needed > BLOCK) {
      blocks++;
      used = 0;
    }
    used += needed;
  }
  return blocks * BLOCK + used;
}

/** All names, those of one folder together; sorted by their bytes when they are first asked for. */
function namesByFolder(builder: ErofsBuilder): (folder: number) => Uint32Array {
  const { tree } = builder;
  const hiding = hidingFolders(tree);
  /** Whiteouts where nothing from below shows anyway: overlayfs lists those of a folder that it need not merge. */
  const pointless = (name: number) => tree.inode.array[name] === builder.whiteout && hiding[tree.parent.array[name]!] === 1;
  const total = tree.parent.length;
  const starts = new Uint32Array(tree.inodes + 1);
  const { array: parents } = tree.parent;
  for (let name = DOTDOT + 1; name < total; name++) if (!pointless(name)) starts[parents[name]! + 1]!++;
  for (let inode = 0; inode < tree.inodes; inode++) starts[inode + 1]! += starts[inode]! + (tree.type(inode) === S_IFDIR ? 2 : 0);
  const names = new Uint32Array(starts[tree.inodes]!);
  const filled = starts.slice();
  for (let inode = 0; inode < tree.inodes; inode++) {
    if (tree.type(inode) !== S_IFDIR) continue;
    names[filled[inode]!++] = DOT;
    names[filled[inode]!++] = DOTDOT;
  }
  for (let name = DOTDOT + 1; name < total; name++) if (!pointless(name)) names[filled[parents[name]!]!++] = name;
  const sorted = new Uint8Array(tree.inodes);
  return (folder) => {
    const own = names.subarray(starts[folder], starts[folder + 1]);
    if (sorted[folder] === 0) {
      own.sort((a, b) => compareNames(tree, a, b));
      sorted[folder] = 1;
    }
    return own;
  };
}

/** Opaque folders and what lies in them. A folder's parent was there before it, and so has a smaller number. */
function hidingFolders(tree: Tree): Uint8Array {
  const hiding = new Uint8Array(tree.inodes);
  for (let inode = 0; inode < tree.inodes; inode++) {
    if (tree.type(inode) !== S_IFDIR) continue;
    if (tree.opaque.array[inode] === 1 || hiding[tree.data.array[inode]!] === 1) hiding[inode] = 1;
  }
  return hiding;
}

function compareNames(tree: Tree, a: number, b: number): number {
  const { buffer } = tree.bytes;
  const aLength = tree.nameLength.array[a]!;
  const bLength = tree.nameLength.array[b]!;
  const aAt = tree.nameAt.array[a]!;
  const bAt = tree.nameAt.array[b]!;
  const shorter = Math.min(aLength, bLength);
  for (let i = 0; i < shorter; i++) {
    const difference = buffer[aAt + i]! - buffer[bAt + i]!;
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

function alignUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
