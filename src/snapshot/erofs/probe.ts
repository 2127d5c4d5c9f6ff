/** Whether this kernel mounts our layers: found out by mounting one. */
import { createHash } from 'node:crypto';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import type { DetachedMounts } from '../../kernel/mount-contract.ts';
import type { TarEntry } from '../../tar/contract.ts';
import { ErofsBuilder } from './builder.ts';
import { BLOCK } from './format.ts';
import { writeIndex } from './index-writer.ts';

/** `reason`: why not, for a log. */
export type ErofsProbe = { readonly works: true } | { readonly works: false; readonly reason: string };

const TEXT = 'read through an index';

/** Mounts a small layer that it makes in `dir`, where layers will be: their file system counts too. A few milliseconds. */
export function probeErofs(dir: string, mounts: DetachedMounts): ErofsProbe {
  let work: string | undefined;
  let fd = -1;
  try {
    work = mkdtempSync(`${dir}/erofs-probe-`);
    writeProbe(work);
    fd = openSync(work, constants.O_RDONLY | constants.O_DIRECTORY);
    // by the folder's fd: its own path may be too long
    const at = `/proc/self/fd/${fd}`;
    const options = [['source', `${at}/index`] as const, ['device', `${at}/tar`] as const];
    const text = mounts.readFile('erofs', options, 'file').toString();
    return text === TEXT ? { works: true } : { works: false, reason: 'erofs shows other bytes than the tar has' };
  } catch (error) {
    return { works: false, reason: (error as Error).message };
  } finally {
    if (fd !== -1) closeSync(fd);
    if (work !== undefined) rmSync(work, { recursive: true, force: true });
  }
}

/** An index, and as its tar only what the index points at. */
function writeProbe(dir: string): void {
  const tar = Buffer.alloc(2 * BLOCK);
  tar.write(TEXT, BLOCK);
  const builder = new ErofsBuilder();
  builder.entry(PROBE);
  const pieces: Buffer[] = [];
  const diffId = `sha256:${createHash('sha256').update(tar).digest('hex')}` as const;
  writeIndex(builder, { diffId, size: tar.length }, (piece) => void pieces.push(Buffer.from(piece)));
  writeFileSync(`${dir}/tar`, tar);
  writeFileSync(`${dir}/index`, Buffer.concat(pieces));
}

const PROBE: TarEntry = {
  type: 'file',
  name: Buffer.from('file'),
  linkName: Buffer.alloc(0),
  mode: 0o644,
  uid: 0,
  gid: 0,
  userName: '',
  groupName: '',
  size: TEXT.length,
  mtime: 0n,
  devMajor: 0,
  devMinor: 0,
  xattrs: new Map(),
  dataOffset: BLOCK,
};
