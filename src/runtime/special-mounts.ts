/** Mounts of volumes and images: what a path of the host cannot say. */
import { posix } from 'node:path';
import { ATTR, O, O_DIRECTORY, RESOLVE, TREE } from '../kernel/constants.ts';
import type { PlanBuilder } from './builder.ts';
import type { SpecialMount, SpecialSource } from './contract.ts';
import { stackedRoot } from './layers.ts';
import type { MountOptions } from './mount-options.ts';
import type { Mount } from './spec.ts';

/** umount2(2) */
const MNT_DETACH = 2;
/** What is looked up below a folder stays below it, whoever moves things about there. */
const BELOW = RESOLVE.BENEATH | RESOLVE.NO_MAGICLINKS;

export function specialSubject({ source, subpath }: SpecialMount, destination: string): string {
  const what = source.kind === 'folder' ? `volume ${source.path}` : source.kind === 'layers' ? 'image' : `volume ${source.type} ${source.device}`;
  return `mount ${what}${subpath === undefined ? '' : ` (${subpath})`} to ${destination}`;
}

/** The same mounted where nobody sees it, by the monitor: a detached tree in the slot that is returned. Undefined for an image, which the container's process makes. */
export function specialTree(builder: PlanBuilder, mount: Mount, special: SpecialMount, options: MountOptions): string | undefined {
  const { source, subpath } = special;
  const subject = specialSubject(special, mount.destination);
  if (source.kind === 'layers') return undefined;
  if (source.kind === 'file-system') {
    const data = options.data.filter(([key]) => !key.startsWith('x-'));
    const plain: readonly (readonly [string, string?])[] = [['source', source.device], ...data];
    const note = { subject, why: 'in no mount table; a server is asked over the network of the host' };
    const made = builder.fileSystem(source.type, plain, options.set | (options.recursiveSet & ~ATTR.ATIME), note, 'monitor');
    if (subpath === undefined) return made;
    const below = treeBelow(builder, made, subpath, options, subject);
    builder.monitor('close', { slot: made });
    return below;
  }
  const folder = builder.slot('volume');
  builder.monitor('open', { into: folder, path: source.path, flags: O.PATH | O_DIRECTORY | O.CLOEXEC, mode: 0, resolve: 0 }, { subject });
  const tree = treeBelow(builder, folder, subpath ?? '.', options, subject);
  builder.monitor('close', { slot: folder });
  return tree;
}

function treeBelow(builder: PlanBuilder, folder: string, subpath: string, options: MountOptions, subject: string): string {
  const [found, tree] = [builder.slot('subpath'), builder.slot('tree')];
  const why = 'looked up below the volume: no link leads out of it';
  builder.monitor('open', { into: found, dir: folder, path: subpath, flags: O.PATH | O.CLOEXEC, mode: 0, resolve: BELOW }, { subject, why });
  const flags = TREE.CLONE | TREE.CLOEXEC | TREE.EMPTY_PATH | (options.recursive ? TREE.RECURSIVE : 0);
  builder.monitor('open-tree', { into: tree, dir: found, path: '', flags }, { subject });
  builder.monitor('close', { slot: found });
  return tree;
}

/** The layers of an image as a container in a user namespace has them mounted. */
export function userImage({ lower, userLower }: Extract<SpecialSource, { kind: 'layers' }>) {
  return { kind: 'overlay', lower: userLower ?? lower, mountPoint: '', idmap: true, userMarks: true } as const;
}

/**
 * A read-only view of an image's layers, as a detached tree in the slot that is returned. The layers are put together at
 * the place where the view will be, which nobody sees yet, and taken away from there before it is attached.
 */
export function imageTree(builder: PlanBuilder, mount: Mount, special: SpecialMount, root: string, trees: readonly string[]): string {
  const { source, subpath } = special;
  if (source.kind !== 'layers') throw new Error('no image');
  const subject = specialSubject(special, mount.destination);
  const [place, found, tree] = [builder.slot('image-place'), builder.slot('image'), builder.slot('tree')];
  const path = posix.join('/', mount.destination);
  builder.container('ensure-dir', { into: place, root, path: source.file ? posix.dirname(path) : path, mode: 0o755 }, { subject });
  const image = trees.length > 0 ? userImage(source) : { kind: 'overlay' as const, lower: source.lower, mountPoint: '' };
  const layers = stackedRoot(builder, image, { dir: place, path: '' }, { layers: trees });
  const open = { into: found, dir: layers, path: subpath ?? '.', flags: O.PATH | O.CLOEXEC, mode: 0, resolve: BELOW };
  builder.container('open', open, { subject, why: 'looked up below the image: no link leads out of it' });
  const flags = TREE.CLONE | TREE.CLOEXEC | TREE.EMPTY_PATH;
  builder.container('open-tree', { into: tree, dir: found, path: '', flags }, { subject });
  builder.container('mount-setattr', { slot: tree, set: ATTR.RDONLY, clear: 0, propagation: 0, recursive: 0 }, { subject, why: 'an image never changes' });
  builder.container('close', { slot: found });
  builder.container('close', { slot: layers });
  builder.container('change-dir', { dir: place }, { subject });
  builder.container(
    'umount',
    { path: '.', flags: MNT_DETACH },
    { subject, why: 'what covers the place (umount2 goes to the topmost): the view keeps its layers' },
  );
  builder.container('change-dir', { dir: root }, { subject });
  builder.container('close', { slot: place });
  return tree;
}
