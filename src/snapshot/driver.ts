/** What both drivers are: a store of layers, writable layers, and worker threads. They differ in what a layer's folder has. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Digest } from '../base/digest.ts';
import { EngineError } from '../base/errors.ts';
import type { ErofsLayer, RootSource } from '../runtime/contract.ts';
import type { SnapshotDriver } from './contract.ts';
import { LayerStore } from './layer-store.ts';
import type { TreeSource } from './layer-tree.ts';
import { OPAQUE_ROOT } from './overlay-writer.ts';
import { rootedFiles } from './rooted-files.ts';
import { Writables } from './writables.ts';
import { WorkerPool, type LayerThread } from './worker-pool.ts';

export interface DriverOptions {
  /** The driver's own folder, absolute. */
  readonly dir: string;
  /** Starts a layer worker. */
  spawn(): LayerThread;
  /** How many layers are unpacked at once. Default 3, as many as Docker pulls at once, or 2 where there are but two processors. */
  readonly threads?: number;
  /** Brings the file system that holds a folder to its disk: what a layer waits for before it gets its name. Without it, it does not. */
  readonly sync?: ((folder: string) => Promise<void>) | undefined;
}

/** What a layer's folder has. */
export interface LayerPlace {
  /** For overlayfs. */
  readonly lower: string | ErofsLayer;
  /** The same with `user.overlay.` marks, where there are marks. */
  readonly userLower?: readonly (string | ErofsLayer)[];
  readonly tree: TreeSource;
  /** What counts as its usage. */
  readonly counted: string;
}

export function driverOf(name: SnapshotDriver['name'], options: DriverOptions, placeIn: (folder: string) => LayerPlace): SnapshotDriver {
  const pool = new WorkerPool(() => options.spawn(), options.threads ?? Math.min(3, Math.max(2, availableParallelism())));
  const store = new LayerStore({ driver: name, dir: options.dir, pool, sync: options.sync });
  const writables = new Writables(options.dir, pool, store);
  /** Topmost first, down to one that hides the rest. */
  const places = (layers: readonly Digest[]): LayerPlace[] => {
    for (const diffId of layers) if (!store.has(diffId)) throw new EngineError('not-found', `layer ${diffId} does not exist`);
    const folders = layers.map((diffId) => store.path(diffId));
    const last = folders.findLastIndex((folder) => existsSync(`${folder}/${OPAQUE_ROOT}`));
    return folders.slice(Math.max(0, last)).toReversed().map(placeIn);
  };
  const trees = (layers: readonly Digest[]) => places(layers).map(({ tree }) => tree);
  return {
    name,
    has: (diffId) => store.has(diffId),
    list: () => store.list(),
    ingest: (request, ingestOptions) => store.ingest(request, ingestOptions),
    ingestFile: (request, file, ingestOptions) => store.ingestFile(request, file, ingestOptions),
    usage: async (diffId) => {
      store.info(diffId);
      return pool.do({ kind: 'usage', path: placeIn(store.path(diffId)).counted });
    },
    contentSize: (diffId) => store.contentSize(diffId),
    remove: (diffId) => store.remove(diffId),
    sweep: () => store.sweep(),
    untidy: () => store.untidy(),
    createWritable: (id) => writables.create(id),
    removeWritable: (id) => writables.remove(id),
    writables: () => writables.list(),
    writableUsage: (id, options = {}) => writables.usage(id, options),
    root(layers, writable, mountPoint): RootSource {
      const found = places(layers);
      const lower = found.map((place) => place.lower);
      const marked = found.some(({ userLower }) => userLower !== undefined);
      const userLower = found.flatMap((place) => place.userLower ?? [place.lower]);
      const upper = writable === undefined ? undefined : writables.get(writable);
      return { kind: 'overlay', lower, ...(marked && { userLower }), mountPoint, ...(upper !== undefined && { upper }) };
    },
    changes: async (layers, writable) => writables.changes(trees(layers), writable),
    async *diff(layers, writable, diffOptions = {}) {
      yield* writables.diff(trees(layers), writable, diffOptions);
    },
    rooted: rootedFiles(pool),
    async close() {
      await store.settled();
      await pool.close();
    },
  };
}
