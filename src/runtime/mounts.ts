/** Mounts of a spec as operations: each is made detached, set up, and attached to a folder opened inside the root. */
import { posix } from 'node:path';
import { ATTR, MS, TREE } from '../kernel/constants.ts';
import { invalid } from '../base/errors.ts';
import type { PlanBuilder } from './builder.ts';
import type { CgroupParts, MachineFacts, SpecialMount, SpecialMounts } from './contract.ts';
import { parseMountOptions, type MountOptions } from './mount-options.ts';
import type { Mount } from './spec.ts';
import { imageTree, specialSubject } from './special-mounts.ts';

export interface MountContext {
  readonly builder: PlanBuilder;
  readonly machine: MachineFacts;
  readonly cgroup: CgroupParts | undefined;
  /** The slot of the new root. */
  readonly root: string;
  readonly bundle: string;
  /** Detached trees that the monitor made for bind mounts. */
  readonly trees: ReadonlyMap<Mount, string>;
  /** Volumes and images, by destination. */
  readonly special?: SpecialMounts | undefined;
  /** Layers of images that the monitor has mounted. */
  readonly images?: ReadonlyMap<Mount, readonly string[]>;
  /** The mounts of kernel files that paths of the spec are found below: not by a path, which may lead elsewhere by then. */
  readonly kernelMounts: KernelMount[];
  /** A /proc that has been made before, of which one mount of the spec is the mount. */
  readonly earlyProc?: EarlyProc | undefined;
}

export interface EarlyProc {
  readonly mount: Mount;
  readonly slot: string;
}

/** A mounted proc or sysfs: where it was asked for, and the slot of the mount itself. */
export interface KernelMount {
  readonly destination: string;
  readonly slot: string;
}

/** Where to look for a path: below a kernel file system's own mount, where there is one that holds it, else in the root. */
export function placeOf(context: Pick<MountContext, 'root' | 'kernelMounts'>, path: string): { root: string; path: string } {
  const clean = posix.join('/', path);
  const mount = context.kernelMounts.findLast(({ destination }) => clean.startsWith(`${destination}/`));
  return mount === undefined ? { root: context.root, path } : { root: mount.slot, path: clean.slice(mount.destination.length) };
}

/** A bind mount's source on the host. Throws `invalid` for one that is not there. */
export function bindSource({ bundle, machine }: Pick<MountContext, 'bundle' | 'machine'>, mount: Mount): string {
  const source = absolute(bundle, mount.source ?? '');
  if (!OTHER.test(source) && machine.kind(source) === 'missing') {
    throw invalid(`${bindSubject(mount)}: ${source}: no such file or directory`);
  }
  return source;
}

/** Below the root of another process, where nothing can be looked up safely from here: always a folder. */
const OTHER = /^\/proc\/\d+\/root\//;
const bindSubject = (mount: Mount) => `bind mount ${mount.source ?? ''} to ${mount.destination}`;

/** The mount that shows a /proc with nothing asked of it: any new one of this pid namespace will do. */
export function plainProc(mounts: readonly Mount[], special: SpecialMounts | undefined): Mount | undefined {
  const found = mounts.find(({ type }) => type === 'proc');
  if (found === undefined || special?.has(found.destination)) return undefined;
  const { bind, data } = parseMountOptions(found.options ?? [], found.type);
  return bind || data.length > 0 ? undefined : found;
}

/** Adds the operations of one mount. Throws `invalid` for a bind source that is not there. */
export function addMount(context: MountContext, mount: Mount): void {
  const options = parseMountOptions(mount.options ?? [], mount.type);
  const destination = posix.join('/', mount.destination).replace(/\/+$/, '');
  // what comes to lie over a kernel mount, or over a folder that holds it, hides it
  for (const hidden of context.kernelMounts.filter((kept) => kept.destination === destination || kept.destination.startsWith(`${destination}/`)))
    context.kernelMounts.splice(context.kernelMounts.indexOf(hidden), 1);
  const special = context.special?.get(mount.destination);
  if (special !== undefined) return addSpecial(context, mount, special, options);
  const subject = options.bind ? bindSubject(mount) : `mount ${mount.type ?? 'none'} to ${mount.destination}`;
  if (options.bind) addBind(context, mount, options, subject);
  else if (mount.type === 'cgroup') addCgroup(context, mount, options, subject);
  else addFileSystem(context, mount, mount.type ?? '', options, subject);
}

function addBind(context: MountContext, mount: Mount, options: MountOptions, subject: string): void {
  const { builder, machine, trees } = context;
  const source = bindSource(context, mount);
  const kind = OTHER.test(source) || machine.kind(source) === 'dir' ? 'dir' : 'file';
  const early = trees.get(mount);
  if (early !== undefined) {
    // its attributes are set; it came from the host's mount namespace, whose mounts and unmounts may come in, but not go out
    const propagation = [MS.SLAVE | MS.REC, ...options.propagation];
    attach(context, early, mount.destination, { ...options, ...NO_ATTRIBUTES, propagation }, subject, kind);
    return;
  }
  const from = builder.slot('bind');
  const flags = TREE.CLONE | TREE.CLOEXEC | (options.recursive ? TREE.RECURSIVE : 0);
  builder.container('open-tree', { into: from, path: source, flags }, { subject, why: 'a folder or file of the host' });
  attach(context, from, mount.destination, options, subject, kind);
}

function addSpecial(context: MountContext, mount: Mount, special: SpecialMount, options: MountOptions): void {
  const subject = specialSubject(special, mount.destination);
  const { source } = special;
  const plain = { ...options, ...NO_ATTRIBUTES, propagation: [] };
  if (source.kind === 'layers') {
    const tree = imageTree(context.builder, mount, special, context.root, context.images?.get(mount) ?? []);
    return attach(context, tree, mount.destination, plain, subject, source.file ? 'file' : 'dir');
  }
  const file = source.kind === 'folder' && context.machine.kind(absolute(context.bundle, mount.source ?? '')) === 'file';
  const propagation = [MS.SLAVE | MS.REC, ...options.propagation];
  attach(context, context.trees.get(mount)!, mount.destination, { ...plain, propagation }, subject, file ? 'file' : 'dir');
}

const NO_ATTRIBUTES = { set: 0, clear: 0, recursiveSet: 0, recursiveClear: 0 };

function addFileSystem(context: MountContext, mount: Mount, type: string, options: MountOptions, subject: string): void {
  const { builder } = context;
  const data = options.data.map(([key, value]) => [key, value] as const).filter(([key]) => type !== 'tmpfs' || key !== 'x-mount.mkdir');
  const plain: readonly (readonly [string, string?])[] = mount.source && NAMED_SOURCE.has(type) ? [['source', mount.source], ...data] : data;
  const attrs = options.set | (options.recursiveSet & ~ATTR.ATIME);
  const early = context.earlyProc?.mount === mount ? context.earlyProc.slot : undefined;
  if (early !== undefined) builder.container('mount-setattr', { slot: early, set: attrs, clear: 0, propagation: 0, recursive: 0 }, { subject, why: WHY[type] });
  const from = early ?? builder.fileSystem(type, plain, attrs, { subject, why: WHY[type] });
  const ownMode = data.some(([key]) => key === 'mode');
  if (type === 'tmpfs' && (options.copyUp || !ownMode)) {
    const why = options.copyUp ? 'what the image has there is copied' : 'the mode of the folder that it covers';
    builder.container('copy-up', { to: from, root: context.root, path: mount.destination, contents: options.copyUp ? 1 : 0 }, { subject, why });
  }
  const kept = type === 'proc' || type === 'sysfs';
  attach(context, from, mount.destination, { ...options, ...NO_ATTRIBUTES }, subject, 'dir', kept);
  if (kept) context.kernelMounts.push({ destination: posix.join('/', mount.destination).replace(/\/+$/, ''), slot: from });
}

/** File systems to which the source means something; to others it is a label that shows in /proc/mounts. */
const NAMED_SOURCE = new Set(['tmpfs', 'proc', 'sysfs', 'devpts', 'mqueue', 'overlay', 'cgroup2', 'ext4', 'xfs', 'btrfs', 'erofs']);
const WHY: Readonly<Record<string, string>> = {
  proc: 'the processes that this pid namespace has, and no others',
  sysfs: 'the kernel objects as this network namespace sees them',
  tmpfs: 'memory that is gone with the container',
  devpts: "the container's own terminals",
  mqueue: 'the message queues of this ipc namespace',
};

function attach(context: MountContext, from: string, destination: string, options: MountOptions, subject: string, kind: 'dir' | 'file', keep = false): void {
  const { builder, root } = context;
  const set = (flags: { set?: number; clear?: number; propagation?: number; recursive?: number }) =>
    builder.container(
      'mount-setattr',
      { slot: from, set: flags.set ?? 0, clear: flags.clear ?? 0, propagation: flags.propagation ?? 0, recursive: flags.recursive ?? 0 },
      { subject },
    );
  if (options.set !== 0 || options.clear !== 0) set({ set: options.set, clear: options.clear });
  if (options.recursiveSet !== 0 || options.recursiveClear !== 0) {
    set({ set: options.recursiveSet, clear: options.recursiveClear, recursive: 1 });
  }
  const target = builder.slot('target');
  const why = 'found inside the root: a link of the image cannot lead out';
  if (kind === 'dir') builder.container('ensure-dir', { into: target, root, path: destination, mode: 0o755 }, { subject, why });
  else builder.container('ensure-file', { into: target, root, path: destination, mode: 0o644 }, { subject, why });
  builder.container('move-mount', { from, dir: target, path: '' }, { subject });
  // after it is attached: a detached mount has no peers to be shared with
  for (const flag of options.propagation) set({ propagation: flag & ~MS.REC, recursive: flag & MS.REC ? 1 : 0 });
  builder.container('close', { slot: target });
  if (!keep) builder.container('close', { slot: from });
}

/**
 * The `cgroup` mount: the container's own part of each hierarchy.
 */
function addCgroup(context: MountContext, mount: Mount, options: MountOptions, subject: string): void {
  const { builder, cgroup } = context;
  const hierarchies = cgroup?.hierarchies ?? [];
  if (hierarchies.length === 0) {
    builder.warnings.push(`${subject}: this machine has no control groups; it is left out`);
    return;
  }
  const open = (hostPath: string) => {
    // a bind of its own folder shows the same as a fresh mount in a cgroup namespace would, and makes no superblock
    const from = builder.slot('bind');
    const note = { subject, why: "this container's part of the hierarchy" };
    builder.container('open-tree', { into: from, path: hostPath, flags: TREE.CLONE | TREE.CLOEXEC }, note);
    return from;
  };
  if (hierarchies.length === 1 && hierarchies[0]!.name === '') {
    return attach(context, open(hierarchies[0]!.hostPath), mount.destination, { ...options, clear: 0, data: [] }, subject, 'dir');
  }
  const set = (slot: string, flags: number, more: { clear?: number; propagation?: number; recursive?: number } = {}) =>
    builder.container('mount-setattr', { slot, set: flags, clear: 0, propagation: 0, recursive: 0, ...more }, { subject });
  const sizes = [
    ['mode', '755'],
    ['size', '65536'],
  ] as const;
  const top = builder.fileSystem('tmpfs', sizes, options.set & ~ATTR.RDONLY, { subject, why: 'a folder for each hierarchy' });
  attach(context, top, mount.destination, { ...options, set: 0, clear: 0, data: [] }, subject, 'dir', true);
  for (const { name, hostPath } of hierarchies) {
    const from = open(hostPath);
    // directly in what was made just now: nobody else has put anything there
    builder.container('mkdir', { dir: top, path: name, mode: 0o755 }, { subject, ignore: ['EEXIST'] });
    if (options.set !== 0) set(from, options.set);
    const { recursiveSet, recursiveClear } = options;
    if (recursiveSet !== 0 || recursiveClear !== 0) set(from, recursiveSet, { clear: recursiveClear, recursive: 1 });
    builder.container('move-mount', { from, dir: top, path: name }, { subject });
    for (const flag of options.propagation) set(from, 0, { propagation: flag & ~MS.REC, recursive: flag & MS.REC ? 1 : 0 });
    builder.container('close', { slot: from });
  }
  if (options.set & ATTR.RDONLY) set(top, ATTR.RDONLY);
  builder.container('close', { slot: top });
}

function absolute(bundle: string, path: string): string {
  return path.startsWith('/') ? path : `${bundle}/${path}`;
}
