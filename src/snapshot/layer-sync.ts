/** How a layer gets to the disk before it gets its name. */
import { readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';

export interface LayerSync {
  /**
   * Resolves when a layer's folder, and the file that keeps it as it arrived, are on the disk. A layer of a few files waits
   * for these alone: what containers write meanwhile, gigabytes perhaps, is no part of it. One that was unpacked waits for
   * its file system, for it has thousands; those that are whole while that runs share the next run.
   */
  (folder: string, blob: string | undefined): Promise<void>;
}

/** `syncAll` brings a whole file system to its disk: the one that holds `dir`. */
export function layerSync(syncAll: (dir: string) => Promise<void>, dir: string): LayerSync {
  const all = shared(() => syncAll(dir));
  return async (folder, blob) => {
    const entries = readdirSync(folder, { withFileTypes: true });
    if (entries.some((entry) => entry.isDirectory())) return all();
    // the folder last: by then its names are those of files that are there
    for (const path of [...(blob === undefined ? [] : [blob]), ...entries.map(({ name }) => `${folder}/${name}`), folder]) await syncFile(path);
  };
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

/** Calls while the work runs share one more run of it, which begins after them. */
function shared(work: () => Promise<void>): () => Promise<void> {
  let last = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= last
      .catch(() => {})
      .then(() => {
        next = undefined;
        return work();
      });
    return (last = next);
  };
}
