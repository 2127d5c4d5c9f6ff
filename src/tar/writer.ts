/**
 * Writes tar archives byte for byte as Go's archive/tar does, so that a layer made here has the digest that Docker would
 * have given it: ustar where that holds everything, else pax. (Docker asks for FormatPAX; that lets Go choose ustar, too.)
 */
import { EngineError } from '../base/errors.ts';
import type { TarType } from './contract.ts';
import { BLOCK } from './header.ts';

export interface TarFields {
  readonly type: TarType;
  /** Written as it is: a folder's should end in a slash. */
  readonly name: Buffer;
  readonly linkName?: Buffer;
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly userName?: string;
  readonly groupName?: string;
  readonly size?: number;
  /** Nanoseconds; Docker cuts it to seconds before. */
  readonly mtime?: bigint;
  readonly devMajor?: number;
  readonly devMinor?: number;
  readonly xattrs?: ReadonlyMap<string, Buffer>;
}

const TYPE_FLAGS: Readonly<Record<TarType, string>> = { file: '0', link: '1', symlink: '2', char: '3', block: '4', dir: '5', fifo: '6' };
const SECOND = 1_000_000_000n;

/** The end mark. */
const END = Buffer.alloc(2 * BLOCK);

/** Hands the archive to `sink` piece by piece; pieces of file data are not copied. */
export class TarWriter {
  readonly #sink: (chunk: Buffer) => void;
  #left = 0;
  #padding = 0;

  constructor(sink: (chunk: Buffer) => void) {
    this.#sink = sink;
  }

  /** Begins an entry; `size` bytes of data must follow. */
  entry(fields: TarFields): void {
    if (this.#left > 0) throw new EngineError('internal', `tar: ${this.#left} bytes of an entry are missing`);
    const size = fields.size ?? 0;
    if (size > 0 && fields.type !== 'file') throw new EngineError('internal', 'tar: only files have data');
    this.#sink(tarHeader(fields));
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
  }

  data(chunk: Buffer): void {
    if (chunk.length > this.#left) throw new EngineError('internal', 'tar: more data than the entry has');
    if (chunk.length === 0) return;
    this.#left -= chunk.length;
    this.#sink(chunk);
    if (this.#left === 0 && this.#padding > 0) this.#sink(Buffer.alloc(this.#padding));
  }

  end(): void {
    if (this.#left > 0) throw new EngineError('internal', `tar: ${this.#left} bytes of an entry are missing`);
    this.#sink(END);
  }
}

/** The header of an entry, with a pax header before it where one is needed. */
export function tarHeader(fields: TarFields): Buffer {
  const mtime = fields.mtime ?? 0n;
  const seconds = floorSeconds(mtime);
  const records = new Map<string, Buffer>();
  let ustar = true;
  const text = (value: Buffer, size: number, key: string): void => {
    if (isAscii(value) && value.length <= size) return;
    if (key !== 'path' || splitUstar(value) === undefined) ustar = false;
    records.set(key, value);
  };
  const number = (value: number, size: number, key: string): void => {
    if (fitsOctal(value, size)) return;
    ustar = false;
    records.set(key, Buffer.from(String(value)));
  };
  const linkName = fields.linkName ?? NOTHING;
  const userName = Buffer.from(fields.userName ?? '');
  const groupName = Buffer.from(fields.groupName ?? '');
  text(fields.name, 100, 'path');
  text(linkName, 100, 'linkpath');
  text(userName, 32, 'uname');
  text(groupName, 32, 'gname');
  number(fields.uid ?? 0, 8, 'uid');
  number(fields.gid ?? 0, 8, 'gid');
  number(fields.size ?? 0, 12, 'size');
  if (!fitsOctal(seconds, 12) || mtime % SECOND !== 0n) {
    ustar = false;
    records.set('mtime', Buffer.from(paxTime(mtime)));
  }
  for (const [name, value] of fields.xattrs ?? []) {
    ustar = false;
    records.set(`SCHILY.xattr.${name}`, value);
  }
  if (ustar) {
    const split = fields.name.length > 100 ? splitUstar(fields.name) : undefined;
    const block = header(fields, split?.[1] ?? fields.name, linkName, userName, groupName, seconds);
    split?.[0].copy(block, 345);
    return sealed(block);
  }
  const block = sealed(header(fields, ascii(fields.name), ascii(linkName), ascii(userName), ascii(groupName), seconds));
  return records.size === 0 ? block : Buffer.concat([paxHeader(fields.name, records), block]);
}

const NOTHING = Buffer.alloc(0);

function header(fields: TarFields, name: Buffer, linkName: Buffer, userName: Buffer, groupName: Buffer, seconds: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  field(block, 0, 100, name);
  octal(block, 100, 8, fields.mode);
  octal(block, 108, 8, fields.uid ?? 0);
  octal(block, 116, 8, fields.gid ?? 0);
  octal(block, 124, 12, fields.size ?? 0);
  octal(block, 136, 12, seconds);
  block.write(TYPE_FLAGS[fields.type], 156);
  field(block, 157, 100, linkName);
  block.write('ustar\u000000', 257, 'latin1');
  field(block, 265, 32, userName);
  field(block, 297, 32, groupName);
  octal(block, 329, 8, fields.devMajor ?? 0);
  octal(block, 337, 8, fields.devMinor ?? 0);
  return block;
}

/** The 'x' header and its records in the order of their keys. */
function paxHeader(name: Buffer, records: ReadonlyMap<string, Buffer>): Buffer {
  const body = Buffer.concat([...records].toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map(([key, value]) => paxRecord(key, value)));
  const block = Buffer.alloc(BLOCK);
  let called = ascii(paxName(name)).subarray(0, 100);
  while (called.at(-1) === 0x2f) called = called.subarray(0, -1);
  field(block, 0, 100, called);
  for (const [at, length] of [
    [100, 8],
    [108, 8],
    [116, 8],
    [136, 12],
  ] as const) {
    octal(block, at, length, 0);
  }
  octal(block, 124, 12, body.length);
  block.write('x', 156);
  block.write('ustar\u000000', 257, 'latin1');
  return Buffer.concat([sealed(block), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}

/** What Go's path.Join(dir, "PaxHeaders.0", file) gives for path.Split(name). */
function paxName(name: Buffer): Buffer {
  const slash = name.lastIndexOf(0x2f);
  const joined = `${name.toString('latin1', 0, slash + 1)}/PaxHeaders.0/${name.toString('latin1', slash + 1)}`;
  const out: string[] = [];
  const rooted = slash === 0 || name[0] === 0x2f;
  for (const part of joined.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') out.push(part);
    else if (out.length > 0 && out.at(-1) !== '..') out.pop();
    else if (!rooted) out.push(part);
  }
  return Buffer.from(`${rooted ? '/' : ''}${out.join('/')}`, 'latin1');
}

/** Its length counts itself. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.byteLength(key) + value.length + 3; // blank, equals sign, newline
  let size = rest + String(rest).length;
  if (rest + String(size).length !== size) size = rest + String(size).length;
  return Buffer.concat([Buffer.from(`${size} ${key}=`), value, Buffer.from('\n')]);
}

function sealed(block: Buffer): Buffer {
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) sum += block[at]!;
  octal(block, 148, 7, sum);
  block[155] = 0x20;
  return block;
}

function field(block: Buffer, at: number, length: number, value: Buffer): void {
  value.copy(block, at, 0, length);
  // a slash at the cut would make a folder of it for some readers
  if (value.length > length && block[at + length - 1] === 0x2f) {
    let end = length - 1;
    while (end > 0 && value[end - 1] === 0x2f) end--;
    block[at + end] = 0;
  }
}

/** What does not fit is written as zero: a pax record has it. */
function octal(block: Buffer, at: number, length: number, value: number): void {
  const digits = (fitsOctal(value, length) ? value : 0).toString(8).padStart(length - 1, '0');
  block.write(`${digits}\0`, at, 'latin1');
}

function fitsOctal(value: number, length: number): boolean {
  return value >= 0 && value < 8 ** (length - 1);
}

function isAscii(value: Buffer): boolean {
  return value.every((byte) => byte < 0x80 && byte !== 0);
}

function ascii(value: Buffer): Buffer {
  return isAscii(value) ? value : Buffer.from(value.filter((byte) => byte < 0x80 && byte !== 0));
}

/** Prefix and name, where a slash lies so that both fit. */
function splitUstar(name: Buffer): [Buffer, Buffer] | undefined {
  let length = name.length;
  if (length <= 100 || !isAscii(name)) return undefined;
  if (length > 156) length = 156;
  else if (name[length - 1] === 0x2f) length--;
  const slash = name.subarray(0, length).lastIndexOf(0x2f);
  const rest = name.length - slash - 1;
  if (slash <= 0 || rest > 100 || rest === 0 || slash > 155) return undefined;
  return [name.subarray(0, slash), name.subarray(slash + 1)];
}

function floorSeconds(nanoseconds: bigint): number {
  const seconds = nanoseconds / SECOND;
  return Number(nanoseconds % SECOND < 0n ? seconds - 1n : seconds);
}

function paxTime(nanoseconds: bigint): string {
  const absolute = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const fraction = (absolute % SECOND).toString().padStart(9, '0').replace(/0+$/, '');
  return `${nanoseconds < 0n ? '-' : ''}${absolute / SECOND}${fraction === '' ? '' : `.${fraction}`}`;
}
