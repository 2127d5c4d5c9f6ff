/** A container's mounts on record, as the planners take them and as `inspect` shows them. */
import { lookup } from 'node:dns/promises';
import { EngineError } from '../base/errors.ts';
import type { SpecialSource } from '../runtime/contract.ts';
import { inUserNamespace, type MountOption, type RunOptions } from '../runtime/run-options.ts';
import { serverName, volumeSource, withServerAddress } from '../volume/options.ts';
import type { VolumeSource } from '../volume/contract.ts';
import { mountsOfRecord } from './mounts-asked.ts';
import type { ContainerRecord } from './container-record.ts';
import { cleanPath } from './mount-parse.ts';
import type { EngineParts } from './parts.ts';
import type { ProcessId } from './process-id.ts';
import type { MountPoint } from './types/container-answers.ts';

/** As Docker shows them; what `Tmpfs` asks for is not. In the order of their places. */
export function mountPoints({ volumes }: EngineParts, record: Pick<ContainerRecord, 'mounts' | 'hostConfig'>): MountPoint[] {
  return mountsOfRecord(record)
    .map(({ type, name, source, destination, mode, rw, propagation }) => ({
      Type: type,
      ...(type === 'volume' || type === 'image' ? { Name: name ?? source } : {}),
      // an image is in no folder of this machine
      Source: name !== undefined ? volumes.store.mountpoint(name) : type === 'image' ? '' : source,
      Destination: destination,
      ...(name === undefined ? {} : { Driver: 'local' }),
      Mode: mode,
      RW: rw,
      Propagation: propagation,
    }))
    .toSorted((a, b) => (a.Destination < b.Destination ? -1 : 1));
}

/**
 * The options with what their volumes and images are on this machine. `peers`: first processes of containers that a mount
 * is taken from. Throws `not-found` for a volume that is no more; with `planned` it is yet to be made.
 */
export async function foundMounts(
  parts: EngineParts,
  record: Pick<ContainerRecord, 'id' | 'mounts' | 'hostConfig'>,
  options: RunOptions,
  { planned = false }: { readonly planned?: boolean } = {},
): Promise<{ readonly options: RunOptions; readonly peers: readonly ProcessId[] }> {
  if (options.mounts.every(({ type }) => type === 'bind' || type === 'tmpfs')) return { options, peers: [] };
  const peers: ProcessId[] = [];
  const mounts: MountOption[] = [];
  for (const mount of options.mounts) {
    if (mount.type === 'volume') mounts.push(await withVolume(parts, record.id, mount, options, { peers, planned }));
    else if (mount.type === 'image') mounts.push({ ...mount, found: layersOf(parts, record, mount) });
    else mounts.push(mount);
  }
  return { options: { ...options, mounts }, peers };
}

async function withVolume(
  parts: EngineParts,
  id: string,
  mount: MountOption,
  options: RunOptions,
  { peers, planned }: { readonly peers: ProcessId[]; readonly planned: boolean },
): Promise<MountOption> {
  const source = await resolvedSource(sourceOf(parts, mount.source, planned));
  if (source.kind === 'file-system') {
    const shared = IN_MEMORY.has(source.type) ? sharedMemory(parts, id, mount.source) : undefined;
    if (shared === undefined) return { ...mount, found: source };
    peers.push(shared.process);
    const words = mount.options.some((word) => word === 'ro' || word === 'rro') ? mount.options : [...mount.options, 'rw'];
    return { ...mount, options: words, found: { kind: 'folder', path: shared.path } };
  }
  const create = planned && parts.volumes.store.load(mount.source) === undefined;
  const mapped = inUserNamespace(options) && parts.machine.idmap?.(source.path) !== false;
  return { ...mount, create, options: [...source.options, ...mount.options, ...(mapped ? ['idmap'] : [])], found: { kind: 'folder', path: source.path } };
}

function sourceOf({ volumes: { store } }: EngineParts, name: string, planned: boolean): VolumeSource {
  const volume = store.load(name);
  if (volume === undefined && planned) return { kind: 'folder', path: store.mountpoint(name || 'NEW'), options: [] };
  if (volume === undefined) throw new EngineError('not-found', `get ${name}: no such volume`);
  return volumeSource(volume.options, store.mountpoint(name));
}

/** With an address in the place of a server's name, as the kernel wants it. */
export async function resolvedSource(source: VolumeSource): Promise<VolumeSource> {
  const server = serverName(source);
  if (server === undefined) return source;
  try {
    return withServerAddress(source, (await lookup(server)).address);
  } catch (error) {
    throw new EngineError('unavailable', `error resolving passed in network volume address: lookup ${server}: no such host`, { cause: error });
  }
}

/** File systems that live as long as they are mounted. */
export const IN_MEMORY: ReadonlySet<string> = new Set(['tmpfs', 'ramfs']);

/** A volume in memory is where a running container has it: all of them see the same. */
function sharedMemory({ store }: EngineParts, id: string, name: string): { readonly path: string; readonly process: ProcessId } | undefined {
  for (const record of store.all()) {
    if (record.id === id || record.process === undefined || store.ended(record)) continue;
    const mount = mountsOfRecord(record).find((each) => each.type === 'volume' && each.name === name && each.subpath === undefined);
    if (mount !== undefined) return { path: `/proc/${record.process.pid}/root${mount.destination}`, process: record.process };
  }
  return undefined;
}

function layersOf(parts: EngineParts, record: Pick<ContainerRecord, 'mounts' | 'hostConfig'>, { target, source }: MountOption): SpecialSource {
  const mount = mountsOfRecord(record).find(({ type, destination }) => type === 'image' && destination === cleanPath(target));
  if (mount?.image === undefined) throw new EngineError('internal', `image ${source} has not been looked up`);
  const root = parts.images().driver.root(mount.image.layers, undefined, '');
  if (root.kind !== 'overlay') throw new EngineError('internal', 'an image without layers');
  const { lower, userLower } = root;
  return { kind: 'layers', lower, ...(userLower !== undefined && { userLower }), file: mount.file ?? false };
}
