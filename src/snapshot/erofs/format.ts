/**
 * EROFS on disk, as far as an index needs it (Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h of Linux):
 * numbers and places only. Everything is little-endian.
 *
 *     0      1024          1152         1280 …                          … to a whole block
 *     zeros  super block   device slot  inodes, each followed by its     whole blocks of folders
 *                                       xattrs and its tail or chunks    and of long symbolic links
 *
 * An inode's number (nid) is its place in units of 32 bytes, as `meta_blkaddr` is 0.
 */
import { crc32c } from './crc32c.ts';

/** Tar's own block size: a file's bytes begin at a whole one, so that a chunk can point at them. Linux 6.4 and later. */
export const BLOCK_BITS = 9;
export const BLOCK = 512;

export const SUPER_OFFSET = 1024;
const SUPER_SIZE = 128;
const DEVICE_SLOT_SIZE = 128;
const DEVICE_OFFSET = SUPER_OFFSET + SUPER_SIZE;
/** Where the root's inode is. */
export const INODES_OFFSET = DEVICE_OFFSET + DEVICE_SLOT_SIZE;

export const INODE_SIZE = 64;
export const NID_SIZE = 32;
export const DIRENT_SIZE = 12;
export const CHUNK_INDEX_SIZE = 8;

const MAGIC = 0xe0f5e1e2;
const COMPAT_SB_CHKSUM = 1;
const COMPAT_MTIME = 2;
const INCOMPAT_CHUNKED_FILE = 4;
const INCOMPAT_DEVICE_TABLE = 8;

/** Where an inode's data is. */
export const LAYOUT = { flatPlain: 0, flatInline: 2, chunkBased: 4 } as const;
/** No block: a hole, or data that an inode does not have. */
export const NO_BLOCK = 0xffff_ffff;
/** A chunk may be this many bits larger than a block. */
export const MAX_CHUNK_BITS = 31;
/** Chunks are given as indexes of eight bytes, which can name a device. */
export const CHUNK_INDEXES = 0x20;
/** The tar, as the only device besides the index itself. */
export const TAR_DEVICE = 1;

export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFBLK = 0o060000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;

/** The type in a folder's entry, by the mode's upper four bits. */
export const FILE_TYPES: Readonly<Record<number, number>> = { 8: 1, 4: 2, 2: 3, 6: 4, 1: 5, 10: 7 };

/** What an index says about itself. */
export interface Volume {
  readonly inodes: number;
  /** Of the index. */
  readonly blocks: number;
  readonly tarBlocks: number;
  readonly rootNid: number;
  /** Hexadecimal digits of the tar's digest. */
  readonly digest: string;
}

/** Writes super block and device slot into the beginning of an index; `sealSuper` follows when the block is whole. */
export function writeSuper(head: Buffer, volume: Volume): void {
  const at = SUPER_OFFSET;
  head.writeUInt32LE(MAGIC, at);
  head.writeUInt32LE(COMPAT_SB_CHKSUM | COMPAT_MTIME, at + 8);
  head.writeUInt8(BLOCK_BITS, at + 12);
  head.writeUInt16LE(volume.rootNid, at + 14);
  head.writeBigUInt64LE(BigInt(volume.inodes), at + 16);
  head.writeUInt32LE(volume.blocks, at + 36);
  head.write(volume.digest.slice(0, 32), at + 48, 'hex');
  head.writeUInt32LE(INCOMPAT_CHUNKED_FILE | INCOMPAT_DEVICE_TABLE, at + 80);
  head.writeUInt16LE(1, at + 86);
  head.writeUInt16LE(DEVICE_OFFSET / DEVICE_SLOT_SIZE, at + 88);
  head.write(volume.digest.slice(0, 64), DEVICE_OFFSET, 'latin1');
  head.writeUInt32LE(volume.tarBlocks, DEVICE_OFFSET + 64);
}

/** Writes the checksum: over the block that begins with the super block, with the checksum's own field zero. */
export function sealSuper(head: Buffer): void {
  head.writeUInt32LE(0, SUPER_OFFSET + 4);
  head.writeUInt32LE(crc32c(0xffff_ffff, head.subarray(SUPER_OFFSET, SUPER_OFFSET + BLOCK)), SUPER_OFFSET + 4);
}

/** A device number as the kernel's new_encode_dev() packs it. */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}
