/** What the build cache has, and what of it goes. */
import { digestHex } from '../base/digest.ts';
import { statfsSync } from 'node:fs';
import { invalid } from '../base/errors.ts';
import type { KeptRecord } from '../build/cache.ts';
import type { CacheRecord, PruneOptions } from '../build/contract.ts';
import { cacheMounts, removeCacheMount, type CacheMount } from './build-cache-mounts.ts';
import type { BuildParts } from './build-parts.ts';
import { collectGarbage } from './image-remove.ts';

/** What the cache may take: this part of the disk, and never less than so many bytes. */
const SHARE = 0.1;
const LEAST = 2 * 2 ** 30;
/** Milliseconds: what was not used for so long goes, 60 days. */
const MAX_AGE = 60 * 24 * 3600_000;

interface Entry {
  readonly record: CacheRecord;
  /** False where it is in use. */
  remove(): boolean;
}

export async function cacheUsage(parts: BuildParts): Promise<CacheRecord[]> {
  return (await entries(parts)).map(({ record }) => record);
}

async function entries(parts: BuildParts): Promise<Entry[]> {
  const steps = parts.cache.list();
  const used = usedLayers(parts);
  const ids = new Set(steps.map(({ key }) => key));
  const mounts = await Promise.all(cacheMounts(parts).map((mount) => mountEntry(parts, mount)));
  return [...steps.map((step) => stepEntry(parts, step, used, ids)), ...mounts.filter((entry) => entry !== undefined)];
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

function stepEntry({ cache }: BuildParts, step: KeptRecord, used: ReadonlySet<string>, there: ReadonlySet<string>): Entry {
  const { key, parent, description, size, createdAt, lastUsedAt, usageCount, layer } = step;
  return {
    record: {
      id: idOf(digestHex(key)),
      parents: parent === undefined || !there.has(parent) ? [] : [idOf(digestHex(parent))],
      type: 'regular',
      description,
      inUse: false,
      shared: used.has(layer.diffId),
      size,
      createdAt,
      lastUsedAt,
      usageCount,
    },
    remove() {
      cache.remove(key);
      return true;
    },
  };
}

async function mountEntry(parts: BuildParts, mount: CacheMount): Promise<Entry | undefined> {
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
      inUse: false,
      shared: false,
      size: usage.bytes,
      createdAt: mount.createdAt,
      lastUsedAt: mount.lastUsedAt,
      usageCount: 1,
    },
    remove: () => removeCacheMount(parts, mount),
  };
}

/** Throws `invalid` for a filter that is none. */
export async function pruneCache(parts: BuildParts, options: PruneOptions): Promise<{ removed: string[]; bytes: number; records: CacheRecord[] }> {
  const wanted = recordFilter(options);
  const all = (await entries(parts)).toSorted((a, b) => (a.record.lastUsedAt ?? 0) - (b.record.lastUsedAt ?? 0));
  let left = all.reduce((sum, { record }) => sum + record.size, 0);
  const limits = [options.reservedSpace, options.maxUsedSpace].filter((limit) => limit !== undefined && limit > 0) as number[];
  const keep = limits.length === 0 ? undefined : Math.max(...limits);
  const records: CacheRecord[] = [];
  for (const entry of all) {
    if (!wanted(entry.record) || (keep !== undefined && left <= keep) || !entry.remove()) continue;
    left -= entry.record.size;
    records.push(entry.record);
  }
  if (records.length > 0) {
    const images = parts.engine.images();
    images.store.wantCollect();
    await collectGarbage(images);
  }
  const bytes = records.reduce((sum, { size, shared }) => sum + (shared ? 0 : size), 0);
  return { removed: records.map(({ id }) => id), bytes, records };
}

const KEYS = ['until', 'unused-for', 'id', 'parent', 'type', 'description', 'inuse', 'mutable', 'immutable', 'shared', 'private'];

function recordFilter({ all = false, filters = {} }: PruneOptions): (record: CacheRecord) => boolean {
  for (const key of Object.keys(filters)) if (!KEYS.includes(key)) throw invalid(`invalid filter '${key}'`);
  const now = Date.now();
  const ages = [...(filters['until'] ?? []), ...(filters['unused-for'] ?? [])].map((text) => ageOf(text, now));
  const oneOf = (key: string, value: string, match = (wanted: string) => value === wanted) =>
    (filters[key] ?? []).every((wanted) => wanted === value || match(wanted));
  return (record) =>
    (all || !record.shared) &&
    ages.every((age) => now - (record.lastUsedAt ?? record.createdAt) >= age) &&
    oneOf('id', record.id, (wanted) => record.id.startsWith(wanted)) &&
    oneOf('type', record.type) &&
    oneOf('description', record.description, (wanted) => record.description.includes(wanted)) &&
    oneOf('parent', record.parents[0] ?? '') &&
    (filters['inuse'] === undefined || record.inUse) &&
    (filters['shared'] === undefined || record.shared) &&
    (filters['private'] === undefined || !record.shared);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3600_000 };

/** Milliseconds of Go's durations (`24h`, `1h30m`), or since a time. */
function ageOf(text: string, now: number): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length > 0 && parts.map(([part]) => part).join('') === text) return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0);
  const time = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isNaN(time)) throw invalid(`invalid filter until: ${JSON.stringify(text)}`);
  return Math.max(0, now - time);
}

/** After a build: what is old, and the oldest of what is too much. Layers go when nobody builds. */
export function collectCache(parts: BuildParts): void {
  const { dir, cache, engine } = parts;
  const now = Date.now();
  const { blocks, bsize } = statfsSync(dir);
  const most = Math.max(LEAST, blocks * bsize * SHARE);
  const steps = cache.list().toSorted((a, b) => b.lastUsedAt - a.lastUsedAt);
  let sum = 0;
  let removed = 0;
  for (const { key, size, lastUsedAt } of steps) {
    sum += size;
    if (sum <= most && now - lastUsedAt < MAX_AGE) continue;
    cache.remove(key);
    removed++;
  }
  for (const mount of cacheMounts(parts)) if (now - mount.lastUsedAt > MAX_AGE && removeCacheMount(parts, mount)) removed++;
  if (removed > 0) engine.images().store.wantCollect();
}
