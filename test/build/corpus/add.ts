/** ADD: archives, URLs, git. */
import { execFileSync } from 'node:child_process';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { dir, file, layerTar, link, node, symlink } from '../../support/layers.ts';
import type { BuildCase } from './case.ts';

const classic = true;
const context = [dir('dir'), file('dir/in', 'in\n'), file('a', 'a\n')];

/** `cap_net_raw=ep`: struct vfs_cap_data (linux/capability.h), revision 2. */
const NET_RAW = Buffer.from('0100000200200000000000000000000000000000', 'hex');

const plain = layerTar([
  dir('dir', { mode: 0o711, uid: 3, gid: 4 }),
  file('dir/in', 'packed\n', { uid: 3, gid: 4, mode: 0o4750 }),
  symlink('link', 'dir/in'),
  link('hard', 'dir/in'),
  node('fifo', 'fifo'),
  file('no/parent/listed', 'x\n'),
  file('capable', 'x\n', { xattrs: { 'security.capability': NET_RAW } }),
]);
const hostile = layerTar([file('../../up', 'up\n'), file('/absolute', 'abs\n'), symlink('out', '/etc'), file('out/through', 'through\n')]);

/** By a program of this machine. */
function compressed(program: string): Buffer {
  return execFileSync(program, ['-c'], { input: plain });
}

const archives = () => [
  file('plain.tar', plain),
  file('packed.tar.gz', gzipSync(plain)),
  file('packed.tar.bz2', compressed('bzip2')),
  file('packed.tar.xz', compressed('xz')),
  file('packed.tar.zst', zstdCompressSync(plain)),
  file('not.tar.gz', 'not an archive\n'),
  file('text.gz', gzipSync('compressed text\n')),
];

export const ADD: readonly BuildCase[] = [
  { name: 'add-plain', context },
  { name: 'add-archives', context: archives, classic },
  { name: 'add-unpack-flag', context: [file('plain.tar', plain)] },
  { name: 'add-archive-over', context: [file('plain.tar', plain)], classic },
  { name: 'copy-capability', context: [file('plain.tar', plain)], classic },
  { name: 'add-hostile-archive', context: [file('hostile.tar', hostile)], classic },
  { name: 'add-url' },
  { name: 'add-url-unpack' },
  { name: 'add-url-named', classic },
  { name: 'add-url-checksum' },
  { name: 'add-url-checksum-wrong' },
  { name: 'add-url-missing', classic },
  { name: 'add-checksum-of-local', context },
  { name: 'add-git' },
  { name: 'add-git-dir' },
  { name: 'add-git-missing-ref' },
];
