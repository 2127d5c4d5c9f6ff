/** Walks over trees that nobody else changes, or that may vanish meanwhile. */
import { lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import type { Usage } from './contract.ts';

/** What a tree takes on its disk. Files that vanish meanwhile do not count, nor those `without`, which are paths in it: `/etc/mtab`. */
export function usageOf(path: string, without: readonly string[] = []): Usage {
  const uncounted = new Set(without.map((inside) => `${path}${inside}`));
  const seen = new Set<number>();
  let bytes = 0;
  let inodes = 0;
  let contentSize = 0;
  const walk = (at: Buffer): void => {
    const stat = lstatSync(at, { throwIfNoEntry: false });
    if (stat === undefined || (uncounted.size > 0 && uncounted.has(at.toString('latin1')))) return;
    if (stat.nlink > 1 && !stat.isDirectory()) {
      if (seen.has(stat.ino)) return;
      seen.add(stat.ino);
    }
    bytes += stat.blocks * 512;
    inodes++;
    if (!stat.isDirectory()) contentSize += stat.size;
    else for (const name of namesIn(at)) walk(Buffer.concat([at, SLASH, name]));
  };
  walk(Buffer.from(path));
  return { bytes, inodes, contentSize };
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

/** Removes a tree; links in it are not followed. Nothing there is fine. */
export function removeTree(path: Buffer): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) return unlinkSync(path);
  for (const name of readdirSync(path, 'buffer')) removeTree(Buffer.concat([path, SLASH, name]));
  rmdirSync(path);
}
