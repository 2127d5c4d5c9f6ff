/** The root file system of a container, to be looked at or changed from outside, whether it runs or not. */
import { closeSync, constants, openSync } from 'node:fs';
import { EngineError } from '../base/errors.ts';
import { O } from '../kernel/constants.ts';
import type { RootSource } from '../runtime/contract.ts';
import { withUserMarks } from '../runtime/layers.ts';
import { hostMountsOf, specialMounts } from '../runtime/run-mounts.ts';
import { inUserNamespace, type RunOptions } from '../runtime/run-options.ts';
import type { IdMapping, Mount } from '../runtime/spec.ts';
import { toHost, type IdMaps, type IdRange } from '../snapshot/id-map.ts';
import { containerRoot } from './container-root.ts';
import { isRunning } from './container-stop.ts';
import type { ContainerRecord } from './container-record.ts';
import { monitorGone } from './lost.ts';
import { foundMounts } from './mount-points.ts';
import { lives } from './process-id.ts';
import type { EngineParts } from './parts.ts';
import { runOptionsOf } from './run-options-of.ts';
import { inStartTurn } from './start-turn.ts';
import { withView } from './view.ts';

export interface ContainerFiles {
  /** Names the root, in this process: hostile below. */
  readonly root: string;
  /** Between the owners that are seen here, and those that the container sees. */
  readonly ids: IdMaps;
}

/** What is wanted of it: a look at what it sees, a change of that, or a look at its own files, without what is mounted there. */
export type Purpose = 'look' | 'change' | 'own';

/**
 * Opens the files for as long as `use` takes: as the container sees them while it runs (its tmpfs mounts, too), else its
 * layers with the host's files and folders that it is given. While one that does not run is changed, it cannot be started.
 */
export async function withContainerFiles<T>(
  parts: EngineParts,
  record: ContainerRecord,
  purpose: Purpose,
  use: (files: ContainerFiles) => Promise<T>,
): Promise<T> {
  const running = await useRunning(parts, record, purpose, use);
  if (running !== undefined) return running.result;
  if (purpose !== 'change') return useStopped(parts, record, purpose, use);
  return inStartTurn(parts, record.id, async () => {
    const now = parts.store.find(record.id);
    // it may have been started meanwhile
    return ((await useRunning(parts, now, purpose, use)) ?? { result: await useStopped(parts, now, purpose, use) }).result;
  });
}

async function useRunning<T>(
  parts: EngineParts,
  record: ContainerRecord,
  purpose: Purpose,
  use: (files: ContainerFiles) => Promise<T>,
): Promise<{ readonly result: T } | undefined> {
  const process = isRunning(parts, record) ? parts.store.load(record.id)?.process : undefined;
  if (process === undefined) return undefined;
  const ids = idMaps(parts, record, runOptionsOf(record));
  if (purpose === 'own') {
    const at = (mountPoint: string) => ({ kind: 'process', process, mountPoint }) as const;
    return { result: await withView(parts, parts.images().accountsDir, at, (root) => use({ root, ids })) };
  }
  let fd;
  try {
    fd = openSync(`/proc/${process.pid}/root`, O.PATH | constants.O_DIRECTORY);
  } catch {
    return undefined; // it has ended just now
  }
  try {
    // what was opened is of this process, and not of a later one that has got its pid
    if (!lives(process)) return undefined;
    return { result: await use({ root: `/proc/self/fd/${fd}/.`, ids }) };
  } finally {
    closeSync(fd);
  }
}

async function useStopped<T>(parts: EngineParts, record: ContainerRecord, purpose: Purpose, use: (files: ContainerFiles) => Promise<T>): Promise<T> {
  const { id, image } = record;
  // where overlays are indexed, a layer for writes is in one mount at a time
  await monitorGone(record.monitor);
  const plain = runOptionsOf(record);
  const { options } = purpose === 'own' ? { options: { ...plain, mounts: [] } } : await foundMounts(parts, record, plain);
  const { dir } = parts.store.paths(id);
  const files = { hostname: `${dir}/hostname`, hosts: `${dir}/hosts`, resolvConf: `${dir}/resolv.conf` };
  const special = specialMounts(options);
  // not what lies in another container, which can lead anywhere
  const shown = ({ destination, source = '' }: Mount) =>
    special.has(destination) || (!/^\/proc\/\d+\/root\//.test(source) && parts.machine.kind(source) !== 'missing');
  const mounts = purpose === 'own' ? [] : hostMountsOf(options, files).filter(shown);
  const { driver, store, accountsDir } = parts.images();
  const view = { mounts, special, readonly: purpose === 'change' && options.readonlyRootfs };
  if (image !== undefined) {
    using _hold = await store.hold();
    const marked = inUserNamespace(options) ? withUserMarks : (root: RootSource) => root;
    const at = (mountPoint: string) => imageRoot(marked(driver.root(image.layers, id, mountPoint)), purpose);
    // on the disk its owners are the container's, in a user namespace, too: its layers are idmapped there
    return withView(parts, accountsDir, at, (root) => use({ root, ids: { uid: [], gid: [] } }), view);
  }
  const folder = await containerRoot(parts, record);
  const maps = idMaps(parts, record, options);
  const owner = toHost(maps.uid, 0);
  const at = (mountPoint: string): RootSource => {
    const root = folder.at(mountPoint, undefined, undefined);
    if (root.kind === 'overlay' && purpose === 'change') {
      throw new EngineError('conflict', `container ${id} is not running: what is written to it now is thrown away, as its root file system is an overlay`);
    }
    return root;
  };
  // where its owners are mapped for the container, they are the container's on the disk
  const mapped = folder.at(accountsDir, undefined, owner).idmap === true;
  return withView(parts, accountsDir, at, (root) => use({ root, ids: mapped ? { uid: [], gid: [] } : maps }), view);
}

/** To be looked at only, what it wrote is one more layer: nothing is made in it, and it may be mounted elsewhere. */
function imageRoot(root: RootSource, purpose: Purpose): RootSource {
  if (root.kind !== 'overlay' || root.upper === undefined) throw new EngineError('internal', 'a container without a layer for its writes');
  if (purpose === 'change') return root;
  const { upper, ...rest } = root;
  return { ...rest, lower: [upper.dir, ...root.lower] };
}

function idMaps({ store }: EngineParts, { id }: ContainerRecord, options: RunOptions): IdMaps {
  const { user } = options.namespaces;
  if (user.kind === 'container') {
    const linux = store.spec(store.find(user.container).id)?.linux ?? store.spec(id)?.linux;
    const ranges = (mappings: readonly IdMapping[] = []): IdRange[] =>
      mappings.map(({ containerID, hostID, size }) => ({ container: containerID, host: hostID, size }));
    return { uid: ranges(linux?.uidMappings), gid: ranges(linux?.gidMappings) };
  }
  const { uidMap, gidMap } = options;
  return { uid: uidMap.length > 0 ? uidMap : gidMap, gid: gidMap.length > 0 ? gidMap : uidMap };
}
