/** Random folders with everything in them that a layer may have. Needs root, and a file system with extended attributes. */
import { chmodSync, chownSync, closeSync, ftruncateSync, lchownSync, linkSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { run } from './run.ts';

const libc = koffi.load('libc.so.6');
const mknod = libc.func('int mknod(void *path, unsigned int mode, unsigned long dev)');
const lsetxattr = libc.func('int lsetxattr(void *path, const char *name, void *value, size_t size, int flags)');
const utimensat = libc.func('int utimensat(int dir, void *path, void *times, int flags)');
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface RandomTreeOptions {
  /** fsck.erofs cuts a hole at a file's end off when it extracts, and loses capabilities and whatever comes with an empty attribute: none of these then. */
  readonly judge?: 'fsck.erofs';
}

/** Makes `root` and about `count` files in it. */
export function makeRandomTree(root: string, seed: number, count: number, options: RandomTreeOptions = {}): void {
  const random = randomNumbers(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const text = (length: number) => Buffer.from(Array.from({ length }, () => below(256)));
  const folders: Buffer[] = [Buffer.from(root)];
  const files: Buffer[] = [];
  const made: Buffer[] = [];
  mkdirSync(root);

  const newName = (index: number): Buffer => {
    const tail = Buffer.from(`${index}`);
    const kind = below(12);
    if (kind === 0) return Buffer.concat([Buffer.from([0xff, 0x80 + below(64), 0x0a]), tail]);
    if (kind === 1) return Buffer.concat([Buffer.alloc(255 - tail.length, 0x61 + below(26)), tail]);
    return Buffer.concat([Buffer.from(pick(['!', '-', '.', 'a', 'Zz', '~', 'ä'])), tail]);
  };

  for (let index = 0; index < count; index++) {
    const folder = below(3) === 0 ? folders[0]! : pick(folders);
    const path = Buffer.concat([folder, Buffer.from('/'), newName(index)]);
    const kind = below(20);
    if (kind < 5) {
      mkdirSync(path);
      if (path.length < 2000) folders.push(path);
    } else if (kind < 7) symlinkSync(Buffer.from(text(1 + below(pick([20, 600, 4000]))).map((byte) => byte || 1)), path);
    else if (kind === 7 && files.length > 0) {
      linkSync(pick(files), path);
      continue;
    } else if (kind === 8) device(path, 0o010644, 0);
    else if (kind === 9) device(path, pick([0o020600, 0o060640]), 1 + below(300) * 256 + below(200));
    else {
      if (kind === 10) sparse(path, below(6), random, options.judge === undefined);
      else writeFileSync(path, text(pick([0, 1, below(2000), 511, 512, 513, below(70_000)])));
      files.push(path);
    }
    made.push(path);
    lchownSync(path, pick([0, 1000, below(2 ** 32 - 1)]), pick([0, 65534, below(2 ** 32 - 1)]));
    if (kind >= 5 && kind < 7) continue;
    // GNU tar's links do not say what attributes the file has, and a link takes capabilities away as chown(2) does
    if (below(4) === 0 && addXattrs(path, kind < 5, random, options.judge === undefined) && files.at(-1) === path) files.pop();
    chmodSync(path, pick([0o644, 0o755, 0o4755, 0o2711, 0o1777, 0, below(0o10000)]));
  }
  chownSync(root, 7, 8);
  // folders last: what is put in them changes their time
  for (const path of [...made.toReversed(), folders[0]!]) setTime(path, below(2 ** 33) - 2 ** 31, below(1e9));
}

/** The tree as GNU tar writes it, with all that it can say. */
export async function tarOf(folder: string, tar: string): Promise<void> {
  const { code, stderr } = await run('tar', [
    '--create',
    '--file',
    tar,
    '--format=pax',
    '--numeric-owner',
    '--sparse',
    '--xattrs',
    '--xattrs-include=*',
    '-C',
    folder,
    '.',
  ]);
  if (code !== 0) throw new Error(`tar: ${stderr}`);
}

const path0 = (path: Buffer) => Buffer.concat([path, Buffer.alloc(1)]);

function device(path: Buffer, mode: number, dev: number): void {
  if (Number(mknod(path0(path), mode, dev)) !== 0) throw new Error(`mknod: errno ${koffi.errno()}`);
}

/** Pages of data with holes between them. */
function sparse(path: Buffer, pages: number, random: () => number, holeAtEnd: boolean): void {
  const fd = openSync(path, 'w');
  let at = 0;
  for (let page = 0; page < pages; page++) {
    at += 4096 * Math.floor(random() * 40);
    writeSync(fd, Buffer.alloc(4096, 1 + page), 0, 4096, at);
    at += 4096;
  }
  if (holeAtEnd) ftruncateSync(fd, at + 4096 * Math.floor(random() * 3) + 100 * Math.floor(random() * 2));
  closeSync(fd);
}

/** Whether there are capabilities among them. */
function addXattrs(path: Buffer, folder: boolean, random: () => number, all: boolean): boolean {
  const acl = Buffer.from('0200000001000600ffffffff04000400ffffffff20000400ffffffff', 'hex');
  const list: [string, Buffer][] = [
    ['security.x', Buffer.alloc(Math.floor(random() * 900) + (all ? 0 : 1), 0x78)],
    ['system.posix_acl_access', acl],
  ];
  if (all) list.push(['security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex')]);
  if (folder) list.push(['system.posix_acl_default', acl]);
  let capable = false;
  for (const [name, value] of list) {
    if (random() < 0.5) continue;
    if (name === 'security.capability') capable = true;
    if (Number(lsetxattr(path0(path), name, value, value.length, 0)) !== 0 && koffi.errno() !== 95) throw new Error(`setxattr ${name}: errno ${koffi.errno()}`);
  }
  return capable;
}

function setTime(path: Buffer, seconds: number, nanoseconds: number): void {
  const times = Buffer.alloc(32);
  for (const at of [0, 16]) {
    times.writeBigInt64LE(BigInt(seconds), at);
    times.writeBigInt64LE(BigInt(nanoseconds), at + 8);
  }
  if (Number(utimensat(AT_FDCWD, path0(path), times, AT_SYMLINK_NOFOLLOW)) !== 0) throw new Error(`utimensat: errno ${koffi.errno()}`);
}
