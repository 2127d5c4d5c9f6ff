/** The root file system as operations: a detached tree, attached where only this mount namespace sees it. */
import { ATTR, MS, TREE } from '../kernel/constants.ts';
import { invalid } from '../base/errors.ts';
import type { PlanBuilder } from './builder.ts';
import type { MachineFacts, RootSource } from './contract.ts';
import { lowerdirOf, stackedRoot } from './layers.ts';
import { propagationFlag } from './mount-options.ts';

/** Makes the new root and attaches it; returns its slot. */
export function addRoot(builder: PlanBuilder, source: RootSource, propagation: string | undefined, machine: MachineFacts): string {
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
  const root = source.kind === 'dir' ? bindRoot(builder, source.path) : overlayRoot(builder, source);
  if (flags & MS.UNBINDABLE) {
    builder.container('mount-setattr', { slot: root, set: 0, clear: 0, propagation: MS.UNBINDABLE, recursive: 0 });
  }
  return root;
}

function bindRoot(builder: PlanBuilder, path: string): string {
  const note = { subject: `root file system ${path}`, why: 'pivot_root wants a mount of its own' };
  builder.container('open-tree', { into: 'root', path, flags: TREE.CLONE | TREE.CLOEXEC | TREE.RECURSIVE }, note);
  builder.container('move-mount', { from: 'root', path }, note);
  return 'root';
}

function overlayRoot(builder: PlanBuilder, source: Extract<RootSource, { kind: 'overlay' }>): string {
  const { mountPoint } = source;
  const lowerdir = lowerdirOf(source);
  if (lowerdir === undefined) return stackedRoot(builder, source, { path: mountPoint });
  const subject = `root file system ${source.lower.join(':')}`;
  const note = { subject, why: 'writes go to a layer of their own' };
  let at = mountPoint;
  let upper = source.upper;
  if (upper === undefined) {
    const tmpfs = builder.fileSystem('tmpfs', [['mode', '755']], 0, { subject, why: 'a place for writes that dies with the container' });
    builder.container('move-mount', { from: tmpfs, path: mountPoint }, note);
    for (const [name, mode] of [
      ['upper', 0o755],
      ['work', 0o700],
      ['root', 0o755],
    ] as const) {
      builder.container('mkdir', { dir: tmpfs, path: name, mode }, note);
    }
    builder.container('close', { slot: tmpfs });
    upper = { dir: `${mountPoint}/upper`, work: `${mountPoint}/work` };
    at = `${mountPoint}/root`;
  }
  const mount = builder.fileSystem(
    'overlay',
    [
      ['source', 'overlay'],
      ['lowerdir', lowerdir],
      ['upperdir', upper.dir],
      ['workdir', upper.work],
    ],
    0,
    note,
  );
  builder.container('move-mount', { from: mount, path: at }, note);
  return mount;
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
