/** The snapshot drivers by name, for tests and for processes that tests start. */
import { startLayerThread } from '../../src/engine/layer-threads.ts';
import type { SnapshotDriver } from '../../src/snapshot/contract.ts';
import { overlayDriver } from '../../src/snapshot/overlay.ts';

export function openDriver(name: string, dir: string, sync = false): SnapshotDriver {
  const options = { dir, spawn: startLayerThread, sync };
  if (name === 'overlay') return overlayDriver(options);
  throw new Error(`no driver ${name}`);
}
