/** What a build takes from caches that are elsewhere, and what it leaves there. */
import type { Digest } from '../base/digest.ts';
import type { StepRecord } from '../build/cache.ts';
import type { BuildRequest } from '../build/contract.ts';
import type { Vertex } from '../build/progress.ts';
import { exportCache, importCache, type ImportedRecord } from './build-cache-transfer.ts';
import type { BuiltImage } from './build-image.ts';
import type { BuildParts } from './build-parts.ts';

export interface CachesInput {
  readonly parts: BuildParts;
  readonly request: BuildRequest;
  readonly vertex: (name: string) => Vertex;
  readonly signal: AbortSignal;
}

/** By their keys. As BuildKit: without one that cannot be had the build takes longer. */
export async function importCaches({ parts, request, vertex, signal }: CachesInput): Promise<ReadonlyMap<Digest, ImportedRecord>> {
  const all = new Map<Digest, ImportedRecord>();
  for (const place of request.cacheFrom ?? []) {
    if (place.type === 'inline') continue;
    const shown = vertex(`importing cache manifest from ${place.attributes['ref'] ?? place.attributes['src'] ?? place.type}`);
    const found = await shown.run(() => importCache(parts, place, request, signal)).catch(() => undefined);
    for (const [key, record] of found ?? []) all.set(key, record);
  }
  return all;
}

/** Gives what the client has to know of them. */
export async function exportCaches(
  { parts, request, vertex, signal }: CachesInput,
  records: readonly StepRecord[],
  built: BuiltImage,
): Promise<Readonly<Record<string, string>>> {
  let told = {};
  for (const place of request.cacheTo ?? []) {
    if (place.type === 'inline') continue;
    const chosen = place.attributes['mode'] === 'max' ? records : inResult(records, built);
    const shown = vertex(place.type === 'local' ? 'exporting cache to client directory' : 'exporting cache to registry');
    const work = shown.run(() => exportCache(parts, place, chosen, request, signal));
    told = { ...told, ...(await (place.attributes['ignore-error'] === 'true' ? work.catch(() => ({})) : work)) };
  }
  return told;
}

/** `mode=min`: the steps whose layers the result has. */
export function inResult(records: readonly StepRecord[], { layers }: BuiltImage): StepRecord[] {
  const there = new Set(layers.map(({ diffId }) => diffId));
  return records.filter(({ layer }) => there.has(layer.diffId));
}
