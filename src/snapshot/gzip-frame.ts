/** What is around the deflated bytes of a gzip member (RFC 1952). */
import { invalid } from '../base/errors.ts';

/** Its CRC-32 and its length. */
export const TRAILER_BYTES = 8;

/** Bytes. The standard bounds neither the name nor the comment. */
const MAX_HEADER = 1 << 20;
const FIXED = 10;
const FLAGS = { HEADER_CRC: 2, EXTRA: 4, NAME: 8, COMMENT: 16, RESERVED: 0xe0 } as const;

/** How long the header is that the bytes begin with; undefined: more of it is to come. Throws `invalid` in zlib's words. */
export function gzipHeaderLength(bytes: Buffer): number | undefined {
  if (bytes.length < FIXED) return undefined;
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) throw damaged('incorrect header check');
  if (bytes[2] !== 8) throw damaged('unknown compression method');
  const flags = bytes[3]!;
  if ((flags & FLAGS.RESERVED) !== 0) throw damaged('unknown header flags set');
  let length: number = FIXED;
  if ((flags & FLAGS.EXTRA) !== 0) length += 2 + (bytes.length < length + 2 ? 0 : bytes.readUInt16LE(length));
  for (const flag of [FLAGS.NAME, FLAGS.COMMENT]) {
    if ((flags & flag) === 0) continue;
    const end = bytes.indexOf(0, length);
    if (end === -1 || length > bytes.length) length = Infinity;
    else length = end + 1;
  }
  if ((flags & FLAGS.HEADER_CRC) !== 0) length += 2;
  if (length <= bytes.length) return length;
  if (bytes.length > MAX_HEADER) throw damaged('the header is too long');
  return undefined;
}

/** Throws `invalid` where the trailer tells another length. Its checksum is not looked at. */
export function checkTrailer(trailer: Buffer, length: number): void {
  if (trailer.readUInt32LE(4) !== length % 2 ** 32) throw damaged('incorrect length check');
}

export function damaged(what: string): Error {
  return invalid(`the gzip stream is damaged: ${what}`);
}
