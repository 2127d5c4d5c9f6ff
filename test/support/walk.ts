/**
 * Lists a folder in full, or an EROFS mount of an index and its tar, which it makes itself; run it in a mount namespace
 * of its own: `unshare --mount node walk.ts dir DIR` or `… erofs INDEX TAR MOUNTPOINT`. Prints JSON.
 */
import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import koffi from 'koffi';

/** One file of a listing. Byte strings are in latin1. */
export interface Walked {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: string;
  readonly nlink: number;
  readonly ino: string;
  /** 0 for folders: file systems count them differently. */
  readonly size: number;
  readonly rdev: number;
  readonly target: string;
  readonly xattrs: Readonly<Record<string, string>>;
  readonly sha256: string;
}

const libc = koffi.load('libc.so.6');
const mount = libc.func('int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)');
const llistxattr = libc.func('long llistxattr(void *path, void *list, size_t size)');
const lgetxattr = libc.func('long lgetxattr(void *path, void *name, void *value, size_t size)');

const MS_RDONLY = 1;
const MS_REC_PRIVATE = 0x44000;

function mountOrThrow(source: string, target: string, type: string, flags: number, data: string): void {
  if ((mount(source, target, type, flags, data) as number) !== 0) throw new Error(`mount ${type} ${source}: errno ${koffi.errno()}`);
}

/** Only in a mount namespace of one's own. */
export function mountErofs(index: string, tar: string, mountPoint: string): void {
  mountOrThrow('none', '/', '', MS_REC_PRIVATE, '');
  mountOrThrow(index, mountPoint, 'erofs', MS_RDONLY, `device=${tar}`);
}

const space = Buffer.alloc(1 << 17);

function xattrsOf(path: Buffer): Record<string, string> {
  const found: Record<string, string> = {};
  const name = Buffer.concat([path, Buffer.alloc(1)]);
  const length = Number(llistxattr(name, space, space.length));
  if (length < 0) throw new Error(`llistxattr ${path.toString('latin1')}: errno ${koffi.errno()}`);
  for (const key of space.toString('utf8', 0, length).split('\0').filter(Boolean).toSorted()) {
    const size = Number(lgetxattr(name, Buffer.from(`${key}\0`), space, space.length));
    if (size < 0) throw new Error(`lgetxattr ${path.toString('latin1')} ${key}: errno ${koffi.errno()}`);
    found[key] = space.toString('latin1', 0, size);
  }
  return found;
}

function hashOf(path: Buffer): string {
  const hash = createHash('sha256');
  const fd = openSync(path, 'r');
  const buffer = Buffer.alloc(1 << 20);
  for (let size; (size = readSync(fd, buffer)) > 0;) hash.update(buffer.subarray(0, size));
  closeSync(fd);
  return hash.digest('hex');
}

function walk(root: string): Walked[] {
  const list: Walked[] = [];
  const visit = (path: Buffer, shown: string): void => {
    const stat = lstatSync(path, { bigint: true });
    const folder = stat.isDirectory();
    list.push({
      path: shown,
      mode: Number(stat.mode),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mtime: stat.mtimeNs.toString(),
      nlink: folder ? 0 : Number(stat.nlink),
      ino: folder ? '' : stat.ino.toString(),
      size: folder ? 0 : Number(stat.size),
      rdev: Number(stat.rdev),
      target: stat.isSymbolicLink() ? readlinkSync(path, 'latin1') : '',
      xattrs: xattrsOf(path),
      sha256: stat.isFile() ? hashOf(path) : '',
    });
    if (!folder) return;
    const names = readdirSync(path, 'buffer').toSorted(Buffer.compare);
    for (const name of names) {
      visit(Buffer.concat([path, Buffer.from('/'), name]), shown === '' ? name.toString('latin1') : `${shown}/${name.toString('latin1')}`);
    }
  };
  visit(Buffer.from(root), '');
  return list;
}

if (process.argv[1] === import.meta.filename) {
  const [kind, first, tar, mountPoint] = process.argv.slice(2) as [string, string, string?, string?];
  if (kind === 'erofs') mountErofs(first, tar!, mountPoint!);
  process.stdout.write(JSON.stringify(walk(kind === 'erofs' ? mountPoint! : first)));
}
