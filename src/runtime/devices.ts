/** /dev: the nodes that every container has, those that the spec adds, the links, and the console. */
import { makedev, O, S_IFBLK, S_IFCHR, S_IFIFO, TREE } from '../kernel/constants.ts';
import { invalid } from '../base/errors.ts';
import type { PlanBuilder } from './builder.ts';
import type { Device } from './spec.ts';

/** Of config-linux.md, "Default Devices". */
export const DEFAULT_DEVICES: readonly Device[] = [
  { type: 'c', path: '/dev/null', major: 1, minor: 3, fileMode: 0o666 },
  { type: 'c', path: '/dev/zero', major: 1, minor: 5, fileMode: 0o666 },
  { type: 'c', path: '/dev/full', major: 1, minor: 7, fileMode: 0o666 },
  { type: 'c', path: '/dev/random', major: 1, minor: 8, fileMode: 0o666 },
  { type: 'c', path: '/dev/urandom', major: 1, minor: 9, fileMode: 0o666 },
  { type: 'c', path: '/dev/tty', major: 5, minor: 0, fileMode: 0o666 },
];

const LINKS = [
  ['/proc/self/fd', 'fd'],
  ['/proc/self/fd/0', 'stdin'],
  ['/proc/self/fd/1', 'stdout'],
  ['/proc/self/fd/2', 'stderr'],
  ['pts/ptmx', 'ptmx'],
] as const;

const TYPES: Readonly<Record<string, number>> = { c: S_IFCHR, u: S_IFCHR, b: S_IFBLK, p: S_IFIFO };

/**
 * Nodes and links in /dev. In a user namespace mknod is not allowed: the host's nodes are bound instead.
 * Only when the spec mounts a /dev of its own are the links made, as runc does.
 */
export function addDevices(builder: PlanBuilder, root: string, devices: readonly Device[], options: { bind: boolean; ownDev: boolean }): void {
  if (!options.ownDev) return;
  const all = [...DEFAULT_DEVICES.filter((device) => !devices.some((other) => other.path === device.path)), ...devices];
  for (const device of all) addDevice(builder, root, device, options.bind);
  const dev = builder.slot('dev');
  builder.container('ensure-dir', { into: dev, root, path: '/dev', mode: 0o755 });
  for (const [target, path] of LINKS) {
    builder.container('symlink', { target, dir: dev, path }, { ignore: ['EEXIST'], why: 'programs expect it' });
  }
  builder.container('close', { slot: dev });
}

function addDevice(builder: PlanBuilder, root: string, device: Device, bind: boolean): void {
  const type = TYPES[device.type];
  const subject = `device ${device.path}`;
  if (type === undefined) throw invalid(`${subject}: type ${JSON.stringify(device.type)} is not one of c, b, u, p`);
  const slash = device.path.lastIndexOf('/');
  const name = device.path.slice(slash + 1);
  if (!device.path.startsWith('/') || name === '' || name === '.' || name === '..') {
    throw invalid(`${subject}: the path must be absolute and name a file`);
  }
  if (bind) {
    const from = builder.slot('device');
    const target = builder.slot('target');
    builder.container('open-tree', { into: from, path: device.path, flags: TREE.CLONE | TREE.CLOEXEC }, { subject });
    builder.container('ensure-file', { into: target, root, path: device.path, mode: 0o666 }, { subject });
    builder.container('move-mount', { from, dir: target, path: '' }, { subject });
    builder.container('close', { slot: target });
    builder.container('close', { slot: from });
    return;
  }
  const dir = builder.slot('dir');
  const dev = type === S_IFIFO ? 0 : makedev(device.major ?? 0, device.minor ?? 0);
  builder.container('ensure-dir', { into: dir, root, path: device.path.slice(0, slash) || '/', mode: 0o755 }, { subject });
  builder.container('mknod', { dir, path: name, mode: type | (device.fileMode ?? 0o666), dev }, { subject, ignore: ['EEXIST'] });
  if (device.uid || device.gid) {
    builder.container('chown', { dir, path: name, uid: device.uid ?? 0, gid: device.gid ?? 0 }, { subject });
  }
  builder.container('close', { slot: dir });
}

/**
 * A terminal from the container's own devpts, its slave on /dev/console. The master is in slot `pty` of the container's
 * process; the monitor takes it with recv-slot.
 */
export function addTerminal(builder: PlanBuilder, root: string, size: { rows: number; cols: number }, uid: number): void {
  const note = { subject: 'terminal', why: "from the container's own devpts, so that ttyname works inside" };
  builder.container('ensure-dir', { into: 'pts', root, path: '/dev/pts', mode: 0o755 }, note);
  builder.container('pty-open', { master: 'pty', slave: 'tty', dir: 'pts', path: 'ptmx', rows: size.rows, cols: size.cols, uid }, note);
  builder.container('close', { slot: 'pts' });
  const from = builder.slot('console');
  const target = builder.slot('target');
  const console = { subject: '/dev/console', why: 'bound from the open terminal itself, not from a path' };
  builder.container('open-tree', { into: from, dir: 'tty', path: '', flags: TREE.CLONE | TREE.CLOEXEC | TREE.EMPTY_PATH }, console);
  builder.container('ensure-file', { into: target, root, path: '/dev/console', mode: 0o600 }, console);
  builder.container('move-mount', { from, dir: target, path: '' }, console);
  builder.container('close', { slot: target });
  builder.container('close', { slot: from });
}

/** Opens the host's /dev/null for what must be hidden or has no input; checked by its number in the helper's fd. */
export function addNull(builder: PlanBuilder, side: 'monitor' | 'container', into: string, flags: number = O.RDWR): void {
  builder.add(side, 'open', { into, path: '/dev/null', flags: flags | O.CLOEXEC, mode: 0, resolve: 0 });
}
