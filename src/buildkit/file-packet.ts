/** The packets of BuildKit's file sync as they come in, read by hand: there are many, and a thread of its own reads them. */
import { invalid } from '../base/errors.ts';
import type { FileStat } from './synced-tree.ts';

/** The types of fsutil's packets. */
export const PACKET = { STAT: 0, REQUEST: 1, DATA: 2, FIN: 3, ERROR: 4 } as const;

export interface FilePacket {
  readonly type: number;
  readonly stat: FileStat | undefined;
  readonly id: number;
  /** A view of what was given. */
  readonly data: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** As `proto/fsutil.proto` has it. Throws `invalid` for what is no packet. */
export function readPacket(bytes: Uint8Array): FilePacket {
  let type = 0;
  let stat: FileStat | undefined;
  let id = 0;
  let data: Uint8Array = NOTHING;
  fields(bytes, (field, value) => {
    if (field === 1) type = numberOf(value);
    else if (field === 2) stat = readStat(bytesOf(value));
    else if (field === 3) id = numberOf(value);
    else if (field === 4) data = bytesOf(value);
  });
  return { type, stat, id, data };
}

function readStat(bytes: Uint8Array): FileStat {
  const stat = { path: '', mode: 0, size: 0, modTime: 0, linkname: '' };
  fields(bytes, (field, value) => {
    if (field === 1) stat.path = textOf(value);
    else if (field === 2) stat.mode = numberOf(value);
    else if (field === 5) stat.size = numberOf(value);
    else if (field === 6) stat.modTime = numberOf(value);
    else if (field === 7) stat.linkname = textOf(value);
  });
  return stat;
}

function fields(bytes: Uint8Array, each: (field: number, value: number | Uint8Array) => void): void {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw broken();
      value += (byte & 0x7f) * 2 ** shift;
      // ten bytes are a negative number of 64 bits
      if (byte < 0x80) return value >= 2 ** 63 ? value - 2 ** 64 : value;
    }
    throw broken();
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === VARINT) {
      each(Math.floor(tag / 8), varint());
    } else if (kind === BYTES) {
      const length = varint();
      if (length < 0 || at + length > bytes.length) throw broken();
      each(Math.floor(tag / 8), bytes.subarray(at, at + length));
      at += length;
    } else if (kind === FIXED64 || kind === FIXED32) {
      at += kind === FIXED64 ? 8 : 4;
    } else {
      throw broken();
    }
  }
}

function numberOf(value: number | Uint8Array): number {
  if (typeof value !== 'number') throw broken();
  return value;
}

function bytesOf(value: number | Uint8Array): Uint8Array {
  if (typeof value === 'number') throw broken();
  return value;
}

/** Names that are no UTF-8 cannot come: protobuf's strings are. */
function textOf(value: number | Uint8Array): string {
  const bytes = bytesOf(value);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function broken(): Error {
  return invalid('malformed packet of the file sync');
}
