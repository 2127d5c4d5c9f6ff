/** Indexes of tars that lie in files. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { ErofsBuilder } from '../../src/snapshot/erofs/builder.ts';
import { writeIndex, type Marks } from '../../src/snapshot/erofs/index-writer.ts';
import { TarReader } from '../../src/tar/reader.ts';

/** Writes the index of a tar. Returns the tar's digest. */
export function indexTar(tar: string, index: string, marks: Marks = 'trusted'): `sha256:${string}` {
  const builder = new ErofsBuilder();
  const reader = new TarReader(builder);
  const hash = createHash('sha256');
  const piece = Buffer.alloc(1 << 20);
  const from = openSync(tar, 'r');
  let size = 0;
  for (let read; (read = readSync(from, piece)) > 0; size += read) {
    hash.update(piece.subarray(0, read));
    reader.push(piece.subarray(0, read));
  }
  closeSync(from);
  reader.end();
  const diffId = `sha256:${hash.digest('hex')}` as const;
  const to = openSync(index, 'w');
  writeIndex(builder, { diffId, size }, (bytes) => writeSync(to, bytes), marks);
  closeSync(to);
  return diffId;
}
