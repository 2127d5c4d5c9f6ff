/** Garbage collection of the build cache: what goes by size and by age, as BuildKit's rules have it. */
import { recordFilter } from './cache-filter.ts';
import type { CacheGcSettings, CacheRecord, Prunable, PruneOptions } from './contract.ts';

/** Of the file system that the cache is on, in bytes. */
export interface Disk {
  readonly total: number;
  /** What can still be written. */
  readonly free: number;
}

const HOUR = 3600_000;
/** Bytes: what is made again easily may take so much. */
const EASY = 512e6;
/** Bytes: no more than this is kept on a disk that is full. */
const MOST_RESERVED = 10e9;

/** The rules that are applied after a build, one after the other; none where it is turned off. */
export function gcRules({ enabled = true, rules, reservedSpace, maxUsedSpace, minFreeSpace }: CacheGcSettings, { total }: Disk): readonly PruneOptions[] {
  if (!enabled) return [];
  if (rules !== undefined) return rules;
  const limits = {
    reservedSpace: reservedSpace || Math.min(MOST_RESERVED, part(total, 0.1)),
    maxUsedSpace: maxUsedSpace || part(total, 0.8),
    minFreeSpace: minFreeSpace || part(total, 0.2),
  };
  return [
    // what is made again most easily, when nobody wanted it for two days
    { filters: { type: ['source.local', 'exec.cachemount', 'source.git.checkout'] }, keepDuration: 48 * HOUR, maxUsedSpace: EASY },
    // what nobody wanted for 60 days
    { keepDuration: 60 * 24 * HOUR, ...limits },
    // what no image has
    limits,
    { all: true, ...limits },
  ];
}

/** Rounded up to a gigabyte. */
function part(bytes: number, share: number): number {
  return (Math.floor((bytes * share) / 2 ** 30) + 1) * 1e9;
}

/** Bytes that may stay; undefined where nothing is said of sizes. Zeros say nothing. */
export function keptBytes(total: number, free: number, { reservedSpace = 0, maxUsedSpace = 0, minFreeSpace = 0 }: PruneOptions): number | undefined {
  if (reservedSpace === 0 && maxUsedSpace === 0 && minFreeSpace === 0) return undefined;
  const missing = minFreeSpace - free;
  const most = maxUsedSpace === 0 && minFreeSpace !== 0 ? total : maxUsedSpace;
  return Math.max(missing > 0 ? Math.min(most, total - missing) : most, reservedSpace);
}

/**
 * Removes what the options mean, and no more than their sizes ask for: what was used least and longest ago first, what
 * others were made of after them. Never what is in use. Gives them with the bytes that each has freed as its size. Throws
 * `invalid` for a filter that is none.
 */
export function prune(entries: readonly Prunable[], options: PruneOptions, { free }: Disk, now = Date.now()): CacheRecord[] {
  const wanted = recordFilter(options, now);
  // what images have takes no room of the cache's own
  let total = entries.reduce((sum, { record }) => sum + (record.shared ? 0 : record.size), 0);
  const left = new Map<string, { size: number; records: number }>();
  for (const { content, record } of entries) {
    if (content === undefined) continue;
    const { size, records } = left.get(content) ?? { size: 0, records: 0 };
    left.set(content, { size: Math.max(size, record.size), records: records + 1 });
  }
  const freedBy = ({ content, record }: Prunable): number => {
    const same = content === undefined ? undefined : left.get(content);
    if (same === undefined) return record.size;
    return --same.records === 0 ? same.size : 0;
  };
  const kept = keptBytes(total, free, options);
  const children = new Map<string, number>();
  for (const { record } of entries) for (const parent of record.parents) children.set(parent, (children.get(parent) ?? 0) + 1);
  const rank = ranks(entries);
  const chosen = new Map(entries.filter(({ record }) => !record.inUse && wanted(record)).map((entry) => [entry.record.id, entry]));
  const ready = new Heap<Prunable>((a, b) => rank.get(a)! - rank.get(b)!);
  for (const entry of chosen.values()) if (!children.has(entry.record.id)) ready.add(entry);
  const removed: CacheRecord[] = [];
  for (let entry = ready.take(); entry !== undefined && (kept === undefined || total > kept); entry = ready.take()) {
    if (!entry.remove()) continue;
    const size = freedBy(entry);
    removed.push({ ...entry.record, size });
    if (!entry.record.shared) total -= size;
    for (const parent of entry.record.parents) {
      const others = children.get(parent)! - 1;
      children.set(parent, others);
      const next = chosen.get(parent);
      if (others === 0 && next !== undefined) ready.add(next);
    }
  }
  return removed;
}

/** By the place among the times of last use, and among the counts of uses, both from 0 to 1: the least goes first. */
function ranks(entries: readonly Prunable[]): Map<Prunable, number> {
  const sums = new Map<Prunable, number>();
  for (const value of [({ record }: Prunable) => record.lastUsedAt ?? 0, ({ record }: Prunable) => record.usageCount]) {
    const values = [...new Set(entries.map(value))].sort((a, b) => a - b);
    const place = new Map(values.map((each, index) => [each, (index + 1) / values.length]));
    for (const entry of entries) sums.set(entry, (sums.get(entry) ?? 0) + place.get(value(entry))!);
  }
  return sums;
}

/** A binary heap. */
class Heap<T> {
  readonly #items: T[] = [];
  readonly #compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  add(item: T): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    for (let up = (at - 1) >> 1; at > 0 && this.#compare(item, items[up]!) < 0; at = up, up = (at - 1) >> 1) items[at] = items[up]!;
    items[at] = item;
  }

  /** The least; undefined where there is none. */
  take(): T | undefined {
    const items = this.#items;
    const [first] = items;
    const last = items.pop();
    if (last === undefined || items.length === 0) return first;
    let at = 0;
    for (let down = 1; down < items.length; at = down, down = 2 * at + 1) {
      if (down + 1 < items.length && this.#compare(items[down + 1]!, items[down]!) < 0) down++;
      if (this.#compare(last, items[down]!) <= 0) break;
      items[at] = items[down]!;
    }
    items[at] = last;
    return first;
  }
}
