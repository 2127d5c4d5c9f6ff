/**
 * Run in a mount namespace of its own: mounts a root (a RootSource as JSON in argv) and prints what is in it, as
 * `layers.ts` describes it. With `--then SCRIPT` a shell script runs in the root folder before.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { linuxRawFiles } from '../../src/kernel/linux/files.ts';
import type { RootSource } from '../../src/runtime/contract.ts';
import type { Seen } from './layers.ts';
import { mountErofs } from './walk.ts';

const source = JSON.parse(process.argv[2]!) as Extract<RootSource, { kind: 'overlay' }>;
const script = process.argv[3];
const point = source.mountPoint;
// short names: the options of one mount must fit a page
const scratch = `${point}.m`;
mkdirSync(scratch, { recursive: true });
execFileSync('mount', ['-t', 'tmpfs', 'scratch', scratch]);
const lower = source.lower.map((layer, index) => {
  const at = `${scratch}/${index}`;
  mkdirSync(at);
  if (typeof layer === 'string') execFileSync('mount', ['--bind', layer, at]);
  else mountErofs(layer.index, layer.device, at); // mount(8) would take a loop device
  return String(index);
});
mkdirSync(`${scratch}/empty`);
const options = [`lowerdir=${[...lower, 'empty'].join(':')}`, `upperdir=${source.upper!.dir}`, `workdir=${source.upper!.work}`];
execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options.join(','), point], { cwd: scratch });
if (script !== undefined) execFileSync('sh', ['-ec', script], { cwd: point, stdio: ['ignore', 'inherit', 'inherit'] });

const files = linuxRawFiles();
/** Paths of each file with several. */
const names = new Map<bigint, string[]>();
const out: Record<string, Seen> = {};
const walk = (folder: string): void => {
  const where = (path: string) => Buffer.concat([Buffer.from(`${point}/`), Buffer.from(path, 'latin1')]);
  for (const name of readdirSync(where(folder), 'buffer')
    .map((bytes) => bytes.toString('latin1'))
    .toSorted()) {
    const path = folder === '' ? name : `${folder}/${name}`;
    const at = where(path);
    const stat = lstatSync(at, { bigint: true });
    const type = TYPES[Number(stat.mode) & constants.S_IFMT]!;
    const device = Number(stat.rdev);
    const shared = stat.nlink > 1n && type !== 'dir';
    out[path] = {
      type,
      mode: Number(stat.mode) & 0o7777,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mtime: String(stat.mtimeNs),
      size: type === 'file' ? Number(stat.size) : 0,
      sha256: type === 'file' ? createHash('sha256').update(readFileSync(at)).digest('hex') : '',
      link: type === 'symlink' ? readlinkSync(at, 'buffer').toString('latin1') : '',
      device: `${(device >>> 8) & 0xfff}:${(device & 0xff) | ((device >>> 12) & 0xfff00)}`,
      xattrs: Object.fromEntries(files.listXattrs(at).map((key) => [key, files.getXattr(at, key)!.toString('hex')])),
      sameAs: '',
    };
    if (shared) (names.get(stat.ino) ?? names.set(stat.ino, []).get(stat.ino)!).push(path);
    if (type === 'dir') walk(path);
  }
};
const TYPES: Readonly<Record<number, string>> = {
  [constants.S_IFDIR]: 'dir',
  [constants.S_IFREG]: 'file',
  [constants.S_IFLNK]: 'symlink',
  [constants.S_IFCHR]: 'char',
  [constants.S_IFBLK]: 'block',
  [constants.S_IFIFO]: 'fifo',
};
walk('');
for (const same of names.values()) {
  const [first, ...others] = same.toSorted();
  for (const path of others) out[path] = { ...out[path]!, sameAs: first! };
}
process.stdout.write(JSON.stringify(out));
