/** Use cases: volumes go, by name, with their container, or because nobody has them. */
import { parseBool } from '../base/parse-bool.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { FileLock } from '../kernel/contract.ts';
import { mountsOfRecord } from './mounts-asked.ts';
import type { ContainerRecord } from './container-record.ts';
import { checkFilters, hasLabel } from './filters.ts';
import type { EngineParts } from './parts.ts';
import { ownerLives, processId } from './process-id.ts';
import type { Filters } from './types/system.ts';
import type { VolumesPruned } from './types/volume.ts';
import { ANONYMOUS } from './volume-create.ts';
import { finishFill, isHalfFilled } from './volume-fill.ts';
import { findVolume, volumeSize, volumeUsers } from './volume-list.ts';

export async function removeVolume(parts: EngineParts, name: string, force: boolean): Promise<void> {
  const { store, locks } = parts.volumes;
  if (force && store.load(name) === undefined) return;
  findVolume(parts, name);
  using lock = await locks.lock(store.lockPath(name, 'use'), 'exclusive');
  const users = volumeUsers(parts).get(name);
  if (users !== undefined) throw new EngineError('conflict', `remove ${name}: volume is in use - [${users.join(', ')}]`);
  if (!removeHeld(parts, name, lock) && !force) findVolume(parts, name);
}

/** The lock is exclusive: nobody begins to use it. False: it was not there. */
function removeHeld({ volumes: { store }, events }: EngineParts, name: string, _lock: FileLock): boolean {
  const removed = store.remove(name);
  if (removed) events.emit('volume', 'destroy', name, { driver: 'local' });
  return removed;
}

/**
 * Those of a container's volumes that nobody gave a name, and that no other container has, or is about to. Before the
 * container goes: of whoever is killed between, the next sweep takes the container, too.
 */
export function removeAnonymous(parts: EngineParts, record: ContainerRecord): void {
  const { store, locks } = parts.volumes;
  for (const { name = '', anonymous = false } of mountsOfRecord(record)) {
    if (!anonymous || name === '' || store.load(name) === undefined) continue;
    using lock = locks.tryLock(store.lockPath(name, 'use'), 'exclusive');
    if (lock === undefined) continue;
    if ((volumeUsers(parts).get(name) ?? []).some((id) => id !== record.id)) continue;
    parts.store.note(record.id, { maker: processId(process.pid), removing: true });
    removeHeld(parts, name, lock);
  }
}

/** Filters: `all` (not only anonymous ones), `label`, `label!`. As in Docker, none with options of its own: its files are elsewhere. */
export async function pruneVolumes(parts: EngineParts, filters: Filters): Promise<VolumesPruned> {
  checkFilters(filters, ['all', 'label', 'label!']);
  const { label = [], 'label!': without = [] } = filters;
  const all = allFilter(filters['all'] ?? []);
  const { store, locks } = parts.volumes;
  const VolumesDeleted: string[] = [];
  let SpaceReclaimed = 0;
  for (const { name, labels, options, pending } of store.list()) {
    const has = (wanted: string) => hasLabel(labels ?? {}, wanted);
    if (pending !== undefined || options !== null || (!all && !has(ANONYMOUS)) || !label.every(has) || without.some(has)) continue;
    // one that somebody is about to use is left
    using lock = locks.tryLock(store.lockPath(name, 'use'), 'exclusive');
    if (lock === undefined || volumeUsers(parts).has(name)) continue;
    const bytes = await volumeSize(parts, name);
    if (!removeHeld(parts, name, lock)) continue;
    VolumesDeleted.push(name);
    SpaceReclaimed += bytes;
  }
  parts.events.emit('volume', 'prune', '', { reclaimed: String(SpaceReclaimed) });
  return { VolumesDeleted, SpaceReclaimed };
}

function allFilter(values: readonly string[]): boolean {
  const read = (value: string) => {
    const all = parseBool(value);
    if (all !== undefined) return all;
    throw invalid(`invalid filter 'all': strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
  };
  if (values.length > 1) throw invalid("invalid filter 'all': only one value is expected");
  return values.length === 1 && read(values[0]!);
}

/** What killed processes left: volumes on their way in or out, those of containers that never came to be, half-copied content. */
export function sweepVolumes({ volumes: { store, locks }, store: containers }: EngineParts): void {
  store.tidy();
  for (const { name, pending } of store.list()) {
    if (isHalfFilled(store.folder(name))) {
      using lock = locks.tryLock(store.lockPath(name, 'fill'), 'exclusive');
      if (lock !== undefined) finishFill(store.folder(name));
    }
    if (pending === undefined) continue;
    if (containers.load(pending.container) !== undefined) store.settle(name);
    else if (!ownerLives(pending.maker)) store.remove(name);
  }
}
