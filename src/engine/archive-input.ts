/** Archives as users give them (a path or a stream, packed or not) as one plain tar on disk. */
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { EngineError, invalid } from '../base/errors.ts';
import type { BlobStore } from '../image/store/blobs.ts';
import type { ArchiveInput } from './images-contract.ts';

const CHUNK = 1 << 20;

export interface PlainArchive extends AsyncDisposable {
  readonly path: string;
}

/** A plain tar that lies in a file is used where it is; anything else goes to a file of the store's, gone when disposed of. */
export async function plainArchive(blobs: BlobStore, input: ArchiveInput, signal: AbortSignal | undefined): Promise<PlainArchive> {
  const path = typeof input === 'string' ? input : undefined;
  // of a pipe that has a name the first bytes could be read but once
  if (path !== undefined && (await isRegular(path)) && unpacker(await headOf(path)) === undefined) return { path, async [Symbol.asyncDispose]() {} };
  const source =
    path === undefined ? Readable.from(input as AsyncIterable<Uint8Array>, { objectMode: false }) : createReadStream(path, { highWaterMark: CHUNK });
  const scratch = blobs.scratch();
  const remove = () => rm(scratch, { force: true });
  try {
    const { head, stream } = await peeked(source);
    const unpack = unpacker(head);
    const target = createWriteStream(scratch, { highWaterMark: CHUNK });
    const options = signal === undefined ? {} : { signal };
    await (unpack === undefined ? pipeline(stream, target, options) : pipeline(stream, unpack, target, options));
  } catch (error) {
    await remove();
    throw explained(error as NodeJS.ErrnoException);
  }
  return { path: scratch, [Symbol.asyncDispose]: remove };
}

function explained(error: NodeJS.ErrnoException): Error {
  if (error instanceof EngineError) return error;
  if (error.code === 'ENOSPC') return new EngineError('exhausted', 'no space left on device: the archive could not be kept', { cause: error });
  if (error.name === 'AbortError') return new EngineError('cancelled', 'the archive was not read to its end', { cause: error });
  if (/^Z_|ZSTD|ERR_ZSTD/.test(error.code ?? '')) return invalid(`the archive is damaged: ${error.message}`);
  return error;
}

async function isRegular(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const known = error.code === 'ENOENT';
    throw new EngineError(known ? 'not-found' : 'invalid', `open ${path}: ${known ? 'no such file or directory' : error.message}`, { cause: error });
  });
  if (found.isDirectory()) throw invalid(`read ${path}: is a directory`);
  return found.isFile();
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(6), 0, 6, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function peeked(source: Readable): Promise<{ head: Buffer; stream: AsyncIterable<Buffer> }> {
  const iterator = (source as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  for (let have = 0; have < 6;) {
    const { value, done } = await iterator.next();
    if (done) break;
    first.push(value);
    have += value.length;
  }
  async function* all() {
    try {
      yield* first;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(first).subarray(0, 6), stream: all() };
}

/** What unpacks an archive that begins like this; undefined for a plain one. Throws `invalid` for what kobako cannot unpack. */
function unpacker(head: Buffer): Transform | undefined {
  const starts = (...bytes: number[]) => bytes.every((byte, index) => head[index] === byte);
  if (starts(0x1f, 0x8b)) return createGunzip({ chunkSize: CHUNK });
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return createZstdDecompress({ chunkSize: CHUNK });
  if (starts(0x42, 0x5a, 0x68)) throw invalid('archives packed with bzip2 are not supported: unpack it first (bunzip2)');
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a)) throw invalid('archives packed with xz are not supported: unpack it first (unxz)');
  return undefined;
}
