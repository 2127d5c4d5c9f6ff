/** A layer's folder while it is the thread's root: paths are latin1 strings without slashes at their ends, the root is ''. */
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { splitPath } from './entry-name.ts';
import type { Folders } from './follow.ts';

const ROOT = Buffer.from('/');

export const FOLDERS: Folders<string> = {
  root: '',
  parent: (folder) => splitPath(folder)[0],
  look: (folder, name) => {
    const path = join(folder, name);
    const stat = lstat(path);
    if (stat?.isDirectory() === true) return { folder: path };
    return stat?.isSymbolicLink() === true ? { link: readlinkSync(bytes(path), 'buffer').toString('latin1') } : undefined;
  },
};

export function bytes(path: string): Buffer {
  return path === '' ? ROOT : Buffer.from(path, 'latin1');
}

export function join(folder: string, base: string): string {
  return folder === '' ? base : `${folder}/${base}`;
}

export function exists(error: unknown): boolean {
  return (error as { code?: string }).code === 'EEXIST';
}

export function lstat(path: string): Stats | undefined {
  try {
    return lstatSync(bytes(path), { throwIfNoEntry: false });
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOTDIR') return undefined;
    throw error;
  }
}

export function isWhiteout(stat: Stats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0;
}
