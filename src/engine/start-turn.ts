/** One start of a container at a time, also where several processes share a state folder. */
import { rmSync } from 'node:fs';
import type { EngineParts } from './parts.ts';

/**
 * As `live.inTurn`, and no other process starts the container, or changes its files while it does not run, until `work` has
 * ended. What the container is must be read in `work`: another process may have started it just before.
 */
export function inStartTurn<T>(parts: EngineParts, id: string, work: () => Promise<T>): Promise<T> {
  return parts.live.inTurn(id, async () => {
    if (parts.owned) return work();
    const path = parts.store.startLock(id);
    using _lock = await parts.volumes.locks.lock(path, 'exclusive');
    try {
      return await work();
    } finally {
      rmSync(path, { force: true });
    }
  });
}

/** Those of killed processes go. */
export function sweepStartLocks({ store, volumes: { locks } }: EngineParts): void {
  for (const path of store.startLocks()) {
    using lock = locks.tryLock(path, 'exclusive');
    if (lock !== undefined) rmSync(path, { force: true });
  }
}
