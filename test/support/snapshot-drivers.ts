/** The snapshot drivers by name, for tests and for processes that tests start. */
import { startLayerThread } from '../../src/engine/layer-threads.ts';
import { syncFileSystem } from '../../src/kernel/linux/files.ts';
import type { SnapshotDriver } from '../../src/snapshot/contract.ts';
import { erofsDriver } from '../../src/snapshot/erofs/driver.ts';
import { overlayDriver } from '../../src/snapshot/overlay.ts';

export function openDriver(name: string, dir: string, sync = false): SnapshotDriver {
  const options = { dir, spawn: startLayerThread, ...(sync ? { sync: syncFileSystem } : {}) };
  if (name === 'overlay') return overlayDriver(options);
  if (name === 'erofs') return erofsDriver(options);
  throw new Error(`no driver ${name}`);
}
