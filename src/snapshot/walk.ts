/** Walks over trees that nobody else changes, or that may vanish meanwhile. */
import { lstatSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import type { Usage } from './contract.ts';

/** Bytes of a path from which on a folder is looked at from itself, or moved. A name more fits behind it. */
const FAR = 2048;

/** Does something while the folder is `/`. */
export type Deeper = (folder: Buffer, what: () => void) => void;

/**
 * What a tree takes on its disk. Files that vanish meanwhile do not count, nor those `without`, which are paths in it:
 * `/etc/mtab`. What lies deeper than a path can tell takes `deeper`.
 */
export function usageOf(path: string, without: readonly string[], deeper: Deeper): Usage {
  const uncounted = new Set(without.map((inside) => `${path}${inside}`));
  const seen = new Set<number>();
  let bytes = 0;
  let inodes = 0;
  let contentSize = 0;
  const walk = (todo: Buffer[], isTop: boolean): void => {
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      const stat = lstatSync(at, { throwIfNoEntry: false });
      if (stat === undefined || (isTop && uncounted.size > 0 && uncounted.has(at.toString('latin1')))) continue;
      if (stat.nlink > 1 && !stat.isDirectory()) {
        if (seen.has(stat.ino)) continue;
        seen.add(stat.ino);
      }
      bytes += stat.blocks * 512;
      inodes++;
      if (!stat.isDirectory()) contentSize += stat.size;
      else if (at.length > FAR) deeper(at, () => walk(pathsIn(ROOT), false));
      else for (const inner of pathsIn(at)) todo.push(inner);
    }
  };
  walk([Buffer.from(path)], true);
  return { bytes, inodes, contentSize };
}

function pathsIn(folder: Buffer): Buffer[] {
  return namesIn(folder).map((name) => Buffer.concat([folder, SLASH, name]));
}

function namesIn(folder: Buffer): readonly Buffer[] {
  try {
    return readdirSync(folder, 'buffer');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

const SLASH = Buffer.from('/');
const ROOT = SLASH;

/**
 * Removes a tree; links in it are not followed. Nothing there is fine. Its paths must not be longer than the kernel takes.
 * `gone` is told of each of them.
 */
export function removeTree(path: Buffer, gone: (path: Buffer) => void = () => {}): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (stat.isDirectory()) {
    for (const name of readdirSync(path, 'buffer')) removeTree(Buffer.concat([path, SLASH, name]), gone);
    rmdirSync(path);
  } else unlinkSync(path);
  gone(path);
}

/**
 * As `removeTree`, for one of any depth: a container may have walked down for ever as it made folders, and a layer's
 * longest paths are too long from the host's root. What lies too deep is moved beside the tree first, under names that begin with its own.
 */
export function removeDeepTree(path: Buffer): void {
  const todo = [path];
  let moved = 0;
  const remove = (at: Buffer): void => {
    for (const entry of readdirSync(at, { withFileTypes: true, encoding: 'buffer' })) {
      const inner = Buffer.concat([at, SLASH, entry.name]);
      if (!entry.isDirectory()) unlinkSync(inner);
      else if (inner.length - path.length < FAR) remove(inner);
      else todo.push(moveAside(inner));
    }
    rmdirSync(at);
  };
  const moveAside = (folder: Buffer): Buffer => {
    for (;;) {
      const beside = Buffer.concat([path, Buffer.from(`-${moved++}`)]);
      try {
        renameSync(folder, beside);
        return beside;
      } catch (error) {
        // somebody was killed here
        if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      }
    }
  };
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const stat = lstatSync(next, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true) remove(next);
    else if (stat !== undefined) unlinkSync(next);
  }
}
