/** Writes what a container's tar has to this machine. The archive may be hostile: nothing gets out of its folder. */
import { writeAt } from '../base/write-at.ts';
import { chmodSync, closeSync, linkSync, lstatSync, lutimesSync, mkdirSync, openSync, rmSync, symlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path/posix';
import { invalid } from '../base/errors.ts';
import type { TarEntry, TarHandler } from '../tar/contract.ts';
import { TarReader } from '../tar/reader.ts';

/**
 * Unpacks an archive, of which everything lies under the one name `base` (`.`: all of it), to `root`: what had the name
 * is `root` then, or in it. Permissions and times are kept, owners are not. Calls `skipped` for what cannot be made.
 */
export async function unpack(tar: AsyncIterable<Buffer>, base: string, root: string, skipped: (name: string) => void): Promise<void> {
  const writer = new Unpacker(base, root, skipped);
  const reader = new TarReader(writer);
  try {
    for await (const chunk of tar) reader.push(chunk);
    reader.end();
  } finally {
    writer.close();
  }
  writer.finish();
}

class Unpacker implements TarHandler {
  readonly #base: string;
  readonly #root: string;
  readonly #skipped: (name: string) => void;
  /** Links that the archive brought: nothing is written through them. */
  readonly #links = new Set<string>();
  readonly #folders: { readonly path: string; readonly entry: TarEntry }[] = [];
  #file: { readonly fd: number; readonly path: string; readonly entry: TarEntry } | undefined;

  constructor(base: string, root: string, skipped: (name: string) => void) {
    this.#base = base;
    this.#root = root;
    this.#skipped = skipped;
  }

  entry(entry: TarEntry): void {
    const path = this.#place(entry.name);
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (entry.type === 'dir') return this.#folder(path, there, entry);
    if (there?.isDirectory()) throw invalid(`cannot overwrite directory ${JSON.stringify(path)} with non-directory ${JSON.stringify(entry.name.toString())}`);
    if (there !== undefined) rmSync(path);
    this.#links.delete(path);
    if (entry.type === 'file') this.#file = { fd: openSync(path, 'wx', 0o600), path, entry };
    else if (entry.type === 'symlink') {
      symlinkSync(entry.linkName, path);
      this.#links.add(path);
      this.#times(path, entry);
    } else if (entry.type === 'link') linkSync(this.#place(entry.linkName), path);
    else this.#skipped(entry.name.toString());
  }

  data(chunk: Buffer, at: number): void {
    writeAt(this.#file!.fd, chunk, at);
  }

  entryEnd(): void {
    const file = this.#file;
    this.close();
    if (file === undefined) return;
    chmodSync(file.path, file.entry.mode);
    this.#times(file.path, file.entry);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  /** Folders get their permissions and times when nothing more comes into them. */
  finish(): void {
    for (const { path, entry } of this.#folders.toReversed()) {
      if (this.#links.has(path)) continue;
      chmodSync(path, entry.mode);
      this.#times(path, entry);
    }
  }

  #folder(path: string, there: Stats | undefined, entry: TarEntry): void {
    if (there !== undefined && !there.isDirectory())
      throw invalid(`cannot overwrite non-directory ${JSON.stringify(path)} with directory ${JSON.stringify(entry.name.toString())}`);
    if (there === undefined) mkdirSync(path, { mode: 0o700 });
    this.#folders.push({ path, entry });
  }

  /** Where an entry goes. Throws `invalid` for one that would go elsewhere. */
  #place(name: Buffer): string {
    const text = name.toString();
    const parts = text.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) throw invalid(`invalid entry in the archive: ${JSON.stringify(text)} would be outside of ${this.#root}`);
    if (this.#base !== '.') {
      const first = parts.shift();
      if (first !== this.#base) throw invalid(`invalid entry in the archive: ${JSON.stringify(text)} is not in ${JSON.stringify(this.#base)}`);
    }
    let path = this.#root;
    for (const [index, part] of parts.entries()) {
      if (this.#links.has(path)) throw invalid(`invalid entry in the archive: ${JSON.stringify(text)} goes through a symbolic link`);
      path = join(path, part);
      if (index < parts.length - 1) this.#parent(path);
    }
    return path;
  }

  /** Folders that the archive does not have. */
  #parent(path: string): void {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) mkdirSync(path, { mode: 0o755 });
  }

  #times(path: string, { mtime }: TarEntry): void {
    const seconds = Number(mtime) / 1e9;
    lutimesSync(path, seconds, seconds);
  }
}
