/**
 * What an image has at the place of a volume goes into the volume while that is empty, as Docker does when a container is
 * made. The content is gathered beside the volume's folder and takes its place at once, so that a volume is empty or has
 * all of it. (Of a volume that lies elsewhere, by its options, that cannot be: there it is written where it belongs.)
 *
 *     NAME/.filling   being written; of a killed process: removed
 *     NAME/.filled    complete: what of it is not in `_data` yet is moved there, whoever comes by
 */
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { invalid, type EngineError } from '../base/errors.ts';
import { Turns } from '../base/turns.ts';
import { volumeSource } from '../volume/options.ts';
import type { VolumeSource } from '../volume/contract.ts';
import type { ContainerRoot } from './container-root.ts';
import type { MountRecord } from './mount-record.ts';
import { IN_MEMORY, resolvedSource } from './mount-points.ts';
import type { EngineParts } from './parts.ts';
import { findVolume, volumeUsers } from './volume-list.ts';
import { withView } from './view.ts';

type Rooted = ReturnType<EngineParts['images']>['driver']['rooted'];

interface Filling {
  readonly mount: MountRecord;
  readonly name: string;
  readonly source: VolumeSource;
}

/** An archive and what it is unpacked into take a thread each, of a few; and one may take long. */
const copies = new Turns(3);

/** Of a new container's mounts. Throws `invalid` where a volume of the image's would cover a file. */
export async function fillVolumes(parts: EngineParts, root: () => Promise<ContainerRoot>, mounts: readonly MountRecord[]): Promise<void> {
  const wanted = mounts.flatMap((mount) => fillingOf(parts, mount) ?? []);
  if (wanted.length === 0) return;
  const { rooted } = parts.images().driver;
  const { at } = await root();
  await withView(
    parts,
    parts.images().accountsDir,
    (mountPoint) => at(mountPoint, undefined, undefined),
    async (image) => {
      for (const filling of wanted) if (await hasFolder(rooted, image, filling.mount)) await fill(parts, rooted, image, filling);
    },
  );
}

function fillingOf(parts: EngineParts, mount: MountRecord): Filling | undefined {
  const { type, name = '', copy = false } = mount;
  if (type !== 'volume' || !copy) return undefined;
  const { store } = parts.volumes;
  const source = volumeSource(findVolume(parts, name).options, store.mountpoint(name));
  // what is in memory only is gone when nobody has it mounted
  if (source.kind === 'file-system') return IN_MEMORY.has(source.type) ? undefined : { mount, name, source };
  return isEmpty(placeIn(source.path, mount)) ? { mount, name, source } : undefined;
}

/** Only to look whether something is there: what is written goes by `RootedFiles`, which no link leads astray. */
function placeIn(folder: string, { subpath }: MountRecord): string {
  return subpath === undefined ? folder : `${folder}/${subpath}`;
}

/** Also false where there is no folder to look into: its mount will say so. */
function isEmpty(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0;
  } catch {
    return false;
  }
}

/** Links of the image are followed inside of it. */
async function hasFolder(rooted: Rooted, image: string, { destination, mode }: MountRecord): Promise<boolean> {
  try {
    await rooted.stat(image, `${destination}/.`);
    return true;
  } catch (error) {
    const { code } = ((error as EngineError).detail ?? {}) as { code?: string };
    if (code === 'ENOENT') return false;
    if (code !== 'ENOTDIR') throw error;
    throw invalid(mode === '' ? `cannot mount volume over existing file, file exists ${destination}` : `source ${destination} is not directory`);
  }
}

async function fill(parts: EngineParts, rooted: Rooted, image: string, { mount, name, source }: Filling): Promise<void> {
  const { store, locks } = parts.volumes;
  using _lock = await locks.lock(store.lockPath(name, 'fill'), 'exclusive');
  const copy = (to: string, path: string) =>
    copies.run(() => rooted.unpack(to, path, rooted.archive(image, `${mount.destination}/.`, { oneFileSystem: true }), { top: true }));
  const folder = store.folder(name);
  if (source.kind === 'file-system') {
    const reached = (await resolvedSource(source)) as typeof source;
    const special = new Map([['/_data', { source: reached, subpath: undefined }]]);
    const mounts = [{ destination: '/_data', type: source.type, source: source.device, options: [...reached.options] }];
    const path = `/_data/${mount.subpath ?? ''}`;
    const use = async (view: string) => {
      // its own `lost+found` is no content of anybody's
      if (readdirSync(`${view}/_data`).every((each) => each === 'lost+found')) await copy(view, path);
    };
    return withView(parts, parts.images().accountsDir, () => ({ kind: 'dir', path: folder }), use, { mounts, special });
  }
  if (source.path !== store.mountpoint(name) || mount.subpath !== undefined) {
    if (isEmpty(placeIn(source.path, mount))) await copy(source.path, `/${mount.subpath ?? ''}`);
    return;
  }
  finishFill(folder);
  if (!isEmpty(source.path)) return;
  const making = `${folder}/.filling`;
  mkdirSync(making, { mode: 0o700 });
  try {
    await copy(making, '/');
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    throw error;
  }
  // a container that has the volume already would keep the old folder
  if (!volumeUsers(parts).has(name) && moved(making, source.path)) return;
  renameSync(making, `${folder}/.filled`);
  finishFill(folder);
}

/** False: something is there. */
function moved(from: string | Buffer, to: string | Buffer): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'EISDIR', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** Whether `finishFill` has something to do. */
export function isHalfFilled(folder: string): boolean {
  return existsSync(`${folder}/.filling`) || existsSync(`${folder}/.filled`);
}

/** With the volume's `fill` lock: removes what was being written, and moves what was complete to its place, as far as there is nothing yet (the folder keeps its own attributes). */
export function finishFill(folder: string): void {
  rmSync(`${folder}/.filling`, { recursive: true, force: true });
  const [filled, data] = [`${folder}/.filled`, `${folder}/_data`];
  if (!existsSync(filled)) return;
  const { uid, gid, mode, atime, mtime } = lstatSync(filled);
  for (const name of readdirSync(filled, 'buffer')) {
    const [from, to] = [filled, data].map((path) => Buffer.concat([Buffer.from(`${path}/`), name])) as [Buffer, Buffer];
    if (lstatSync(to, { throwIfNoEntry: false }) === undefined) moved(from, to);
  }
  chownSync(data, uid, gid);
  chmodSync(data, mode & 0o7777);
  utimesSync(data, atime, mtime);
  rmSync(filled, { recursive: true, force: true });
}
