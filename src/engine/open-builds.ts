/** Opens what builds work with. */
import { mkdirSync } from 'node:fs';
import { Turns } from '../base/turns.ts';
import { BuildCache } from '../build/cache.ts';
import { Flights } from '../build/flights.ts';
import { CacheCollector } from './build-collector.ts';
import { collectCache } from './build-gc.ts';
import { sweepBuilds, type BuildParts } from './build-parts.ts';
import { Plans } from './build-plans.ts';
import type { EngineParts } from './parts.ts';

/** The folder of builds below the data root. */
export function buildFolder(dataRoot: string): string {
  return `${dataRoot}/build`;
}

/** Makes what is missing, and removes what killed builds have left. */
export function openBuilds(engine: EngineParts, { gc, forbidden }: Pick<BuildParts, 'gc' | 'forbidden'>): BuildParts {
  const dir = buildFolder(engine.dataRoot);
  for (const name of ['work', 'mounts']) mkdirSync(`${dir}/${name}`, { recursive: true, mode: 0o700 });
  const cache = new BuildCache(`${dir}/steps`);
  sweepBuilds(engine, dir);
  if (engine.owned) cache.sweep();
  const collector = new CacheCollector(() => collectCache(parts), { background: engine.owned, stamp: `${dir}/collected` });
  const parts: BuildParts = {
    engine,
    cache,
    flights: new Flights(),
    dir,
    accounts: new Map(),
    plans: new Plans(),
    copying: new Turns(1),
    building: new Set(),
    kept: [],
    forbidden,
    gc,
    collector,
  };
  return parts;
}
