/**
 * The first containers of an engine would be started by code that V8 still interprets, at half its speed: lives of
 * containers are rehearsed a number of times while nobody asks for anything.
 */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineParts } from './parts.ts';
import { openRehearsal } from './rehearsal.ts';

/** Ten times as many cost three times the processor's time of a daemon's start, and its first containers were no quicker. */
const ROUNDS = 10;
/** Milliseconds: whoever had the engine started comes first, and between two rounds everybody does. */
const FIRST_MS = 400;
const PAUSE_MS = 4;
/** No engine's end waits longer for a life that is being rehearsed. */
const LAST_MS = 2000;

/**
 * `folder`: see `openRehearsal`. Keeps no program alive. `done` settles at the end, or where no container can be made; once
 * disposed of it settles soon.
 */
export function warmUp(parts: EngineParts, folder: string, { rounds = ROUNDS, firstMs = FIRST_MS } = {}): Disposable & { readonly done: Promise<void> } {
  // a killed engine's
  rmSync(folder, { recursive: true, force: true });
  const stop = new AbortController();
  const all = async () => {
    await sleep(firstMs, undefined, { ref: false, signal: stop.signal });
    using rehearsal = openRehearsal(parts, folder);
    for (let round = 0; round < rounds; round++) {
      if (round > 0) await sleep(PAUSE_MS, undefined, { ref: false, signal: stop.signal });
      await rehearsal.life();
    }
  };
  // whoever starts a container is told why it cannot be
  const late = Promise.withResolvers<void>();
  stop.signal.addEventListener('abort', () => setTimeout(late.resolve, LAST_MS).unref());
  return { done: Promise.race([all().catch(() => {}), late.promise]), [Symbol.dispose]: () => stop.abort() };
}
