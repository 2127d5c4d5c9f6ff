/** What the build cache has, and what of it goes. */
import { digestHex } from '../base/digest.ts';
import { statfsSync } from 'node:fs';
import type { KeptRecord } from '../build/cache.ts';
import { gcRules, prune, type Disk } from '../build/cache-gc.ts';
import type { CacheRecord, Prunable, PruneOptions } from '../build/contract.ts';
import { cacheMountInUse, cacheMounts, removeCacheMount, type CacheMount } from './build-cache-mounts.ts';
import type { BuildParts } from './build-parts.ts';
import { collectGarbage } from './image-remove.ts';

export async function cacheUsage(parts: BuildParts): Promise<CacheRecord[]> {
  return (await entries(parts)).map(({ record }) => record);
}

async function entries(parts: BuildParts): Promise<Prunable[]> {
  const steps = parts.cache.list();
  const used = usedLayers(parts);
  const ids = new Set(steps.map(({ key }) => key));
  const mounts = await Promise.all(cacheMounts(parts).map((mount) => mountEntry(parts, mount)));
  const building = new Set([...parts.building].flatMap((keys) => [...keys]));
  const told = new Set<string>();
  const entriesOfSteps = steps
    .toSorted((a, b) => a.createdAt - b.createdAt)
    .map((step) => {
      const { diffId } = step.layer;
      const again = told.has(diffId);
      told.add(diffId);
      return stepEntry(parts, again ? { ...step, size: 0 } : step, used, ids, building.has(step.key));
    });
  return [...entriesOfSteps, ...mounts.filter((entry) => entry !== undefined), ...parts.kept.flatMap((list) => list())];
}

/** Layers that images have. */
function usedLayers({ engine }: BuildParts): ReadonlySet<string> {
  const { store } = engine.images();
  const layers = new Set<string>();
  for (const { id } of store.list()) {
    for (const entry of store.entriesOf(id).slice(0, 1)) for (const diffId of store.documents(entry.target.digest).config.rootfs.diff_ids) layers.add(diffId);
  }
  return layers;
}

function idOf(key: CacheRecord['id']): string {
  return key.slice(0, 25);
}

function stepEntry({ cache, building }: BuildParts, step: KeptRecord, used: ReadonlySet<string>, there: ReadonlySet<string>, inUse: boolean): Prunable {
  const { key, parent, description, size, createdAt, lastUsedAt, usageCount, layer } = step;
  return {
    record: {
      id: idOf(digestHex(key)),
      parents: parent === undefined || !there.has(parent) ? [] : [idOf(digestHex(parent))],
      type: 'regular',
      description,
      inUse,
      shared: used.has(layer.diffId),
      size,
      createdAt,
      lastUsedAt,
      usageCount,
    },
    content: layer.diffId,
    remove() {
      // a build may have come to it meanwhile
      for (const keys of building) if (keys.has(key)) return false;
      cache.remove(key);
      return true;
    },
  };
}

async function mountEntry(parts: BuildParts, mount: CacheMount): Promise<Prunable | undefined> {
  const usage = await parts.engine
    .images()
    .driver.rooted.usage(`${mount.path}/data`)
    .catch(() => undefined);
  if (usage === undefined) return undefined;
  return {
    record: {
      id: idOf(mount.id),
      parents: [],
      type: 'exec.cachemount',
      description: `cached mount ${mount.name}`,
      inUse: cacheMountInUse(parts, mount),
      shared: false,
      size: usage.bytes,
      createdAt: mount.createdAt,
      lastUsedAt: mount.lastUsedAt,
      usageCount: 1,
    },
    remove: () => removeCacheMount(parts, mount),
  };
}

/** One at a time: what is too much is counted. Throws `invalid` for a filter that is none. */
export function pruneCache(parts: BuildParts, options: PruneOptions): Promise<{ removed: string[]; bytes: number; records: CacheRecord[] }> {
  return parts.collector.inTurn(async () => {
    const records = prune(await entries(parts), options, disk(parts));
    await collectLayers(parts, records.length);
    return { removed: records.map(({ id }) => id), bytes: own(records), records };
  });
}

/** Bytes that the cache alone has. */
function own(records: Iterable<CacheRecord>): number {
  let bytes = 0;
  for (const { size, shared } of records) if (!shared) bytes += size;
  return bytes;
}

/** Applies the rules. */
export function collectCache(parts: BuildParts): Promise<void> {
  return parts.collector.inTurn(async () => {
    let left = await entries(parts);
    const { total, free } = disk(parts);
    const removed = new Set<CacheRecord>();
    for (const rule of cacheRules(parts)) {
      // what went by the rules before is not yet free on the disk
      for (const record of prune(left, rule, { total, free: free + own(removed) })) removed.add(record);
      left = left.filter(({ record }) => !removed.has(record));
    }
    await collectLayers(parts, removed.size);
  });
}

/** As they are for the disk that the cache is on. */
export function cacheRules(parts: BuildParts): readonly PruneOptions[] {
  return gcRules(parts.gc, disk(parts));
}

function disk({ dir }: BuildParts): Disk {
  const { blocks, bavail, bsize } = statfsSync(dir);
  return { total: blocks * bsize, free: bavail * bsize };
}

/** Layers go when nobody builds; also what somebody could not collect then. */
async function collectLayers({ engine }: BuildParts, removed: number): Promise<void> {
  const images = engine.images();
  if (removed > 0) images.store.wantCollect();
  if (images.store.wantsCollect) await collectGarbage(images);
}
