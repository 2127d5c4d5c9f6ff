/** What a bench makes on the machine goes with it, also when it is told to end in the middle. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';

const waiting = new Set<() => unknown>();

/** Gives `work` to be called at the end; it is done once, by that call, or when SIGINT or SIGTERM comes: the last first. */
export function atEnd(work: () => unknown): () => Promise<void> {
  let done: Promise<void> | undefined;
  const once = () => (done ??= Promise.resolve(work()).then(() => void waiting.delete(once)));
  waiting.add(once);
  return once;
}

/** A folder in memory, where that can be, for the data of all. With it goes what is still there of all else. */
export function benchFolder(): { readonly folder: string; remove(): Promise<void> } {
  const folder = mkdtempSync(`${existsSync('/dev/shm') ? '/dev/shm' : tmpdir()}/kobako-bench-`);
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, remove: endAll };
}

/** The last first; what fails is told. */
async function endAll(): Promise<void> {
  for (const work of [...waiting].toReversed()) {
    try {
      await work();
    } catch (error) {
      console.error((error as Error).message);
    }
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, async () => {
    await endAll();
    process.exit(128 + constants.signals[signal]);
  });
