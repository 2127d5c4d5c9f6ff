/**
 * A few files of a client's, in memory: what a build reads before it begins. As `SyncedTree` it is told of the client's
 * files and says which of them it needs; nothing of it touches a disk, so names are only what is asked for.
 */
import { invalid } from '../base/errors.ts';
import type { ClientFile } from '../build/contract.ts';
import { kindOf } from './go-mode.ts';
import type { ReceivingTree } from './receive-round.ts';
import type { FileStat } from './synced-tree.ts';

/** Of larger files, and of what comes after so much, the sizes alone are kept. Bytes. */
const LARGEST = 1 << 20;
const MOST_BYTES = 4 << 20;
/** What comes after so many files is not kept at all. */
const MOST_ENTRIES = 10_000;
/** As the kernel's. */
const MAX_LINKS = 40;
const NOTHING = Buffer.alloc(0);

interface Entry extends FileStat {
  content: Buffer;
}

export class SmallTree implements ReceivingTree {
  #known: ReadonlyMap<string, Entry> = new Map();
  #told = new Map<string, Entry>();
  readonly #arriving = new Map<number, { readonly entry: Entry; readonly pieces: Buffer[]; left: number }>();
  #next = 0;
  #bytes = 0;

  tell(stat: FileStat): number | undefined {
    const id = this.#next++;
    const { path, mode, size, modTime, linkname } = stat;
    if (this.#told.has(path)) throw invalid(`${JSON.stringify(path)} comes twice`);
    if (this.#told.size >= MOST_ENTRIES) return undefined;
    const entry: Entry = { ...stat, content: NOTHING };
    this.#told.set(path, entry);
    const isFile = kindOf(mode) === 'file' && linkname === '';
    if (!isFile || !(size > 0) || size > LARGEST || this.#bytes + size > MOST_BYTES) return undefined;
    this.#bytes += size;
    const before = this.#known.get(path);
    if (before?.mode === mode && before.size === size && before.modTime === modTime && before.content.length === size) {
      entry.content = before.content;
      return undefined;
    }
    this.#arriving.set(id, { entry, pieces: [], left: size });
    return id;
  }

  data(id: number, bytes: Uint8Array): void {
    const arriving = this.#arriving.get(id);
    if (arriving === undefined) throw invalid(`the client sent file ${id}, which was not asked for`);
    if (bytes.length === 0) {
      arriving.entry.content = Buffer.concat(arriving.pieces);
      this.#arriving.delete(id);
      return;
    }
    // a file that grows meanwhile
    const part = Buffer.from(bytes.subarray(0, arriving.left));
    arriving.left -= part.length;
    arriving.pieces.push(part);
  }

  get pending(): number {
    return this.#arriving.size;
  }

  /** Bytes in memory. */
  get bytes(): number {
    let bytes = 0;
    for (const { content } of this.#known.values()) bytes += content.length;
    return bytes;
  }

  finish(): void {
    this.#known = this.#told;
    this.abandon();
  }

  abandon(): void {
    this.#told = new Map();
    this.#arriving.clear();
    this.#next = 0;
    this.#bytes = 0;
  }

  /** What a path leads to as the files are now, links resolved within them; undefined where nothing is. */
  files(): (path: string) => ClientFile | undefined {
    const known = this.#known;
    return (path) => {
      const entry = found(known, path);
      if (entry === undefined || kindOf(entry.mode) !== 'file') return entry && { text: '', size: 0 };
      const { size, content } = entry.linkname === '' ? entry : (known.get(entry.linkname) ?? entry);
      return { text: content.toString(), size };
    };
  }
}

function found(known: ReadonlyMap<string, Entry>, path: string): Entry | undefined {
  const rest = partsOf(path);
  const at: string[] = [];
  let entry: Entry | undefined;
  for (let links = 0; rest.length > 0;) {
    const name = rest.shift()!;
    if (name === '..') {
      at.pop();
      continue;
    }
    entry = known.get([...at, name].join('/'));
    if (entry === undefined) return undefined;
    if (kindOf(entry.mode) !== 'symlink') {
      at.push(name);
      continue;
    }
    if (++links > MAX_LINKS) return undefined;
    if (entry.linkname.startsWith('/')) at.length = 0;
    rest.unshift(...partsOf(entry.linkname));
  }
  return known.get(at.join('/'));
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
