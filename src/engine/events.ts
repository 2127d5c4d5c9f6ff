/** What has happened: a bus with a short memory. */
import { nowNano } from '../base/time.ts';
import type { EventsOptions } from './system-contract.ts';
import type { EngineEvent } from './types/system.ts';

/** How many are remembered for `since`, as in Docker. */
const REMEMBERED = 256;
/** A reader that is so far behind is let go: it must not cost memory without end. */
const MOST_WAITING = 10_000;

type Reader = (event: EngineEvent) => void;

export class EventBus {
  readonly #past: EngineEvent[] = [];
  readonly #readers = new Set<Reader>();
  readonly #endings = new Set<() => void>();
  #total = 0;

  /** How many there have been. */
  get total(): number {
    return this.#total;
  }

  /** How many read them just now. */
  get readers(): number {
    return this.#endings.size;
  }

  emit(Type: EngineEvent['Type'], Action: string, ID: string, Attributes: Readonly<Record<string, string>> = {}): void {
    const timeNano = nowNano();
    const event: EngineEvent = { Type, Action, Actor: { ID, Attributes }, scope: 'local', time: Number(timeNano / 1_000_000_000n), timeNano };
    this.#total++;
    this.#past.push(event);
    if (this.#past.length > REMEMBERED) this.#past.shift();
    for (const reader of this.#readers) reader(event);
  }

  /** Calls for each event from now on; gives a stop function. */
  on(reader: Reader): () => void {
    this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  }

  /** Ends all that `read` has given. */
  close(): void {
    for (const end of this.#endings) end();
  }

  /** `matches` decides what is shown. Ends with `until`, the signal, or `close`. */
  async *read({ since, until, signal, started }: EventsOptions, matches: (event: EngineEvent) => boolean): AsyncGenerator<EngineEvent> {
    const waiting: EngineEvent[] = since === undefined ? [] : this.#past.filter(({ timeNano }) => timeNano >= since);
    let wake = () => {};
    let ended = signal?.aborted ?? false;
    const end = () => {
      ended = true;
      wake();
    };
    const stop = this.on((event) => {
      waiting.push(event);
      if (waiting.length < MOST_WAITING) return wake();
      stop();
      end();
    });
    const left = until === undefined ? undefined : Number((until - nowNano()) / 1_000_000n);
    // a timer takes at most 2^31 ms
    const timer = left === undefined || left > 2 ** 31 - 1 ? undefined : setTimeout(end, Math.max(0, left));
    signal?.addEventListener('abort', end, { once: true });
    this.#endings.add(end);
    started?.();
    try {
      for (;;) {
        for (const event of waiting.splice(0)) {
          if (until !== undefined && event.timeNano >= until) return;
          if (matches(event)) yield event;
        }
        if (waiting.length > 0) continue;
        if (ended) return;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      stop();
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      this.#endings.delete(end);
    }
  }
}
