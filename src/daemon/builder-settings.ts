/** `builder` of dockerd's configuration file: what of the build cache goes after builds, what builds may have, which builds are remembered. */
import { parseDuration } from '../base/durations.ts';
import { invalid } from '../base/errors.ts';
import type { HistoryLimits } from '../buildkit/job.ts';
import { sizeBytes } from '../base/sizes.ts';
import type { CacheGcSettings, PruneOptions } from '../engine/builds-contract.ts';

type Document = ReadonlyMap<string, unknown>;

/** Throws `invalid` in dockerd's words where it has some. Names are compared as dockerd's are: without regard to case. */
export function builderGc(builder: unknown): CacheGcSettings {
  const gc = documentOf(documentOf(builder, 'builder').get('gc'), 'builder.gc');
  const policy = gc.get('policy');
  return {
    enabled: typed(gc, 'enabled', 'boolean') ?? true,
    ...(policy === undefined || policy === null ? {} : { rules: list(policy, 'builder.gc.policy').map(rule) }),
    reservedSpace: size(gc, 'defaultReservedSpace') ?? size(gc, 'defaultKeepStorage'),
    maxUsedSpace: size(gc, 'defaultMaxUsedSpace'),
    minFreeSpace: size(gc, 'defaultMinFreeSpace'),
  };
}

const ENTITLEMENTS = [
  { key: 'network-host', name: 'network.host', allowed: true },
  { key: 'security-insecure', name: 'security.insecure', allowed: false },
  { key: 'device', name: 'device', allowed: true },
] as const;

/** What no build is granted, by BuildKit's names. Throws `invalid`. */
export function forbiddenEntitlements(builder: unknown): readonly string[] {
  const given = documentOf(documentOf(builder, 'builder').get('entitlements'), 'builder.entitlements');
  return ENTITLEMENTS.flatMap(({ key, name, allowed }) => {
    const value = given.get(key) ?? allowed;
    if (typeof value !== 'boolean') throw invalid(`builder.entitlements: ${key} in the configuration file must be a boolean`);
    return value ? [] : [name];
  });
}

/** As BuildKit: who is beyond the number goes when it is of that age. Throws `invalid`. */
export function builderHistory(builder: unknown): HistoryLimits {
  const given = documentOf(documentOf(builder, 'builder').get('history'), 'builder.history');
  const [entries, age] = [given.get('maxentries') ?? undefined, given.get('maxage') ?? undefined];
  if (entries !== undefined && !(Number.isSafeInteger(entries) && (entries as number) >= 0))
    throw invalid('builder.history: maxEntries in the configuration file must be a whole number');
  // a number alone is of seconds
  const maxAge = typeof age !== 'string' ? undefined : /^\d{1,10}$/.test(age) ? Number(age) * 1000 : parseDuration(age);
  if (age !== undefined && (maxAge === undefined || maxAge < 0))
    throw invalid("builder.history: maxAge in the configuration file must be a duration (e.g., '48h')");
  return { maxEntries: entries as number | undefined, maxAge };
}

function rule(given: unknown): PruneOptions {
  const document = documentOf(given, 'builder.gc.policy');
  const { ages, filters } = filtersOf(document.get('filter'));
  const durations = [document.get('keepduration') ?? []].flat().map((each) => duration(each, 'keepDuration'));
  return {
    all: typed(document, 'all', 'boolean') ?? false,
    filters,
    keepDuration: Math.max(0, ...ages, ...durations),
    reservedSpace: size(document, 'reservedSpace') ?? size(document, 'keepStorage'),
    maxUsedSpace: size(document, 'maxUsedSpace'),
    minFreeSpace: size(document, 'minFreeSpace'),
  };
}

/** `["unused-for=48h", "type==source.local,type==exec.cachemount"]`, or `{"type": {"exec.cachemount": true}}`. */
function filtersOf(given: unknown): { readonly ages: number[]; readonly filters: Record<string, string[]> } {
  const ages: number[] = [];
  const filters: Record<string, string[]> = {};
  for (const text of filterTexts(given)) {
    for (const part of text.split(',')) {
      const [, key = '', value = 'true'] = /^\s*([\w!-]+?)\s*(?:(?:=|==|~=)\s*"?([^"=]*?)"?\s*)?$/.exec(part) ?? [];
      const name = key.toLowerCase();
      if (name === 'until' || name === 'unused-for') ages.push(duration(value, name));
      else if (KEYS.includes(name)) (filters[name] ??= []).push(value);
      else throw invalid(`could not get builder GC policy: invalid filter '${part}'`);
    }
  }
  return { ages, filters };
}

const KEYS = ['id', 'parent', 'type', 'description', 'inuse', 'shared', 'private'];

function filterTexts(given: unknown): string[] {
  if (given === undefined || given === null) return [];
  if (Array.isArray(given) && given.every((each) => typeof each === 'string')) return given;
  if (typeof given === 'object' && !Array.isArray(given)) {
    return Object.entries(given).flatMap(([key, values]) => Object.keys((values ?? {}) as object).map((value) => `${key}=${value}`));
  }
  throw invalid('builder.gc.policy.filter in the configuration file must be a list of strings');
}

function documentOf(value: unknown, name: string): Document {
  if (value === undefined || value === null) return new Map();
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(`${name} in the configuration file must be an object`);
  return new Map(Object.entries(value).map(([key, each]) => [key.toLowerCase(), each]));
}

function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(`${name} in the configuration file must be a list`);
  return value;
}

function typed(document: Document, key: string, type: 'boolean'): boolean | undefined {
  const value = document.get(key.toLowerCase()) ?? undefined;
  if (value !== undefined && typeof value !== type) throw invalid(`builder.gc: ${key} in the configuration file must be a ${type}`);
  return value as boolean | undefined;
}

/** Bytes; zero and nothing are the same. */
function size(document: Document, key: string): number | undefined {
  const value = document.get(key.toLowerCase()) ?? undefined;
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string') throw invalid(`builder.gc: ${key} in the configuration file must be a string`);
  try {
    return sizeBytes(value) || undefined;
  } catch (error) {
    throw invalid(`could not get builder GC policy: failed to parse ${key}: ${(error as Error).message}`);
  }
}

/** Milliseconds of `48h`, `1h30m`. */
function duration(value: unknown, key: string): number {
  const milliseconds = typeof value === 'string' ? parseDuration(value) : undefined;
  if (milliseconds === undefined || milliseconds < 0)
    throw invalid(`could not get builder GC policy: ${JSON.stringify(key)} filter expects a duration (e.g., '24h')`);
  return milliseconds;
}
