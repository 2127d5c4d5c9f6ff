/** Blobs from a registry that are not unpacked: to a file, taken up again where an earlier try ended, or to memory. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { EngineError, invalid } from '../base/errors.ts';
import { letGo } from '../base/memory.ts';
import type { Descriptor, Repository } from '../image/contract.ts';

/** Throws `invalid` for other bytes than the descriptor's, `exhausted` for a full disk. */
export async function fetchBlob(
  repository: Repository,
  descriptor: Descriptor,
  blob: { readonly partial: string; readonly path: string },
  progress: (received: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const hash = createHash('sha256');
  const file = await open(blob.partial, 'a', 0o644);
  let wrong = false;
  try {
    let received = 0;
    for await (const chunk of createReadStream(blob.partial, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      received += chunk.length;
    }
    const check = () => {
      wrong = received > descriptor.size;
      if (wrong) throw invalid(`blob ${descriptor.digest} is longer than the ${descriptor.size} bytes that were promised`);
    };
    check();
    if (received < descriptor.size) {
      const stream = await repository.blob(descriptor, { offset: received, ...(signal === undefined ? {} : { signal }) });
      for await (const chunk of stream) {
        received += chunk.length;
        check();
        hash.update(chunk);
        await file.writeFile(chunk);
        letGo(chunk);
        progress(received);
      }
    }
    wrong = `sha256:${hash.digest('hex')}` !== descriptor.digest;
    if (wrong) throw invalid(`filesystem layer verification failed for digest ${descriptor.digest}`);
    await file.sync();
    await rename(blob.partial, blob.path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw new EngineError('exhausted', `no space left on device: ${blob.partial}`, { cause: error });
    throw error;
  } finally {
    await file.close();
    if (wrong) await rm(blob.partial, { force: true });
  }
}

/** A small blob: a config. Throws `invalid` for more bytes than the descriptor says; its digest is not verified. */
export async function readBlob(repository: Repository, descriptor: Descriptor, signal: AbortSignal | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of await repository.blob(descriptor, signal === undefined ? {} : { signal })) {
    size += chunk.length;
    if (size > descriptor.size) throw invalid(`blob ${descriptor.digest} is longer than the ${descriptor.size} bytes that were promised`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
