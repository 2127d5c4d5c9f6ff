/** A file or folder of this machine as a tar. */
import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync, type BigIntStats } from 'node:fs';

import { invalid } from '../base/errors.ts';
import type { TarType } from '../tar/contract.ts';
import { TarWriter } from '../tar/writer.ts';

const CHUNK = 1 << 20;
const SECOND = 1_000_000_000n;
const SLASH = Buffer.from('/');

/**
 * `path` under the name `name`, `.` for what is in a folder. Names are any bytes; links stay links, hard ones too;
 * sockets are left out. `leftOut` is asked of paths below: true leaves one out, 'below' with all in it. Throws `invalid` for
 * what cannot be read.
 */
export async function* pack(path: string, name: string, leftOut: LeftOut = () => false): AsyncGenerator<Buffer, void, undefined> {
  const chunks: Buffer[] = [];
  const writer = new TarWriter((chunk) => void chunks.push(chunk));
  const seen = new Map<string, Buffer>();
  for (const entry of walk(Buffer.from(path.replace(/(.)\/\.?$/, '$1')), Buffer.from(name), '', leftOut)) {
    const { stat } = entry;
    const type = typeOf(stat);
    if (type === undefined) continue;
    const inode = `${stat.dev} ${stat.ino}`;
    const first = type === 'file' && stat.nlink > 1n ? seen.get(inode) : undefined;
    if (type === 'file') seen.set(inode, entry.name);
    const size = type === 'file' && first === undefined ? Number(stat.size) : 0;
    writer.entry({
      type: first === undefined ? type : 'link',
      name: type === 'dir' ? Buffer.concat([entry.name, SLASH]) : entry.name,
      ...(first === undefined ? {} : { linkName: first }),
      ...(type === 'symlink' ? { linkName: refused(() => readlinkSync(entry.path, 'buffer')) } : {}),
      mode: Number(stat.mode) & 0o7777,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      size,
      mtime: stat.mtimeNs - (((stat.mtimeNs % SECOND) + SECOND) % SECOND),
      ...(type === 'char' || type === 'block'
        ? { devMajor: Number((stat.rdev >> 8n) & 0xfffn), devMinor: Number((stat.rdev & 0xffn) | ((stat.rdev >> 12n) & 0xfff00n)) }
        : {}),
    });
    yield* chunks.splice(0);
    if (size > 0) {
      for (const chunk of contents(entry.path, size)) {
        writer.data(chunk);
        yield* chunks.splice(0);
      }
    }
  }
  writer.end();
  yield* chunks;
}

interface Found {
  readonly path: Buffer;
  readonly name: Buffer;
  readonly stat: BigIntStats;
}

type LeftOut = (path: string) => boolean | 'below';

function* walk(path: Buffer, name: Buffer, below: string, leftOut: LeftOut): Generator<Found> {
  const stat = refused(() => lstatSync(path, { bigint: true }));
  const out = below === '' ? false : leftOut(below);
  if (out === false) yield { path, name, stat };
  if (!stat.isDirectory() || out === 'below') return;
  for (const child of refused(() => readdirSync(path, 'buffer')).toSorted((a, b) => a.compare(b)))
    yield* walk(Buffer.concat([path, SLASH, child]), Buffer.concat([name, SLASH, child]), `${below === '' ? '' : `${below}/`}${child.toString()}`, leftOut);
}

/** Exactly so many bytes, whatever happens to the file meanwhile. */
function* contents(path: Buffer, size: number): Generator<Buffer> {
  const fd = refused(() => openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW));
  try {
    for (let left = size; left > 0;) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, left));
      const count = refused(() => readSync(fd, chunk, 0, chunk.length, null));
      if (count === 0) throw invalid(`${path.toString()}: file changed as we read it`);
      left -= count;
      yield chunk.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}

function typeOf(stat: BigIntStats): TarType | undefined {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'dir';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isCharacterDevice()) return 'char';
  return stat.isBlockDevice() ? 'block' : undefined;
}

function refused<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw invalid((error as Error).message);
  }
}
