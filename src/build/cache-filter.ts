/** Which records of the build cache somebody means, in docker's filters. */
import { parseDuration } from '../base/durations.ts';
import { invalid } from '../base/errors.ts';
import type { CacheRecord, PruneOptions } from './contract.ts';

const KEYS = ['until', 'unused-for', 'id', 'parent', 'parents', 'type', 'description', 'inuse', 'mutable', 'immutable', 'shared', 'private', 'label', 'label!'];
/** What a build writes to again and again. */
const MUTABLE = ['source.local', 'exec.cachemount'];

/** Whether a record is meant; `now` in milliseconds since 1970. Throws `invalid` in docker's words for a filter that is none. */
export function recordFilter({ all = false, filters = {}, keepDuration = 0 }: PruneOptions, now: number): (record: CacheRecord) => boolean {
  for (const key of Object.keys(filters)) if (!KEYS.includes(key)) throw invalid(`invalid filter '${key}'`);
  const values = (key: string): readonly string[] => filters[key] ?? [];
  if (values('until').length > 0 && values('unused-for').length > 0) throw invalid('conflicting filters: "until" and "unused-for"');
  const ages = ['until', 'unused-for'].flatMap((key) => values(key).map((text) => ageOf(text, key, now)));
  if (ages.length > 1) throw invalid('filters expect only one value');
  const age = Math.max(keepDuration, ...ages);
  const every = (key: string, fits: (wanted: string) => boolean) => values(key).every(fits);
  const flag = (key: string, is: boolean) => every(key, (wanted) => (wanted === 'false' || wanted === '0' ? !is : is));
  return (record) => {
    const mutable = MUTABLE.includes(record.type);
    return (
      (all || !(record.shared || record.type === 'internal' || record.type === 'frontend')) &&
      (age === 0 || now - (record.lastUsedAt ?? record.createdAt) >= age) &&
      every('id', (wanted) => record.id.includes(wanted)) &&
      (filters['type'] === undefined || values('type').includes(record.type)) &&
      every('description', (wanted) => record.description.includes(wanted)) &&
      [...values('parent'), ...values('parents')].every((wanted) => record.parents.includes(wanted)) &&
      flag('inuse', record.inUse) &&
      flag('shared', record.shared) &&
      flag('private', !record.shared) &&
      flag('mutable', mutable) &&
      flag('immutable', !mutable)
    );
  };
}

/** Milliseconds of Go's durations (`24h`, `1h30m`), or since a time. */
function ageOf(text: string, key: string, now: number): number {
  const duration = parseDuration(text);
  if (duration !== undefined && !/^\d+$/.test(text)) return Math.max(0, duration);
  const time = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isNaN(time)) throw invalid(`${JSON.stringify(key)} filter expects a duration (e.g., '24h') or a timestamp: ${JSON.stringify(text)}`);
  return Math.max(0, now - time);
}
