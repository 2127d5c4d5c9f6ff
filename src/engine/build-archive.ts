/** Archives that ADD unpacks. */
import { Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress, constants } from 'node:zlib';
import { unpackWith } from '../kernel/linux/unpack-program.ts';

/** How an archive is packed. What rooted files unpack by themselves, they do. */
export type ArchiveKind = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz';

const HEAD = 64 << 10;
const BLOCK = 512;
/** Bytes that are unpacked at a time. */
const PIECE = 4096;

/** Undefined for what is no archive, as Docker tells: what unpacks to a first tar header. Reads but the beginning. */
export async function archiveKind(bytes: AsyncIterable<Buffer>): Promise<ArchiveKind | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of bytes) {
    pieces.push(piece);
    size += piece.length;
    if (size >= HEAD) break;
  }
  const head = Buffer.concat(pieces);
  if (isTarHeader(head)) return 'none';
  if (head[0] === 0x1f && head[1] === 0x8b) {
    return isTarHeader(await begin(head, createGunzip({ chunkSize: PIECE, finishFlush: constants.Z_SYNC_FLUSH }))) ? 'gzip' : undefined;
  }
  if (head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528) {
    return isTarHeader(await begin(head, createZstdDecompress({ chunkSize: PIECE, finishFlush: constants.ZSTD_e_flush }))) ? 'zstd' : undefined;
  }
  return programFor(head);
}

/** The program that unpacks what begins like this; undefined for what needs none, or is no archive. */
export function programFor(head: Buffer): 'bzip2' | 'xz' | undefined {
  if (head.toString('latin1', 0, 3) === 'BZh') return 'bzip2';
  return head.toString('latin1', 0, 6) === '\xfd7zXZ\0' ? 'xz' : undefined;
}

/** The bytes for who unpacks gzip and zstd by himself. */
export function plainTar(kind: ArchiveKind, bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return kind === 'bzip2' || kind === 'xz' ? unpackWith(kind, bytes) : bytes;
}

/** No more than is needed: a few bytes may unpack to gigabytes. */
async function begin(head: Buffer, unpack: Transform): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of Readable.from([head]).pipe(unpack) as AsyncIterable<Buffer>) {
      pieces.push(piece);
      size += piece.length;
      if (size >= BLOCK) break;
    }
  } catch {
    return Buffer.alloc(0);
  }
  return Buffer.concat(pieces);
}

/** The checksum of a header is the sum of its bytes, those of the checksum itself taken as spaces (pax(1)). */
function isTarHeader(bytes: Buffer): boolean {
  if (bytes.length < BLOCK) return false;
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) sum += at >= 148 && at < 156 ? 0x20 : bytes[at]!;
  const field = bytes.toString('latin1', 148, 156).replaceAll('\0', ' ').trim();
  return /^[0-7]+$/.test(field) && Number.parseInt(field, 8) === sum && sum > 8 * 0x20;
}
