/** What lies where in a tar on disk: the table of contents of a `docker save` archive, read without its data. */
import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { posix } from 'node:path';
import { EngineError, invalid } from '../base/errors.ts';
import type { TarEntry } from '../tar/contract.ts';
import { TarReader } from '../tar/reader.ts';

/** An archive of images has a few entries a layer: more is an attack. */
const MAX_ENTRIES = 100_000;
/** Bytes of all names in it: they are kept. */
const MAX_NAMES = 16 << 20;
const MAX_LINKS = 10;
const CHUNK = 64 << 10;
/** Data that is shorter is read over instead of sought over. */
const WORTH_SEEKING = CHUNK;

export interface ArchiveFile {
  readonly offset: number;
  readonly size: number;
}

export class ArchiveIndex {
  readonly path: string;
  readonly #files = new Map<string, ArchiveFile>();
  readonly #links = new Map<string, string>();

  constructor(path: string) {
    this.path = path;
  }

  /** Reads the headers, a few at a time. Throws `invalid` for what is no tar. */
  static async read(path: string, signal?: AbortSignal): Promise<ArchiveIndex> {
    const index = new ArchiveIndex(path);
    let [count, names] = [0, 0];
    const reader = new TarReader({
      entry: (entry) => {
        if (++count > MAX_ENTRIES) throw invalid(`the archive has more than ${MAX_ENTRIES} entries`);
        names += entry.name.length + entry.linkName.length;
        if (names > MAX_NAMES) throw invalid(`the archive has more than ${MAX_NAMES} bytes of names`);
        index.#add(entry);
      },
      data: () => {},
      entryEnd: () => {},
    });
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const buffer = Buffer.allocUnsafe(CHUNK);
    for (let at = 0; at < size && !reader.ended;) {
      if (signal?.aborted === true) throw new EngineError('cancelled', 'the archive was not read to its end', { cause: signal.reason });
      const { bytesRead } = await file.read(buffer, 0, CHUNK, at);
      if (bytesRead === 0) break;
      reader.push(buffer.subarray(0, bytesRead));
      at += bytesRead;
      const left = reader.dataLeft;
      if (left < WORTH_SEEKING) continue;
      if (at + left > size) throw invalid(`the archive is truncated: it ends in the middle of an entry`);
      reader.skipData();
      at += left;
    }
    reader.end();
    return index;
  }

  #add({ name, linkName, type, size, dataOffset, sparse }: TarEntry): void {
    const key = clean(name.toString('utf8'));
    if (type === 'file' && sparse === undefined) this.#files.set(key, { offset: dataOffset, size });
    else if (type === 'symlink') this.#links.set(key, clean(posix.join(posix.dirname(key), linkName.toString('utf8'))));
    else if (type === 'link') this.#links.set(key, clean(linkName.toString('utf8')));
  }

  /** By its path in the archive; links of the archive are followed inside it. */
  find(path: string): ArchiveFile | undefined {
    let key = clean(path);
    for (let links = 0; links < MAX_LINKS; links++) {
      const file = this.#files.get(key);
      if (file !== undefined) return file;
      const target = this.#links.get(key);
      if (target === undefined) return undefined;
      key = target;
    }
    return undefined;
  }

  /** The first bytes of a file in it, fewer where it is shorter. */
  head({ offset, size }: ArchiveFile, length: number): Buffer {
    const bytes = Buffer.alloc(Math.min(size, length));
    const fd = openSync(this.path, 'r');
    try {
      readSync(fd, bytes, 0, bytes.length, offset);
    } finally {
      closeSync(fd);
    }
    return bytes;
  }

  /** A document. Throws `invalid` where it is missing or longer than `max` bytes. */
  read(path: string, max: number): Buffer {
    const file = this.find(path);
    if (file === undefined) throw invalid(`invalid archive: ${path} is missing`);
    if (file.size > max) throw invalid(`invalid archive: ${path} has ${file.size} bytes, more than ${max}`);
    const bytes = Buffer.alloc(file.size);
    const fd = openSync(this.path, 'r');
    try {
      for (let at = 0; at < bytes.length;) {
        const n = readSync(fd, bytes, at, bytes.length - at, file.offset + at);
        if (n === 0) throw invalid('the archive is truncated');
        at += n;
      }
    } finally {
      closeSync(fd);
    }
    return bytes;
  }
}

function clean(path: string): string {
  return posix.normalize(`/${path}`).slice(1);
}
