/** The records of a pax extended header: `LENGTH KEY=VALUE\n`, pax(1) "pax Extended Header". */
import { invalid } from '../base/errors.ts';
import { paxNumber, paxTime, quote } from './numbers.ts';
import { checkedRuns, type SparseMap } from './sparse.ts';
import type { TarRun } from './contract.ts';

/** What the records say. What is undefined is as in the header that follows. */
export interface PaxRecords {
  path?: Buffer | undefined;
  linkPath?: Buffer | undefined;
  size?: number | undefined;
  uid?: number | undefined;
  gid?: number | undefined;
  userName?: string | undefined;
  groupName?: string | undefined;
  mtime?: bigint | undefined;
  atime?: bigint | undefined;
  ctime?: bigint | undefined;
  xattrs: Map<string, Buffer>;
  /** Sparse formats 0.0 and 0.1: the map is here. Format 1.0: it comes before the data. */
  sparse?: SparseMap | 'in-data' | undefined;
  sparseName?: Buffer | undefined;
  sparseSize?: number | undefined;
}

const SCHILY = 'SCHILY.xattr.';
const LIBARCHIVE = 'LIBARCHIVE.xattr.';

interface SparseRecords {
  name?: Buffer;
  size?: number | undefined;
  realSize?: number;
  major?: string;
  minor?: string;
  /** Offset, length, offset, length, … */
  numbers?: number[];
}

export function parsePax(body: Buffer): PaxRecords {
  const out: PaxRecords = { xattrs: new Map() };
  const sparse: SparseRecords = {};
  const schily = new Map<string, Buffer>();
  for (let at = 0; at < body.length;) {
    const { key, value, next } = record(body, at);
    at = next;
    if (key.startsWith('GNU.sparse.')) sparseRecord(sparse, key.slice(11), value);
    else if (key.startsWith(SCHILY)) schily.set(xattrName(key.slice(SCHILY.length)), Buffer.from(value));
    else if (key.startsWith(LIBARCHIVE)) out.xattrs.set(xattrName(decodeName(key.slice(LIBARCHIVE.length))), Buffer.from(value.toString('latin1'), 'base64'));
    else plainRecord(out, key, value);
  }
  for (const [name, value] of schily) out.xattrs.set(name, value); // some write both; this one is exact
  finishSparse(out, sparse);
  return out;
}

function record(body: Buffer, at: number): { key: string; value: Buffer; next: number } {
  let length = 0;
  let cursor = at;
  for (; cursor < body.length && cursor - at < 8; cursor++) {
    const digit = body[cursor]! - 0x30;
    if (digit < 0 || digit > 9) break;
    length = length * 10 + digit;
  }
  const end = at + length;
  const equals = body.indexOf(0x3d, cursor);
  if (
    cursor === at ||
    body[cursor] !== 0x20 ||
    end > body.length ||
    end <= cursor + 2 ||
    body[end - 1] !== 0x0a ||
    equals === -1 ||
    equals >= end ||
    equals === cursor + 1
  ) {
    throw invalid('invalid pax header: a malformed record');
  }
  const key = body.toString('utf8', cursor + 1, equals);
  if (key.includes('\0')) throw invalid('invalid pax header: a key has a NUL byte');
  return { key, value: body.subarray(equals + 1, end - 1), next: end };
}

/** An empty value means: as if there were no record. */
function plainRecord(out: PaxRecords, key: string, value: Buffer): void {
  const empty = value.length === 0;
  const text = () => value.toString('utf8');
  switch (key) {
    case 'path':
      out.path = empty ? undefined : bytes(value, key);
      break;
    case 'linkpath':
      out.linkPath = empty ? undefined : bytes(value, key);
      break;
    case 'size':
      out.size = empty ? undefined : paxNumber(text(), key);
      break;
    case 'uid':
      out.uid = empty ? undefined : paxNumber(text(), key);
      break;
    case 'gid':
      out.gid = empty ? undefined : paxNumber(text(), key);
      break;
    case 'uname':
      out.userName = empty ? undefined : bytes(value, key).toString('utf8');
      break;
    case 'gname':
      out.groupName = empty ? undefined : bytes(value, key).toString('utf8');
      break;
    case 'mtime':
    case 'atime':
    case 'ctime':
      out[key] = empty ? undefined : paxTime(text(), key);
      break;
  }
}

function bytes(value: Buffer, key: string): Buffer {
  if (value.includes(0)) throw invalid(`invalid pax header: ${key} has a NUL byte`);
  return Buffer.from(value);
}

function xattrName(name: string): string {
  if (name === '') throw invalid('invalid pax header: an extended attribute without a name');
  return name;
}

/** libarchive writes names as URLs do. */
function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw invalid(`invalid pax header: extended attribute ${quote(name)}`);
  }
}

function sparseRecord(sparse: SparseRecords, key: string, value: Buffer): void {
  const number = () => paxNumber(value.toString('latin1'), `GNU.sparse.${key}`);
  switch (key) {
    case 'name':
      sparse.name = bytes(value, key);
      break;
    case 'size':
      sparse.size = number();
      break;
    case 'realsize':
      sparse.realSize = number();
      break;
    case 'major':
    case 'minor':
      sparse[key] = value.toString('latin1');
      break;
    case 'offset': {
      const numbers = (sparse.numbers ??= []);
      if (numbers.length % 2 !== 0) throw invalid('invalid pax header: a sparse map with two offsets in a row');
      numbers.push(number());
      break;
    }
    case 'numbytes': {
      const numbers = (sparse.numbers ??= []);
      if (numbers.length % 2 !== 1) throw invalid('invalid pax header: a sparse map with a length before its offset');
      numbers.push(number());
      break;
    }
    case 'map': {
      const text = value.toString('latin1');
      sparse.numbers = text === '' ? [] : text.split(',').map((part) => paxNumber(part, 'GNU.sparse.map'));
      break;
    }
  }
}

function finishSparse(out: PaxRecords, sparse: SparseRecords): void {
  if (sparse.major !== undefined || sparse.minor !== undefined) {
    const version = `${sparse.major ?? '?'}.${sparse.minor ?? '?'}`;
    if (version === '1.0') {
      const size = sparse.realSize ?? sparse.size;
      if (size === undefined) throw invalid('invalid pax header: a sparse file without its size');
      out.sparse = 'in-data';
      out.sparseSize = size;
      if (sparse.name !== undefined) out.sparseName = sparse.name;
      return;
    }
    if (version !== '0.0' && version !== '0.1') throw invalid(`the archive has a sparse file of format ${quote(version)}, which is not supported`);
  }
  if (sparse.numbers === undefined) return;
  const size = sparse.size ?? sparse.realSize;
  if (size === undefined) throw invalid('invalid pax header: a sparse file without its size');
  if (sparse.numbers.length % 2 !== 0) throw invalid('invalid pax header: a sparse map that ends in an offset');
  const runs: TarRun[] = [];
  for (let at = 0; at < sparse.numbers.length; at += 2) runs.push({ offset: sparse.numbers[at]!, length: sparse.numbers[at + 1]! });
  out.sparse = { size, runs: checkedRuns(runs, size) };
  if (sparse.name !== undefined) out.sparseName = sparse.name;
}
