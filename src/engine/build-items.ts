/** What COPY and ADD find: paths in a source, wildcards and links resolved, always below its root. */
import { posix } from 'node:path';
import { EngineError } from '../base/errors.ts';
import type { FileStat, RootedFiles } from '../snapshot/contract.ts';
import { TarReader } from '../tar/reader.ts';

/** Go's os.FileMode. */
const FOLDER = 2 ** 31;
const LINK = 2 ** 27;
/** Devices, pipes and sockets. */
const SPECIAL = 2 ** 26 + 2 ** 25 + 2 ** 24;
/** As the kernel's. */
const MAX_LINKS = 40;
/** Wildcards find so many at most. */
const MAX_MATCHES = 100_000;

/** One thing to be copied. */
export interface CopyItem {
  /** Where it really is, from the root. */
  readonly path: string;
  /** As it was asked for, from the root, without a slash in front. */
  readonly asked: string;
  readonly kind: 'folder' | 'file' | 'other';
}

export function isDirectory({ mode }: Pick<FileStat, 'mode'>): boolean {
  return mode >= FOLDER;
}

export function isLink({ mode }: Pick<FileStat, 'mode'>): boolean {
  return mode < FOLDER && (mode & LINK) !== 0;
}

/** Undefined where there is nothing. */
export async function lookup(files: RootedFiles, root: string, path: string): Promise<FileStat | undefined> {
  try {
    return await files.stat(root, path);
  } catch (error) {
    if (error instanceof EngineError && ['ENOENT', 'ENOTDIR'].includes((error.detail as { code?: string } | undefined)?.code ?? '')) return undefined;
    throw error;
  }
}

export async function isFolder(files: RootedFiles, root: string, path: string): Promise<boolean> {
  return (await lookup(files, root, `${path.replace(/\/+$/, '')}/.`)) !== undefined;
}

/** The items of a path, which may have wildcards (filepath.Match's). None: a wildcard matched nothing. Throws `not-found`. */
export async function itemsOf(files: RootedFiles, root: string, path: string, wildcards: boolean): Promise<CopyItem[]> {
  const clean = posix.normalize(`/${path}`).replace(/(.)\/+$/, '$1');
  if (!wildcards || !/[*?[\\]/.test(clean)) return [await followed(files, root, clean)];
  const found: string[] = [];
  const parts = clean.split('/').filter((part) => part !== '');
  const walk = async (at: string, index: number): Promise<void> => {
    if (found.length > MAX_MATCHES) throw new EngineError('invalid', `${path} matches too many files`);
    const part = parts[index];
    if (part === undefined) return void found.push(at === '' ? '/' : at);
    if (part === '**') {
      // no folder, or any number of them
      await walk(at, index + 1);
      if (!(await isFolder(files, root, at === '' ? '/' : at))) return;
      for (const name of await files.list(root, at === '' ? '/' : at)) {
        const stat = await lookup(files, root, `${at}/${name}`);
        if (stat !== undefined && isDirectory(stat)) await walk(`${at}/${name}`, index);
      }
      return;
    }
    if (!/[*?[\\]/.test(part)) {
      if ((await lookup(files, root, `${at}/${part}`)) !== undefined) await walk(`${at}/${part}`, index + 1);
      return;
    }
    if (!(await isFolder(files, root, at === '' ? '/' : at))) return;
    for (const name of await files.list(root, at === '' ? '/' : at)) if (matchName(part, name)) await walk(`${at}/${name}`, index + 1);
  };
  await walk('', 0);
  const items: CopyItem[] = [];
  for (const each of new Set(found)) items.push(await followed(files, root, each));
  return items;
}

async function followed(files: RootedFiles, root: string, asked: string): Promise<CopyItem> {
  let path = asked;
  for (let links = 0; links < MAX_LINKS; links++) {
    const stat = await lookup(files, root, path);
    if (stat === undefined) throw new EngineError('not-found', `${JSON.stringify(asked)}: not found`, { detail: { path: asked } });
    if (!isLink(stat)) {
      const kind = isDirectory(stat) ? 'folder' : (stat.mode & SPECIAL) === 0 ? 'file' : 'other';
      return { path, asked: asked.replace(/^\/+/, ''), kind };
    }
    path = stat.linkTarget;
  }
  throw new EngineError('invalid', `${asked}: too many levels of symbolic links`);
}

/** filepath.Match of Go on one name: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before what is meant itself. */
export function matchName(pattern: string, name: string): boolean {
  const wanted = [...pattern];
  const has = [...name];
  // the last star, and where its match began: a star before it need never be tried again
  let star = -1;
  let mark = 0;
  let at = 0;
  let index = 0;
  while (at < has.length) {
    const step = index < wanted.length && wanted[index] !== '*' ? matchOne(wanted, index, has[at]!) : undefined;
    if (wanted[index] === '*') {
      star = index++;
      mark = at;
    } else if (step !== undefined) {
      index = step;
      at++;
    } else if (star >= 0) {
      index = star + 1;
      at = ++mark;
    } else return false;
  }
  while (wanted[index] === '*') index++;
  return index >= wanted.length;
}

/** The place after the pattern's next character or class where it matches. */
function matchOne(pattern: readonly string[], index: number, letter: string): number | undefined {
  const first = pattern[index]!;
  if (first === '?') return index + 1;
  if (first === '\\') return pattern[index + 1] === letter ? index + 2 : undefined;
  if (first !== '[') return first === letter ? index + 1 : undefined;
  let at = index + 1;
  const negated = pattern[at] === '^';
  if (negated) at++;
  let matched = false;
  for (let count = 0; at < pattern.length && (pattern[at] !== ']' || count === 0); count++) {
    const literal = () => (pattern[at] === '\\' ? pattern[++at] : pattern[at]) ?? '';
    const low = literal();
    at++;
    let high = low;
    if (pattern[at] === '-' && pattern[at + 1] !== ']') {
      at++;
      high = literal();
      at++;
    }
    if (low <= letter && letter <= high) matched = true;
  }
  return at < pattern.length && matched !== negated ? at + 1 : undefined;
}

/** A file's bytes. */
export async function* fileBytes(files: RootedFiles, root: string, path: string): AsyncGenerator<Buffer> {
  const ready: Buffer[] = [];
  let next = 0;
  let size = 0;
  const reader = new TarReader({
    entry: (entry) => (size = entry.size),
    data: (chunk, at) => {
      if (at > next) ready.push(Buffer.alloc(at - next));
      ready.push(Buffer.from(chunk));
      next = at + chunk.length;
    },
    entryEnd: () => {
      if (size > next) ready.push(Buffer.alloc(size - next));
    },
  });
  for await (const chunk of files.archive(root, path)) {
    reader.push(chunk);
    yield* ready.splice(0);
  }
  yield* ready.splice(0);
}
