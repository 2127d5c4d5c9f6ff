/** The driver that unpacks: a layer is a folder as overlayfs reads it. It works on every file system with xattrs. */
import { existsSync } from 'node:fs';
import type { Digest } from '../base/digest.ts';
import { EngineError } from '../base/errors.ts';
import type { RootSource } from '../runtime/contract.ts';
import type { SnapshotDriver } from './contract.ts';
import { LayerStore } from './layer-store.ts';
import type { TreeSource } from './layer-tree.ts';
import { OPAQUE_ROOT } from './overlay-writer.ts';
import { Writables } from './writables.ts';
import { WorkerPool, type LayerThread } from './worker-pool.ts';

export interface DriverOptions {
  /** The driver's own folder, absolute. */
  readonly dir: string;
  /** Starts a layer worker. */
  spawn(): LayerThread;
  /** How many layers are unpacked at once. Default 3: as many as Docker pulls at once. */
  readonly threads?: number;
  /** Whether a layer is on the disk before it has its name. Default true. */
  readonly sync?: boolean;
}

export function overlayDriver(options: DriverOptions): SnapshotDriver {
  const pool = new WorkerPool(() => options.spawn(), options.threads ?? 3);
  const store = new LayerStore({ driver: 'overlay', dir: options.dir, pool, sync: options.sync ?? true });
  const writables = new Writables(options.dir, pool, store);
  const folder = (diffId: Digest) => `${store.path(diffId)}/fs`;
  /** Topmost first, down to one that hides the rest. */
  const visible = (layers: readonly Digest[]): Digest[] => {
    for (const diffId of layers) if (!store.has(diffId)) throw new EngineError('not-found', `layer ${diffId} does not exist`);
    const last = layers.findLastIndex((diffId) => existsSync(`${store.path(diffId)}/${OPAQUE_ROOT}`));
    return layers.slice(Math.max(0, last)).toReversed();
  };
  const sources = (layers: readonly Digest[]) => visible(layers).map((diffId): TreeSource => ({ kind: 'dir', path: folder(diffId) }));
  return {
    name: 'overlay',
    has: (diffId) => store.has(diffId),
    list: () => store.list(),
    ingest: (request, ingestOptions) => store.ingest(request, ingestOptions),
    ingestFile: (request, file, ingestOptions) => store.ingestFile(request, file, ingestOptions),
    usage: async (diffId) => {
      store.info(diffId);
      return pool.do({ kind: 'usage', path: folder(diffId) });
    },
    contentSize: (diffId) => store.info(diffId).contentSize,
    remove: (diffId) => store.remove(diffId),
    sweep: () => store.sweep(),
    createWritable: (id) => writables.create(id),
    removeWritable: (id) => writables.remove(id),
    writableUsage: (id) => writables.usage(id),
    root(layers, writable, mountPoint): RootSource {
      const upper = writable === undefined ? undefined : writables.get(writable);
      return { kind: 'overlay', lower: visible(layers).map(folder), mountPoint, ...(upper !== undefined && { upper }) };
    },
    changes: (layers, writable) => writables.changes(sources(layers), writable),
    diff: (layers, writable) => writables.diff(sources(layers), writable),
    async close() {
      await store.settled();
      await pool.close();
    },
  };
}
