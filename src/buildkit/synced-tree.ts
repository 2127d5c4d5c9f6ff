/**
 * A folder that is kept like one of a client's: it is told of each of the client's files, and says which of them it needs.
 * Names come from outside: each has to be new, in a folder that has been told of before, and only real folders lead to it,
 * as nobody else writes here and what was a link goes before a folder takes its place.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { invalid } from '../base/errors.ts';
import { kindOf, permissions, type FileKind } from './go-mode.ts';

/** Of one file, as the client tells it. The time in nanoseconds since 1970. */
export interface FileStat {
  readonly path: string;
  /** Go's. */
  readonly mode: number;
  readonly size: number;
  readonly modTime: number;
  readonly linkname: string;
}

interface Entry extends FileStat {
  readonly kind: FileKind;
}

interface Arriving {
  readonly entry: Entry;
  fd: number | undefined;
}

const MAX_ENTRIES = 4_000_000;
const MAX_PATH = 4095;
const MAX_NAME = 255;
/** Files that come at the same time: BuildKit's clients send a handful. */
const MAX_OPEN = 256;
const NOTHING = new Uint8Array(0);
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export class SyncedTree {
  readonly root: string;
  /** What is on the disk, whole. */
  #known = new Map<string, Entry>();
  /** What the client has told of in this round. */
  #told = new Map<string, Entry>();
  readonly #arriving = new Map<number, Arriving>();
  readonly #links: Entry[] = [];
  /** Folders that went in this round: what was in them is still known. */
  readonly #dropped = new Set<string>();
  #directories: Entry[] = [];
  #next = 0;
  #open = 0;

  /** `root` is an empty folder. */
  constructor(root: string) {
    this.root = root;
  }

  /** What the client's next file is. Gives its number when its content is needed. Throws `invalid` for what must not be. */
  tell(stat: FileStat): number | undefined {
    const id = this.#next++;
    const entry: Entry = { ...stat, path: stat.path, kind: kindOf(stat.mode) };
    this.#check(entry);
    if (entry.kind === 'other') return undefined; // sockets, pipes and devices are no content
    this.#told.set(entry.path, entry);
    if (entry.kind === 'directory') this.#directories.push(entry);
    const before = this.#known.get(entry.path);
    if (before !== undefined && same(before, entry)) return undefined;
    if (entry.kind === 'file' && entry.linkname !== '') {
      if (before?.kind === 'directory') this.#drop(entry.path, before, entry);
      this.#links.push(entry); // once what it leads to is whole
      return undefined;
    }
    this.#drop(entry.path, before, entry);
    const path = `${this.root}/${entry.path}`;
    if (entry.kind === 'directory') {
      if (before?.kind !== 'directory') mkdirSync(path);
      this.#known.set(entry.path, entry);
    } else if (entry.kind === 'symlink') {
      symlinkSync(entry.linkname, path);
      lutimesSync(path, entry.modTime / 1e9, entry.modTime / 1e9);
      this.#known.set(entry.path, entry);
    } else {
      this.#arriving.set(id, { entry, fd: undefined });
      if (entry.size > 0) return id;
      this.data(id, NOTHING);
    }
    return undefined;
  }

  /** A piece of a file; an empty one is its end. Throws `invalid` for a file that was not asked for. */
  data(id: number, bytes: Uint8Array): void {
    const arriving = this.#arriving.get(id);
    if (arriving === undefined) throw invalid(`the client sent file ${id}, which was not asked for`);
    if (arriving.fd === undefined) {
      if (this.#open >= MAX_OPEN) throw invalid(`more than ${MAX_OPEN} files of a context come at once`);
      arriving.fd = openSync(`${this.root}/${arriving.entry.path}`, CREATE, 0o600);
      this.#open++;
    }
    for (let at = 0; at < bytes.length;) at += writeSync(arriving.fd, bytes, at);
    if (bytes.length > 0) return;
    const { entry, fd } = arriving;
    this.#arriving.delete(id);
    this.#open--;
    try {
      fchmodSync(fd, permissions(entry.mode));
      futimesSync(fd, entry.modTime / 1e9, entry.modTime / 1e9);
    } finally {
      closeSync(fd);
    }
    this.#known.set(entry.path, entry);
  }

  /** Files whose end has not come. */
  get pending(): number {
    return this.#arriving.size;
  }

  /** Bytes of the files that are on the disk. */
  get bytes(): number {
    let bytes = 0;
    for (const { kind, size, linkname } of this.#known.values()) if (kind === 'file' && linkname === '') bytes += size;
    return bytes;
  }

  /** The client has told of all of its files, and all that was needed is here: what it has no more goes. */
  finish(): void {
    this.#forget();
    for (const entry of this.#links.splice(0)) this.#link(entry);
    for (const [path, inside] of this.#gone()) {
      this.#drop(path, this.#known.get(path));
      for (const each of inside) this.#known.delete(each);
    }
    this.#dropped.clear();
    // their times changed as files came; the inner ones first
    for (const entry of this.#directories.toReversed()) {
      const path = `${this.root}/${entry.path}`;
      chmodSync(path, permissions(entry.mode));
      utimesSync(path, entry.modTime / 1e9, entry.modTime / 1e9);
    }
    this.#reset();
  }

  /** The round was broken off: what is whole is kept for the next. */
  abandon(): void {
    for (const { entry, fd } of this.#arriving.values()) {
      if (fd !== undefined) closeSync(fd);
      rmSync(`${this.root}/${entry.path}`, { force: true });
    }
    this.#reset();
  }

  #reset(): void {
    this.#forget();
    this.#arriving.clear();
    this.#links.length = 0;
    this.#directories = [];
    this.#told = new Map();
    this.#next = 0;
    this.#open = 0;
  }

  #link(entry: Entry): void {
    const target = this.#known.get(entry.linkname);
    if (target === undefined || target.kind !== 'file')
      throw invalid(`${quoted(entry.path)} is a link to ${quoted(entry.linkname)}, which is no file of the context`);
    this.#drop(entry.path, this.#known.get(entry.path));
    linkSync(`${this.root}/${entry.linkname}`, `${this.root}/${entry.path}`);
    this.#known.set(entry.path, entry);
  }

  #check(entry: Entry): void {
    const { path } = entry;
    const names = path.split('/');
    const bad = names.some((name) => name === '' || name === '.' || name === '..' || Buffer.byteLength(name) > MAX_NAME);
    if (bad || path.includes('\0') || Buffer.byteLength(path) > MAX_PATH) throw invalid(`${quoted(path)} is no path of a context`);
    if (entry.linkname.includes('\0') || Buffer.byteLength(entry.linkname) > MAX_PATH || (entry.kind === 'symlink' && entry.linkname === '')) {
      throw invalid(`${quoted(path)} is a link that leads nowhere`);
    }
    if (this.#told.has(path)) throw invalid(`${quoted(path)} comes twice`);
    const parent = names.slice(0, -1).join('/');
    if (parent !== '' && this.#told.get(parent)?.kind !== 'directory') throw invalid(`${quoted(path)} is not in a folder that came before it`);
    if (this.#told.size >= MAX_ENTRIES) throw invalid(`a context of more than ${MAX_ENTRIES} files`);
  }

  /** What the client has no more, each with all that is below it. */
  #gone(): ReadonlyMap<string, readonly string[]> {
    const gone = new Map<string, string[]>();
    const folders = new Map<string, string[]>();
    for (const path of [...this.#known.keys()].filter((each) => !this.#told.has(each)).toSorted()) {
      const inside = folders.get(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
      const below = inside ?? [];
      if (inside === undefined) gone.set(path, below);
      else inside.push(path);
      if (this.#known.get(path)!.kind === 'directory') folders.set(path, below);
    }
    return gone;
  }

  /** What was at a path goes, with all below it, which is known until `#forget`; a folder that stays one stays. */
  #drop(path: string, before: Entry | undefined, entry?: Entry): void {
    if (before === undefined || (before.kind === 'directory' && entry?.kind === 'directory')) return;
    if (before.kind === 'directory') {
      rmSync(`${this.root}/${path}`, { recursive: true, force: true });
      this.#dropped.add(path);
    } else unlinkSync(`${this.root}/${path}`);
    this.#known.delete(path);
  }

  /** All at once: there may be as many folders as files. */
  #forget(): void {
    if (this.#dropped.size === 0) return;
    for (const path of this.#known.keys()) {
      for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
        if (this.#dropped.has(path.slice(0, at))) this.#known.delete(path);
      }
    }
    this.#dropped.clear();
  }
}

function same(before: Entry, entry: Entry): boolean {
  return before.mode === entry.mode && before.linkname === entry.linkname && before.size === entry.size && before.modTime === entry.modTime;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
