/** One header block: its fields at their places, in all the dialects (v7, ustar, GNU, star). */
import { invalid } from '../base/errors.ts';
import { headerNumber } from './numbers.ts';

export const BLOCK = 512;

export interface RawHeader {
  readonly typeFlag: number;
  readonly name: Buffer;
  readonly linkName: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds. */
  readonly mtime: number;
  readonly userName: string;
  readonly groupName: string;
  readonly devMajor: number;
  readonly devMinor: number;
}

export function isZeroBlock(block: Buffer): boolean {
  for (let at = 0; at < BLOCK; at++) if (block[at] !== 0) return false;
  return true;
}

const NOTHING = Buffer.alloc(0);

/** Where a text field ends: at its first NUL. */
function endOf(block: Buffer, at: number, length: number): number {
  const zero = block.indexOf(0, at);
  return zero === -1 || zero > at + length ? at + length : zero;
}

/** The bytes of a text field, copied. Most of the fields are empty in most headers. */
function field(block: Buffer, at: number, length: number): Buffer {
  return block[at] === 0 ? NOTHING : Buffer.from(block.subarray(at, endOf(block, at, length)));
}

function text(block: Buffer, at: number, length: number): string {
  return block[at] === 0 ? '' : block.toString('utf8', at, endOf(block, at, length));
}

/** Throws `invalid` for a block that is no header. */
export function parseHeader(block: Buffer): RawHeader {
  checkSum(block);
  const magic = block.toString('latin1', 257, 265);
  const posix = magic.startsWith('ustar\0');
  const known = posix || magic === 'ustar  \0';
  let name = field(block, 0, 100);
  if (posix) {
    if (block[345] !== 0) {
      const star = block.toString('latin1', 508, 512) === 'tar\0';
      name = Buffer.concat([field(block, 345, star ? 131 : 155), Buffer.from('/'), name]);
    }
  }
  const size = headerNumber(block, 124, 12, 'size');
  if (size < 0) throw invalid('invalid tar header: a negative size');
  return {
    typeFlag: block[156]!,
    name,
    linkName: field(block, 157, 100),
    mode: headerNumber(block, 100, 8, 'mode'),
    uid: headerNumber(block, 108, 8, 'uid'),
    gid: headerNumber(block, 116, 8, 'gid'),
    size,
    mtime: headerNumber(block, 136, 12, 'mtime'),
    userName: known ? text(block, 265, 32) : '',
    groupName: known ? text(block, 297, 32) : '',
    devMajor: known ? headerNumber(block, 329, 8, 'device number') : 0,
    devMinor: known ? headerNumber(block, 337, 8, 'device number') : 0,
  };
}

/** The sum of all bytes with the field itself as blanks; old programs summed signed bytes. */
function checkSum(block: Buffer): void {
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let at = 0; at < BLOCK; at++) {
    if (at === 148) at = 156;
    const byte = block[at]!;
    unsigned += byte;
    high += byte >> 7;
  }
  const wanted = headerNumber(block, 148, 8, 'checksum');
  if (wanted !== unsigned && wanted !== unsigned - 256 * high) throw invalid('invalid tar header: wrong checksum');
}
