/** When the build cache is collected: soon after a build, and not after each. */
import { statSync, utimesSync, writeFileSync } from 'node:fs';

/** Milliseconds, as BuildKit's. */
const SOON = 1000;
const PAUSE = 60_000;
/** For processes that live as long as a build: milliseconds between two of theirs. */
const LONG_PAUSE = 3600_000;

export interface CollectorOptions {
  /** This process lives on; otherwise whoever builds waits for it. */
  readonly background: boolean;
  /** A file whose time is that of the last collection. */
  readonly stamp: string;
}

export class CacheCollector {
  readonly #collect: () => Promise<void>;
  readonly #options: CollectorOptions;
  #timer: NodeJS.Timeout | undefined;
  #last = Number.NEGATIVE_INFINITY;
  #turns: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(collect: () => Promise<void>, options: CollectorOptions) {
    this.#collect = collect;
    this.#options = options;
  }

  /** A build has ended, well or badly. Never throws: what could not be collected is, after another build. */
  async built(): Promise<void> {
    if (!this.#options.background) return this.#due() ? this.#run() : undefined;
    if (this.#timer !== undefined || this.#closed) return;
    const wait = Math.max(SOON, this.#last + PAUSE - performance.now());
    this.#timer = setTimeout(() => void this.#run(), wait).unref();
  }

  /** Runs work that counts and removes, after all that came before it. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turns.then(work);
    this.#turns = result.catch(() => {});
    return result;
  }

  /** Nothing is collected from now on; resolves when nothing is at work. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#turns;
  }

  async #run(): Promise<void> {
    this.#last = performance.now();
    this.#timer = undefined;
    await this.#collect().catch(() => {});
  }

  #due(): boolean {
    const { stamp } = this.#options;
    try {
      const now = Date.now();
      const { mtimeMs } = statSync(stamp, { throwIfNoEntry: false }) ?? { mtimeMs: Number.NEGATIVE_INFINITY };
      if (Math.abs(now - mtimeMs) < LONG_PAUSE) return false;
      writeFileSync(stamp, '', { mode: 0o600 });
      utimesSync(stamp, now / 1000, now / 1000);
      return true;
    } catch {
      return true; // the disk is full, for instance
    }
  }
}
