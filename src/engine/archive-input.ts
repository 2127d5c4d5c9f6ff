/** Archives as users give them (a path or a stream, packed or not) as one plain tar on disk. */
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { EngineError, invalid } from '../base/errors.ts';
import type { BlobStore } from '../image/store/blobs.ts';
import { decompressor, detect } from '../snapshot/decompress.ts';
import type { ArchiveInput } from './images-contract.ts';

const CHUNK = 1 << 20;

export interface PlainArchive extends AsyncDisposable {
  readonly path: string;
}

/** A plain tar that lies in a file is used where it is; anything else goes to a file of the store's, gone when disposed of. */
export async function plainArchive(blobs: BlobStore, input: ArchiveInput, signal: AbortSignal | undefined): Promise<PlainArchive> {
  const path = typeof input === 'string' ? input : undefined;
  // of a pipe that has a name the first bytes could be read but once
  if (path !== undefined && (await isRegular(path)) && detect(await headOf(path), 'archive') === 'none') return { path, async [Symbol.asyncDispose]() {} };
  const source = path === undefined ? (input as AsyncIterable<Uint8Array>) : (createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>);
  const scratch = blobs.scratch();
  const fd = openSync(scratch, 'wx', 0o600);
  const unpack = decompressor('auto', (piece) => writeAll(fd, piece), { what: 'archive' });
  try {
    const check = () => {
      if (signal?.aborted === true) throw new EngineError('cancelled', 'the archive was not read to its end', { cause: signal.reason });
    };
    for await (const chunk of source) {
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
    const { buffer, bytesRead } = await file.read(Buffer.alloc(6), 0, 6, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
