/**
 * A root of layers that fsconfig(2) cannot be told of: some are EROFS images, or mounts that have been made before, or
 * their names are longer than the 255 bytes that it takes.
 *
 * Everything gets a short name on a tmpfs at the mount point, and the old mount(2) takes the names from there, all at
 * once and on every kernel (fsconfig's `lowerdir+` came with Linux 6.7):
 *
 *     0, 1, …   a layer, topmost first: a symbolic link to its folder, or the folder where its EROFS is mounted
 *     0.index, 0.tar   what that EROFS is mounted from
 *     upper, work      the layer for writes, or links to it
 *     writes           instead of them, the mount that has both: for a user namespace, where root on disk is root inside
 *     root             the overlay
 *
 * Only this mount namespace sees the tmpfs, and pivot_root takes it out of sight; the overlay holds on to the layers.
 */
import { posix } from 'node:path';
import { MS, O, O_DIRECTORY, RESOLVE } from '../kernel/constants.ts';
import { invalid } from '../base/errors.ts';
import type { Note, PlanBuilder } from './builder.ts';
import type { ErofsLayer, RootSource } from './contract.ts';

type Overlay = Extract<RootSource, { kind: 'overlay' }>;

/** fsconfig(2) takes strings of fewer bytes than this. */
const FSCONFIG_MAX = 256;
/** The kernel's OVL_MAX_STACK. */
const MAX_LAYERS = 500;

/** What is written looks like a layer, whatever the kernel's defaults are: no renames by reference, no files without their data. */
export const PLAIN_UPPER = [
  ['redirect_dir', 'off'],
  ['metacopy', 'off'],
] as const;

/** Layers that are mounted already, in slots: topmost first, and what has the folders for writes. */
export interface LayerTrees {
  readonly layers: readonly string[];
  readonly upper?: string | undefined;
}

/** As overlayfs in a user namespace reads and writes it; from outside it must be read so, too. */
export function withUserMarks(source: RootSource): RootSource {
  if (source.kind !== 'overlay') return source;
  const { userLower, ...rest } = source;
  return { ...rest, lower: userLower ?? source.lower, userMarks: true };
}

/** overlayfs's `lowerdir`, where the layers are folders that fsconfig(2) can be told of with it; else undefined. */
export function lowerdirOf(source: Overlay): string | undefined {
  const folders: string[] = [];
  for (const layer of source.lower) {
    if (typeof layer !== 'string') return undefined;
    folders.push(layer.replaceAll('\\', '\\\\').replaceAll(':', '\\:'));
  }
  const lowerdir = folders.join(':');
  const fits = (text: string) => Buffer.byteLength(text) < FSCONFIG_MAX;
  return fits(lowerdir) && fits(source.upper?.dir ?? '') && fits(source.upper?.work ?? '') ? lowerdir : undefined;
}

/** Makes the root and attaches it below `at`; returns its slot. */
export function stackedRoot(
  builder: PlanBuilder,
  source: Overlay,
  at: { readonly dir?: string; readonly path: string },
  trees: LayerTrees = { layers: [] },
): string {
  const { lower, upper } = source;
  const subject = `root file system of ${lower.length} layers`;
  if (lower.length === 0) throw invalid('a root file system of no layers');
  if (lower.length > MAX_LAYERS) throw invalid(`${subject}: overlayfs takes ${MAX_LAYERS} at most`);
  const note = { subject, why: 'layers by short names' };
  const place = builder.fileSystem('tmpfs', [['mode', '755']], 0, note);
  builder.container('move-mount', { from: place, ...at }, note);
  lower.forEach((layer, index) => {
    const tree = trees.layers[index];
    if (tree === undefined) addLayer(builder, place, layer, `${index}`);
    else attachTree(builder, place, tree, `${index}`, note);
  });
  let [upperdir, workdir] = ['upper', 'work'];
  if (upper === undefined) {
    const writes = { subject, why: 'a place for writes that dies with the container' };
    builder.container('mkdir', { dir: place, path: 'upper', mode: 0o755 }, writes);
    builder.container('mkdir', { dir: place, path: 'work', mode: 0o700 }, writes);
  } else if (trees.upper !== undefined) {
    attachTree(builder, place, trees.upper, 'writes', { subject, why: 'writes go to a layer of their own, whose owners are mapped' });
    [upperdir, workdir] = [upper.dir, upper.work].map((path) => `writes/${posix.basename(path)}`) as [string, string];
  } else {
    const writes = { subject, why: 'writes go to a layer of their own' };
    builder.container('symlink', { target: upper.dir, dir: place, path: 'upper' }, writes);
    builder.container('symlink', { target: upper.work, dir: place, path: 'work' }, writes);
  }
  builder.container('mkdir', { dir: place, path: 'root', mode: 0o755 }, note);
  // in a user namespace overlayfs may not keep its marks in `trusted.` attributes (it makes no redirects then, and no
  // files without data)
  const marks = source.userMarks === true ? 'userxattr' : PLAIN_UPPER.map(([key, value]) => `${key}=${value}`).join(',');
  const data = `lowerdir=${lower.map((_, index) => index).join(':')},upperdir=${upperdir},workdir=${workdir},${marks}`;
  builder.container('mount', { dir: place, source: 'overlay', path: 'root', type: 'overlay', flags: 0, data }, note);
  const root = builder.slot('overlay');
  const flags = O.PATH | O_DIRECTORY | O.CLOEXEC;
  builder.container('open', { into: root, dir: place, path: 'root', flags, mode: 0, resolve: RESOLVE.NO_SYMLINKS }, note);
  builder.container('close', { slot: place });
  return root;
}

function attachTree(builder: PlanBuilder, place: string, tree: string, name: string, note: Note): void {
  builder.container('mkdir', { dir: place, path: name, mode: 0o755 }, note);
  builder.container('move-mount', { from: tree, dir: place, path: name }, note);
  builder.container('close', { slot: tree });
}

function addLayer(builder: PlanBuilder, place: string, layer: string | ErofsLayer, name: string): void {
  if (typeof layer === 'string') {
    builder.container('symlink', { target: layer, dir: place, path: name }, { subject: `layer ${layer}` });
    return;
  }
  const note = { subject: `layer ${layer.index}`, why: "its names from an index, its files' bytes from the tar: no loop device" };
  builder.container('mkdir', { dir: place, path: name, mode: 0o755 }, note);
  builder.container('symlink', { target: layer.index, dir: place, path: `${name}.index` }, note);
  builder.container('symlink', { target: layer.device, dir: place, path: `${name}.tar` }, note);
  const data = `device=${name}.tar`;
  builder.container('mount', { dir: place, source: `${name}.index`, path: name, type: 'erofs', flags: MS.RDONLY, data }, note);
}
