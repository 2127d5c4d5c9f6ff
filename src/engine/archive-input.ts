/** Archives as users give them (a path or a stream, packed or not) as one plain tar on disk. */
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { EngineError, invalid } from '../base/errors.ts';
import type { BlobStore } from '../image/store/blobs.ts';
import { unpackWith } from '../kernel/linux/unpack-program.ts';
import { decompressor, detect } from '../snapshot/decompress.ts';
import { programFor } from './build-archive.ts';
import type { ArchiveInput } from './images-contract.ts';

const CHUNK = 1 << 20;
/** What it takes to tell how an archive is packed. */
const MAGIC_BYTES = 6;

export interface PlainArchive extends AsyncDisposable {
  readonly path: string;
}

/** A plain tar that lies in a file is used where it is; anything else goes to a file of the store's, gone when disposed of. */
export async function plainArchive(blobs: BlobStore, input: ArchiveInput, signal: AbortSignal | undefined): Promise<PlainArchive> {
  const path = typeof input === 'string' ? input : undefined;
  // of a pipe that has a name the first bytes could be read but once
  if (path !== undefined && (await isRegular(path)) && isPlain(await headOf(path))) return { path, async [Symbol.asyncDispose]() {} };
  const source = path === undefined ? (input as AsyncIterable<Uint8Array>) : (createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>);
  const scratch = blobs.scratch();
  const fd = openSync(scratch, 'wx', 0o600);
  const unpack = decompressor('auto', (piece) => writeAll(fd, piece), { what: 'archive' });
  try {
    const check = () => {
      if (signal?.aborted === true) throw new EngineError('cancelled', 'the archive was not read to its end', { cause: signal.reason });
    };
    for await (const chunk of unpackedByProgram(source)) {
      check();
      await unpack.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    }
    check(); // a source may end for the same reason
    await unpack.end();
  } catch (error) {
    unpack.destroy();
    await rm(scratch, { force: true });
    throw explained(error as NodeJS.ErrnoException);
  } finally {
    closeSync(fd);
  }
  return { path: scratch, [Symbol.asyncDispose]: () => rm(scratch, { force: true }) };
}

function isPlain(head: Buffer): boolean {
  return programFor(head) === undefined && detect(head, 'archive') === 'none';
}

/** The bytes as they come, or what a program of the machine makes of them where Node cannot unpack them. */
async function* unpackedByProgram(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const rest = source[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  for (let size = 0; size < MAGIC_BYTES;) {
    const next = await rest.next();
    if (next.done === true) break;
    // one that is too short to tell must outlive the next
    first.push(next.value.length < MAGIC_BYTES ? Uint8Array.from(next.value) : next.value);
    size += next.value.length;
  }
  const program = programFor(Buffer.concat(first, MAGIC_BYTES));
  const all = async function* (): AsyncGenerator<Uint8Array> {
    // a program has its input for longer than the next piece takes
    const own = (piece: Uint8Array) => (program === undefined ? piece : Uint8Array.from(piece));
    try {
      for (const piece of first) yield own(piece);
      for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield own(next.value);
    } finally {
      await rest.return?.();
    }
  };
  yield* program === undefined ? all() : unpackWith(program, all());
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

function explained(error: NodeJS.ErrnoException): Error {
  if (error instanceof EngineError) return error;
  if (error.code === 'ENOSPC') return new EngineError('exhausted', 'no space left on device: the archive could not be kept', { cause: error });
  if (error.name === 'AbortError') return new EngineError('cancelled', 'the archive was not read to its end', { cause: error });
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
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC_BYTES), 0, MAGIC_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
