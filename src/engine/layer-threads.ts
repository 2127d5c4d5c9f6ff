/** Starts layer workers. */
import { existsSync, realpathSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { EngineError } from '../base/errors.ts';
import { startHelperThreads } from '../kernel/linux/helper-threads.ts';

/** The worker beside a bundle, or its source beside this one. */
export function findLayerWorker(): string {
  // a bundled CJS file has __dirname and no import.meta; the sources have it the other way round
  const here = typeof __dirname === 'string' ? __dirname : import.meta.dirname;
  const found = [`${here}/layer-worker.cjs`, `${here}/layer-worker.ts`].find((path) => existsSync(path));
  if (found !== undefined) return realpathSync(found);
  throw new EngineError('unavailable', 'the layer worker is missing', { hint: 'run npm ci: it builds dist/layer-worker.cjs' });
}

/** Its memory is bounded: what a layer can make it keep is, too. */
export function startLayerThread(program = findLayerWorker()): Worker {
  startHelperThreads(); // else those of the first of these threads, which changes its root
  return new Worker(program, { name: 'kobako layers', resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 2 } });
}
