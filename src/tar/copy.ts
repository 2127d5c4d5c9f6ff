/** An archive on its way through: its entries with other times, and entries after the last one. */
import { invalid } from '../base/errors.ts';
import type { TarEntry, TarHandler } from './contract.ts';
import { TarReader } from './reader.ts';
import { TarWriter, type TarFields } from './writer.ts';

export interface TarCopyOptions {
  /** What an entry's time of change becomes, in nanoseconds since 1970. */
  readonly mtime?: ((mtime: bigint) => bigint) | undefined;
  /** Told of everything that is copied. */
  readonly watch?: TarHandler | undefined;
  /** Asked when all has been copied. */
  readonly more?: (() => Iterable<AddedEntry>) | undefined;
}

export interface AddedEntry {
  readonly fields: Omit<TarFields, 'size'>;
  readonly data: Buffer;
}

/** Times of access and of status changes are left out. Throws `invalid` for an archive that is damaged or cut off, and for a sparse file. */
export async function* copyTar(archive: AsyncIterable<Buffer>, { mtime, watch, more }: TarCopyOptions): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  const writer = new TarWriter((piece) => pieces.push(piece));
  const reader = new TarReader({
    entry: (entry) => {
      if (entry.sparse !== undefined) throw invalid(`${entry.name.toString()} is a sparse file, which is not copied`);
      watch?.entry(entry);
      writer.entry(fieldsOf(entry, mtime));
    },
    data: (chunk, at) => {
      watch?.data(chunk, at);
      writer.data(chunk);
    },
    entryEnd: () => watch?.entryEnd(),
  });
  for await (const chunk of archive) {
    reader.push(chunk);
    yield* pieces;
    pieces = [];
  }
  reader.end();
  for (const { fields, data } of more?.() ?? []) {
    writer.entry({ ...fields, size: data.length });
    writer.data(data);
  }
  writer.end();
  yield* pieces;
}

function fieldsOf(entry: TarEntry, changed: TarCopyOptions['mtime']): TarFields {
  const { type, name, linkName, mode, uid, gid, userName, groupName, size, mtime, devMajor, devMinor, xattrs } = entry;
  return { type, name, linkName, mode, uid, gid, userName, groupName, size, mtime: changed?.(mtime) ?? mtime, devMajor, devMinor, xattrs };
}
