/** Use cases: the volumes that there are, by name, and what they take. */
import { EngineError, invalid } from '../base/errors.ts';
import type { VolumeRecord } from '../volume/contract.ts';
import { mountsOfRecord } from './mounts-asked.ts';
import { checkFilters, hasLabel, pattern } from './filters.ts';
import type { EngineParts } from './parts.ts';
import type { Filters } from './types/system.ts';
import type { Volume } from './types/volume.ts';
import { volumeDocument } from './volume-create.ts';

/** Ids of the containers that have each volume, whether they run or not. */
export function volumeUsers({ store }: EngineParts): ReadonlyMap<string, readonly string[]> {
  const users = new Map<string, string[]>();
  for (const record of store.all()) {
    for (const name of new Set(mountsOfRecord(record).flatMap((mount) => mount.name ?? []))) {
      const known = users.get(name);
      if (known === undefined) users.set(name, [record.id]);
      else known.push(record.id);
    }
  }
  return users;
}

export function listVolumes(parts: EngineParts, filters: Filters): readonly Volume[] {
  checkFilters(filters, ['dangling', 'driver', 'label', 'name']);
  const { dangling = [], driver = [], label = [], name = [] } = filters;
  const wanted = danglingFilter(dangling);
  const named = pattern(name);
  const users = wanted === undefined ? undefined : volumeUsers(parts);
  return parts.volumes.store
    .list()
    .filter(
      (volume) =>
        (wanted === undefined || (volume.pending === undefined && !users!.has(volume.name)) === wanted) && (driver.length === 0 || driver.includes('local')),
    )
    .filter((volume) => label.every((each) => hasLabel(volume.labels ?? {}, each)) && (name.length === 0 || named(volume.name)))
    .map((volume) => volumeDocument(parts, volume));
}

function danglingFilter(values: readonly string[]): boolean | undefined {
  if (values.length === 0) return undefined;
  const [wanted, ...more] = new Set(values.map((value) => (/^(1|true)$/.test(value) ? true : /^(0|false)$/.test(value) ? false : undefined)));
  if (wanted === undefined || more.length > 0) throw invalid(`invalid filter 'dangling=[${values.join(' ')}]'`);
  return wanted;
}

/** Throws Docker's `not-found`. */
export function findVolume({ volumes }: EngineParts, name: string): VolumeRecord {
  const found = volumes.store.load(name);
  if (found === undefined) throw new EngineError('not-found', `get ${name}: no such volume`);
  return found;
}

/** With sizes, in bytes. As in Docker, only those whose files are here for sure: without options of their own. */
export async function volumeUsage(parts: EngineParts): Promise<readonly Volume[]> {
  const users = volumeUsers(parts);
  const volumes = parts.volumes.store.list().filter(({ options }) => options === null);
  return Promise.all(
    volumes.map(async (volume) => ({
      ...volumeDocument(parts, volume),
      UsageData: { RefCount: users.get(volume.name)?.length ?? 0, Size: await volumeSize(parts, volume.name) },
    })),
  );
}

/** In bytes; 0 for one that has gone just now. */
export async function volumeSize(parts: EngineParts, name: string): Promise<number> {
  try {
    return (await parts.images().driver.rooted.usage(parts.volumes.store.mountpoint(name))).contentSize;
  } catch {
    return 0;
  }
}
