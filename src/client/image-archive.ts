/** Archives on their way to a daemon. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { EngineError, invalid } from '../base/errors.ts';
import type { ArchiveInput } from '../engine/images-contract.ts';
import type { HttpCall } from './http.ts';

/** Throws `not-found` for a file that is not there, before anything is sent. */
export async function archiveBody(input: ArchiveInput): Promise<NonNullable<HttpCall['body']>> {
  if (typeof input !== 'string') return { type: 'application/x-tar', bytes: input };
  const found = await stat(input).catch((error: NodeJS.ErrnoException) => {
    const gone = error.code === 'ENOENT';
    throw new EngineError(gone ? 'not-found' : 'invalid', `open ${input}: ${gone ? 'no such file or directory' : error.message}`, { cause: error });
  });
  if (found.isDirectory()) throw invalid(`read ${input}: is a directory`);
  return { type: 'application/x-tar', bytes: createReadStream(input, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer> };
}
