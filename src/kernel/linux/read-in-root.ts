/** Reads small files of a root file system that may be hostile. */
import { closeSync, fstatSync, lstatSync, openSync, readlinkSync, readSync } from 'node:fs';
import { O, O_DIRECTORY, O_NOFOLLOW } from '../constants.ts';

const MAX_BYTES = 1 << 20;
const MAX_LINKS = 40;

/** The text of a file inside a root as `fileInRoot`; '' where there is none. */
export function readInRoot(root: string, path: string): string {
  return fileInRoot(root, path)?.text ?? '';
}

/** Whether a part of the path is a link, in a root that nobody changes; of what is below a file, true. */
export function isByLink(root: string, path: string): boolean {
  let at = root;
  try {
    const parts = path.split('/').filter((part) => part !== '');
    return parts.some((part) => lstatSync((at += `/${part}`), { throwIfNoEntry: false })?.isSymbolicLink());
  } catch {
    return true;
  }
}

export interface FileInRoot {
  /** Of what is no regular file: ''. */
  readonly text: string;
  /** Bytes of the whole file. */
  readonly size: number;
}

/**
 * A regular file inside a root, links resolved as if the root were `/`; undefined where nothing is there. The root may
 * be /proc/PID/root. Each part of the path is opened by its folder's fd and without following a link, so that neither a
 * link nor somebody who changes a part meanwhile can lead out. At most 1 MiB is read.
 */
export function fileInRoot(root: string, path: string): FileInRoot | undefined {
  const opened: number[] = [];
  const open = (name: string, flags: number) => {
    const fd = openSync(name, flags | O.CLOEXEC);
    opened.push(fd);
    return fd;
  };
  try {
    const file = walk(open(root, O.PATH | O_DIRECTORY), path, (folder, name) => open(`/proc/self/fd/${folder}/${name}`, O.PATH | O_NOFOLLOW));
    if (!fstatSync(file).isFile()) return { text: '', size: 0 };
    const fd = open(`/proc/self/fd/${file}`, O.RDONLY | O.NONBLOCK);
    const { size } = fstatSync(fd);
    const buffer = Buffer.alloc(Math.min(size || 65536, MAX_BYTES));
    return { text: buffer.toString('utf8', 0, readSync(fd, buffer)), size };
  } catch {
    return undefined;
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/** The fd of what the path names. `open` opens a name in a folder, and does not follow it where it is a link. */
function walk(root: number, path: string, open: (folder: number, name: string) => number): number {
  const parts = (text: string) => text.split('/').filter((part) => part !== '' && part !== '.');
  const rest = parts(path);
  const at = [root];
  for (let links = 0; rest.length > 0;) {
    const name = rest.shift()!;
    if (name === '..') {
      if (at.length > 1) at.pop();
      continue;
    }
    const next = open(at.at(-1)!, name);
    if (!fstatSync(next).isSymbolicLink()) {
      at.push(next);
      continue;
    }
    if (++links > MAX_LINKS) throw new Error('too many levels of symbolic links');
    const target = readlinkSync(`/proc/self/fd/${at.at(-1)!}/${name}`);
    if (target.startsWith('/')) at.length = 1;
    rest.unshift(...parts(target));
  }
  return at.at(-1)!;
}
