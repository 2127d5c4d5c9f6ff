/** The root file system as operations: a detached tree, attached where only this mount namespace sees it. */
import { ATTR, MS, O, O_DIRECTORY, S_IFREG, TREE } from '../kernel/constants.ts';
import { invalid } from '../base/errors.ts';
import type { PlanBuilder } from './builder.ts';
import type { MachineFacts, RootSource } from './contract.ts';
import { lowerdirOf, PLAIN_UPPER, stackedRoot, type LayerTrees } from './layers.ts';
import { propagationFlag } from './mount-options.ts';

/** Where the root will be: a folder that stays reachable, by its fd, when the process no longer is the host's root. */
export function openRootFolder(builder: PlanBuilder, source: RootSource): void {
  const path = source.kind === 'dir' ? source.path : source.mountPoint;
  const note = { subject: `root file system ${path}`, why: 'held by its fd: no path to it is looked up again' };
  builder.container('open', { into: ROOT_FOLDER, path, flags: O.PATH | O_DIRECTORY | O.CLOEXEC, mode: 0, resolve: 0 }, note);
}

const ROOT_FOLDER = 'root-folder';

/** Makes the new root and attaches it to the folder that `openRootFolder` opened; returns its slot. `trees`: made early. */
export function addRoot(builder: PlanBuilder, source: RootSource, propagation: string | undefined, machine: MachineFacts, trees: LayerTrees): string {
  const flags = propagation === undefined || propagation === '' ? MS.SLAVE | MS.REC : propagationFlag(propagation);
  if (flags === undefined) throw invalid(`rootfsPropagation ${JSON.stringify(propagation)} is not one of private, shared, slave, unbindable and their r-forms`);
  // a root that shares its mounts with the host would let this container's mounts spread there
  builder.container(
    'propagation',
    { path: '/', flags: flags & MS.UNBINDABLE ? MS.SLAVE | MS.REC : flags },
    { why: 'mounts made here must not show up on the host' },
  );
  const at = source.kind === 'dir' ? source.path : source.mountPoint;
  if (flags & MS.SHARED) {
    builder.container('propagation', { path: machine.mountPoint(at), flags: MS.PRIVATE }, { why: 'the mount that holds the root is ours alone' });
  }
  const root = source.kind === 'dir' ? bindRoot(builder, source.path, trees.layers[0]) : overlayRoot(builder, source, trees);
  if (flags & MS.UNBINDABLE) {
    builder.container('mount-setattr', { slot: root, set: 0, clear: 0, propagation: MS.UNBINDABLE, recursive: 0 });
  }
  builder.container('close', { slot: ROOT_FOLDER });
  return root;
}

function bindRoot(builder: PlanBuilder, path: string, tree: string | undefined): string {
  const note = { subject: `root file system ${path}`, why: 'pivot_root wants a mount of its own' };
  const root = tree ?? 'root';
  if (tree === undefined) {
    const flags = TREE.CLONE | TREE.CLOEXEC | TREE.RECURSIVE | TREE.EMPTY_PATH;
    builder.container('open-tree', { into: root, dir: ROOT_FOLDER, path: '', flags }, note);
  }
  builder.container('move-mount', { from: root, dir: ROOT_FOLDER, path: '' }, note);
  if (tree !== undefined) {
    const slave = { slot: root, set: 0, clear: 0, propagation: MS.SLAVE, recursive: 1 };
    builder.container('mount-setattr', slave, { why: 'it was copied on the host, where its mounts may be shared' });
  }
  return root;
}

function overlayRoot(builder: PlanBuilder, source: Extract<RootSource, { kind: 'overlay' }>, trees: LayerTrees): string {
  const lowerdir = lowerdirOf(source);
  if (lowerdir === undefined || source.userMarks === true) return stackedRoot(builder, source, { dir: ROOT_FOLDER, path: '' }, trees);
  const subject = `root file system ${lowerdir}`;
  const note = { subject, why: 'writes go to a layer of their own' };
  let { upper } = source;
  let at: { dir: string; path: string } = { dir: ROOT_FOLDER, path: '' };
  let place: string | undefined;
  if (upper === undefined) {
    place = builder.fileSystem('tmpfs', [['mode', '755']], 0, { subject, why: 'a place for writes that dies with the container' });
    builder.container('move-mount', { from: place, ...at }, note);
    at = { dir: place, path: 'root' };
    builder.container('mkdir', { ...at, mode: 0o755 }, note);
    builder.container('mkdir', { dir: place, path: 'upper', mode: 0o755 }, note);
    builder.container('mkdir', { dir: place, path: 'work', mode: 0o700 }, note);
    builder.container('change-dir', { dir: place }, { subject, why: 'the layer for writes is named from here' });
    upper = { dir: 'upper', work: 'work' };
  }
  const mount = builder.fileSystem(
    'overlay',
    [['source', 'overlay'], ['lowerdir', lowerdir], ['upperdir', upper.dir], ['workdir', upper.work], ...PLAIN_UPPER],
    0,
    note,
  );
  builder.container('move-mount', { from: mount, ...at }, note);
  if (place !== undefined) builder.container('close', { slot: place });
  return mount;
}

/** By /.dockerenv programs know that a container is around them; old ones find what is mounted in /etc/mtab. As in Docker, below all mounts. */
export function addMarks(builder: PlanBuilder, root: string): void {
  const note = { ignore: ['EEXIST'], why: 'programs look for it' } as const;
  builder.container('mknod', { dir: root, path: '.dockerenv', mode: S_IFREG | 0o755, dev: 0 }, note);
  const etc = builder.slot('etc');
  builder.container('ensure-dir', { into: etc, root, path: '/etc', mode: 0o755 });
  builder.container('symlink', { target: '/proc/mounts', dir: etc, path: 'mtab' }, note);
  builder.container('close', { slot: etc });
}

/** Makes the root what `/` is, and everything else unreachable. */
export function addPivot(builder: PlanBuilder, root: string, noPivot: boolean): void {
  if (noPivot) builder.container('chroot', { root }, { why: 'asked to go without pivot_root' });
  else builder.container('pivot-root', { root }, { why: 'from here on / is the new root, and the old one is gone' });
}

/** Makes the root mount itself read-only; mounts below it keep their own mode. */
export function addReadonlyRoot(builder: PlanBuilder, root: string): void {
  builder.container('mount-setattr', { slot: root, set: ATTR.RDONLY, clear: 0, propagation: 0, recursive: 0 }, { why: 'the root is read-only' });
}
