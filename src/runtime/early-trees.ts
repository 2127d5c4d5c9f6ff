/**
 * Mounts that the monitor copies before the container's process is there, as detached trees in slots that the process
 * inherits. Three kinds need it: sources that root of a user namespace may not reach, mounts whose owners are mapped
 * (only root of the file system's own user namespace may do that), and what lies in another container.
 */
import { posix } from 'node:path';
import { ATTR, TREE } from '../kernel/constants.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { PlanBuilder } from './builder.ts';
import type { ContainerInput, RootSource, SpecialMount, SpecialMounts } from './contract.ts';
import type { LayerTrees } from './layers.ts';
import { parseMountOptions, type MountOptions } from './mount-options.ts';
import { bindSource } from './mounts.ts';
import { idMap, type JoinSlots, type Namespaces } from './namespaces.ts';
import type { IdMapping, Mount } from './spec.ts';
import { specialSubject, specialTree, userImage } from './special-mounts.ts';

export interface EarlyTrees {
  readonly mounts: ReadonlyMap<Mount, string>;
  /** The root, or its layers; empty when the container's process makes them itself. */
  readonly root: LayerTrees;
  /** The same of mounted images. */
  readonly images: ReadonlyMap<Mount, readonly string[]>;
}

interface Context {
  readonly builder: PlanBuilder;
  readonly input: ContainerInput;
  /** In the container's own user namespace, or in another container's. */
  readonly userNamespace: boolean;
  readonly joins: JoinSlots;
  /** User namespaces made so far, by their maps. */
  readonly made: Map<string, string>;
}

export function openTrees(builder: PlanBuilder, input: ContainerInput, namespaces: Namespaces, joins: JoinSlots, mounts: readonly Mount[]): EarlyTrees {
  const userNamespace = namespaces.fresh.has('user') || namespaces.joined.has('user');
  const context: Context = { builder, input, userNamespace, joins, made: new Map() };
  const trees = new Map<Mount, string>();
  const images = new Map<Mount, readonly string[]>();
  for (const mount of mounts) {
    const special = input.special?.get(mount.destination);
    if (special !== undefined) {
      if (special.source.kind !== 'layers') trees.set(mount, specialOf(context, mount, special));
      else if (userNamespace) images.set(mount, rootTrees(context, userImage(special.source)).layers);
      continue;
    }
    const options = parseMountOptions(mount.options ?? [], mount.type);
    const mapped = options.idmap !== 'none' || mount.uidMappings !== undefined || mount.gidMappings !== undefined;
    if (mapped && !options.bind) throw invalid(`mount ${mount.destination}: only a bind mount can be idmapped`);
    if (!options.bind) continue;
    const source = bindSource(input, mount);
    const other = /^\/proc\/(\d+)\/root(\/.*)$/.exec(source);
    if (other !== null) trees.set(mount, treeOf(context, Number(other[1]), other[2]!, options, source));
    else if (userNamespace || mapped) trees.set(mount, copyOf(context, mount, source, options, mapped));
  }
  const root = userNamespace && namespaces.fresh.has('mount') ? rootTrees(context, input.root) : { layers: [] };
  for (const slot of context.made.values()) if (slot !== joins.get('user')) builder.monitor('close', { slot });
  return { mounts: trees, root, images };
}

/** The monitor's copies go: they would keep the mounts busy as long as the container lives. */
export function closeTrees(builder: PlanBuilder, trees: EarlyTrees): void {
  const { layers, upper } = trees.root;
  const root = upper === undefined ? layers : [...layers, upper];
  for (const slot of [...trees.mounts.values(), ...root, ...[...trees.images.values()].flat()]) builder.monitor('close', { slot });
}

function treeOf({ builder }: Context, pid: number, path: string, options: MountOptions, source: string): string {
  const subject = `bind mount ${source}`;
  const [process, tree] = [builder.slot('process'), builder.slot('tree')];
  builder.monitor('pidfd-open', { into: process, pid }, { subject });
  const why = "from the other container's mount namespace, without following a link of its making";
  builder.monitor('tree-of', { into: tree, process, path, flags: options.recursive ? TREE.RECURSIVE : 0 }, { subject, why });
  builder.monitor('close', { slot: process });
  setAttributes(builder, tree, options, subject);
  return tree;
}

function copyOf(context: Context, mount: Mount, source: string, options: MountOptions, mapped: boolean): string {
  const { builder } = context;
  const subject = `bind mount ${source} to ${mount.destination}`;
  const tree = builder.slot('tree');
  const flags = TREE.CLONE | TREE.CLOEXEC | (options.recursive ? TREE.RECURSIVE : 0);
  builder.monitor('open-tree', { into: tree, path: source, flags }, { subject, why: 'here, where every folder can be searched' });
  setAttributes(builder, tree, options, subject);
  if (mapped) mapOwners(context, mount, tree, options, subject);
  return tree;
}

function mapOwners(context: Context, mount: Mount, tree: string, options: MountOptions, subject: string): void {
  const userns = userNamespaceFor(context, mount);
  const recursive = options.idmap === 'recursive' ? 1 : 0;
  const note = { subject: `${subject}, idmapped`, why: 'owners on disk are shown through these maps' };
  context.builder.monitor('mount-setattr', { slot: tree, set: ATTR.IDMAP, clear: 0, propagation: 0, recursive, userns }, note);
}

function specialOf(context: Context, mount: Mount, special: SpecialMount): string {
  const options = parseMountOptions(mount.options ?? [], mount.type);
  const subject = specialSubject(special, mount.destination);
  const tree = specialTree(context.builder, mount, special, options)!;
  setAttributes(context.builder, tree, options, subject);
  if (options.idmap !== 'none') mapOwners(context, mount, tree, options, subject);
  return tree;
}

/** Of mounts that somebody looks at from outside; the caller closes the slots in the monitor. */
export function viewTrees(builder: PlanBuilder, mounts: readonly Mount[], special: SpecialMounts): ReadonlyMap<Mount, string> {
  const trees = new Map<Mount, string>();
  for (const mount of mounts) {
    const found = special.get(mount.destination);
    if (found === undefined || found.source.kind === 'layers') continue;
    const options = parseMountOptions(mount.options ?? [], mount.type);
    const tree = specialTree(builder, mount, found, options)!;
    setAttributes(builder, tree, options, specialSubject(found, mount.destination));
    trees.set(mount, tree);
  }
  return trees;
}

/** Here, because a mount of a more privileged mount namespace keeps its attributes in one that is less so. */
function setAttributes(builder: PlanBuilder, slot: string, options: MountOptions, subject: string): void {
  const set = (set: number, clear: number, recursive: number) => builder.monitor('mount-setattr', { slot, set, clear, propagation: 0, recursive }, { subject });
  if (options.set !== 0 || options.clear !== 0) set(options.set, options.clear, 0);
  if (options.recursiveSet !== 0 || options.recursiveClear !== 0) set(options.recursiveSet, options.recursiveClear, 1);
}

/** The slot of a user namespace with the maps of a mount, or without such with the container's own. */
function userNamespaceFor(context: Context, mount: Mount): string {
  const { uidMappings: uids, gidMappings: gids } = mount;
  if ((uids === undefined) !== (gids === undefined)) throw invalid(`mount ${mount.destination}: uidMappings and gidMappings go together`);
  if (uids !== undefined && gids !== undefined) return userNamespace(context, uids, gids, mount.destination);
  const own = ownUserNamespace(context);
  if (own === undefined) throw invalid(`mount ${mount.destination}: idmap needs uidMappings and gidMappings, or a user namespace of the container's own`);
  return own;
}

function ownUserNamespace(context: Context): string | undefined {
  const joined = context.joins.get('user');
  if (joined !== undefined) return joined;
  const { uidMappings: uids, gidMappings: gids } = context.input.spec.linux ?? {};
  return context.userNamespace && uids?.length && gids?.length ? userNamespace(context, uids, gids, 'root file system') : undefined;
}

function userNamespace({ builder, made }: Context, uids: readonly IdMapping[], gids: readonly IdMapping[], subject: string): string {
  if (uids.length === 0 || gids.length === 0) throw invalid(`${subject}: an empty id mapping`);
  const [uidMap, gidMap] = [idMap(uids), idMap(gids)];
  const key = `${uidMap}|${gidMap}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const slot = builder.slot('userns');
  const note = { subject, why: 'holds the maps for mount_setattr; no process lives in it' };
  builder.monitor('user-namespace', { into: slot, uidMap: Buffer.from(uidMap), gidMap: Buffer.from(gidMap) }, note);
  made.set(key, slot);
  return slot;
}

function rootTrees(context: Context, source: RootSource): LayerTrees {
  const { builder, input } = context;
  const isMapped = source.idmap === true;
  const folder = (path: string, flags: number): string => {
    const subject = `root file system ${path}`;
    const tree = builder.slot('root-tree');
    builder.monitor('open-tree', { into: tree, path, flags: TREE.CLONE | TREE.CLOEXEC | flags }, { subject, why: 'here, where every folder can be searched' });
    if (!isMapped) return tree;
    if (input.machine.idmap?.(path) === false) {
      builder.warnings.push(`this kernel cannot map the owners of ${path}: its files keep them, and those of root belong to nobody inside`);
      return tree;
    }
    return mapRoot(context, tree, subject);
  };
  if (source.kind === 'dir') return { layers: [folder(source.path, TREE.RECURSIVE)] };
  const layers = source.lower.map((layer) => {
    if (typeof layer === 'string') return folder(layer, 0);
    const subject = `root file system ${layer.index}`;
    // no user namespace may mount it
    const data = [['source', layer.index] as const, ['device', layer.device] as const];
    const tree = builder.fileSystem('erofs', data, ATTR.RDONLY, { subject, why: 'here, where every folder can be searched' }, 'monitor');
    return isMapped ? mapRoot(context, tree, subject) : tree;
  });
  if (source.upper === undefined) return { layers };
  // overlayfs wants both of its folders on one mount
  const writes = posix.dirname(source.upper.dir);
  if (isMapped && input.machine.idmap?.(writes) === false) {
    throw new EngineError('unavailable', `root file system: this kernel cannot map the owners of ${writes}, where root of a user namespace is to write`, {
      hint: 'idmapped mounts take Linux 5.19, and a data root on ext4, xfs, btrfs, or, from Linux 6.3 on, tmpfs',
    });
  }
  return { layers, upper: folder(writes, 0) };
}

function mapRoot(context: Context, tree: string, subject: string): string {
  const note = { subject: `${subject}, idmapped`, why: 'what belongs to root on disk belongs to root inside' };
  context.builder.monitor('mount-setattr', { slot: tree, set: ATTR.IDMAP, clear: 0, propagation: 0, recursive: 0, userns: ownUserNamespace(context) }, note);
  return tree;
}
