/** Waits for something to happen in a folder, without looking at it again and again. */
import { watch, type FSWatcher } from 'node:fs';

/** Where the kernel tells nothing (no inotify instance left), what happened is seen so many milliseconds later. */
const BLIND_MS = 50;
/** What the kernel tells may be too little: a process that was killed leaves no trace in the folder. */
const SAFETY_MS = 1000;

export class FolderWatch {
  readonly #watcher: FSWatcher | undefined;
  #changed = false;
  #wake = () => {};

  /** Whatever happens in the folder from now on ends the next `next`. */
  constructor(folder: string) {
    try {
      this.#watcher = watch(folder, () => this.wake());
      this.#watcher.on('error', () => this.wake());
    } catch {
      // it has gone, or there are no watches left
    }
  }

  readonly wake = (): void => {
    this.#changed = true;
    this.#wake();
  };

  /** Resolves when something has happened since it resolved last, or after a while. */
  async next(): Promise<void> {
    if (!this.#changed) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, this.#watcher === undefined ? BLIND_MS : SAFETY_MS);
      });
      clearTimeout(timer);
    }
    this.#changed = false;
  }

  close(): void {
    this.#watcher?.close();
    this.wake();
  }
}
