/** docker's rules for what `cp` takes and where it puts it: a trailing slash means a folder, `/.` what is in it. */
import { lstatSync, readlinkSync, statSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { invalid } from '../base/errors.ts';

const { basename, dirname, isAbsolute, join, resolve } = posix;
const LINKS = 10;

export interface CpSide {
  /** Undefined: this machine. */
  readonly container: string | undefined;
  readonly path: string;
}

/** `CONTAINER:PATH`, or a path here: what begins with `/` or `.` is always one. */
export function cpSide(text: string): CpSide {
  const colon = text.indexOf(':');
  if (isAbsolute(text) || colon < 0 || text.startsWith('.')) return { container: undefined, path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

/** What is copied, or where to. */
export interface CopyPoint {
  readonly path: string;
  readonly exists: boolean;
  readonly isFolder: boolean;
}

/** Absolute and without `..`; a trailing `/` or `/.` stays. */
export function kept(path: string, cwd: string): string {
  const clean = resolve(cwd, path);
  if (namesContents(path)) return clean === '/' ? '/.' : `${clean}/.`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

function namesContents(path: string): boolean {
  return path === '.' || path.endsWith('/.');
}

/** It must be a folder, whoever says so. */
export function assertsFolder(path: string): boolean {
  return path.endsWith('/') || namesContents(path);
}

/** The folder and the last name of a path; that is `.` for the contents of a folder. */
export function splitEntry(path: string): { folder: string; base: string } {
  const clean = posix.normalize(path).replace(/(.)\/+$/, '$1');
  if (namesContents(path) && clean !== '.') return { folder: clean.replace(/\/\.$/, '') || '/', base: '.' };
  return { folder: dirname(clean), base: basename(clean) || '/' };
}

/** What is copied from here. Throws `invalid` in docker's words. */
export function localSource(path: string, followLink: boolean): CopyPoint & { readonly name: string } {
  const { base } = splitEntry(path);
  const found = look(path.replace(/(.)\/+$/, '$1'), lstatSync, 'lstat');
  // a link that asserts a folder is followed anyway
  const target = found.isSymbolicLink() && (followLink || assertsFolder(path)) ? look(path, statSync, 'stat') : found;
  if (assertsFolder(path) && !target.isDirectory()) throw invalid(`not a directory`);
  const real = target === found ? path : realTarget(path);
  return { path: real, exists: true, isFolder: target.isDirectory(), name: base };
}

/** Where a copy goes here: links are followed. Throws `invalid` in docker's words. */
export function localDestination(given: string): CopyPoint {
  const parent = dirname(posix.normalize(given).replace(/(.)\/+$/, '$1'));
  if (statSync(parent, { throwIfNoEntry: false }) === undefined) throw invalid(`invalid output path: directory ${JSON.stringify(parent)} does not exist`);
  let path = given;
  for (let links = 0; ; links++) {
    const bare = path.replace(/(.)\/+$/, '$1');
    const stat = lstatSync(bare, { throwIfNoEntry: false });
    if (stat === undefined) return { path, exists: false, isFolder: false };
    if (!stat.isSymbolicLink()) {
      if (!stat.isFile() && !stat.isDirectory())
        throw invalid(`invalid output path: ${JSON.stringify(given)} must be a directory or a regular file: got a device`);
      return { path, exists: true, isFolder: stat.isDirectory() };
    }
    if (links === LINKS) throw invalid(`too many symbolic links in ${JSON.stringify(given)}`);
    path = resolve(dirname(bare), readlinkSync(bare));
  }
}

/**
 * The folder to unpack into, and the name that what is copied has there; `.` for a folder's contents. Throws `invalid`
 * in docker's words.
 */
export function placement(source: { readonly name: string; readonly isFolder: boolean }, to: CopyPoint): { readonly folder: string; readonly name: string } {
  if (to.exists && to.isFolder) return { folder: to.path, name: source.name === '/' ? '.' : source.name };
  if (to.exists && source.isFolder) throw invalid('cannot copy directory');
  if (!to.exists && !source.isFolder && assertsFolder(to.path)) throw invalid('no such directory');
  const { folder, base } = splitEntry(to.path.replace(/\/\.$/, ''));
  return { folder, name: base };
}

/** Where a symbolic link of a container points, from where it lies. */
export function linkedPath(path: string, target: string): string {
  const full = isAbsolute(target) ? target : join(splitEntry(path).folder, target);
  return namesContents(path) ? `${full}/.` : path.endsWith('/') && !full.endsWith('/') ? `${full}/` : full;
}

function realTarget(path: string): string {
  const bare = path.replace(/\/\.?$/, '');
  const target = resolve(dirname(bare), readlinkSync(bare));
  return namesContents(path) ? `${target}/.` : target;
}

function look(path: string, how: (path: string) => Stats, call: string): Stats {
  try {
    return how(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const words: Readonly<Record<string, string>> = { ENOENT: 'no such file or directory', ENOTDIR: 'not a directory', EACCES: 'permission denied' };
    throw invalid(`${call} ${path}: ${words[code ?? ''] ?? (error as Error).message}`);
  }
}
