/** Reads small files of a root file system that may be hostile. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, realpathSync } from 'node:fs';
import { posix } from 'node:path';

const MAX_BYTES = 1 << 20;
const MAX_LINKS = 40;

/**
 * The text of a regular file inside a root, links resolved as if the root were `/`; '' where there is none. Links of the
 * image cannot lead out: the path is walked part by part, and what was opened is checked to lie below the root, should
 * somebody have changed a part in between. At most 1 MiB is read.
 */
export function readInRoot(root: string, path: string): string {
  let fd: number;
  try {
    fd = openSync(walk(realpathSync(root), path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return '';
  }
  try {
    const real = readlinkSync(`/proc/self/fd/${fd}`);
    const base = realpathSync(root);
    if (!(base === '/' || real.startsWith(`${base}/`)) || !fstatSync(fd).isFile()) return '';
    const buffer = Buffer.alloc(Math.min(fstatSync(fd).size || 65536, MAX_BYTES));
    return buffer.toString('utf8', 0, readSync(fd, buffer));
  } finally {
    closeSync(fd);
  }
}

function walk(root: string, path: string): string {
  const rest = path.split('/').filter((part) => part !== '');
  let at = '/';
  for (let links = 0; rest.length > 0;) {
    const part = rest.shift()!;
    const next = posix.join(at, part);
    const full = root + next;
    if (part === '.' || part === '..' || !lstatSync(full).isSymbolicLink()) {
      at = next;
    } else {
      if (++links > MAX_LINKS) throw new Error('too many levels of symbolic links');
      const target = readlinkSync(full);
      if (target.startsWith('/')) at = '/';
      rest.unshift(...target.split('/').filter((name) => name !== ''));
    }
  }
  return root === '/' ? at : root + at;
}
