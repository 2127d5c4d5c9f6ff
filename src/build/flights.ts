/** Work that several ask for at once, done once: it goes on as long as one of them waits for it. */
import { EngineError } from '../base/errors.ts';

/** What one of them is told while it waits, from the beginning on, however late it came. */
export type Listener<E> = (event: E) => void;

interface Flight<T, E> {
  readonly result: Promise<T>;
  readonly stop: AbortController;
  readonly told: E[];
  readonly listeners: Set<Listener<E>>;
  waiting: number;
  /** Who began it has left: what it works with was his. */
  orphaned: boolean;
}

export class Flights<T, E> {
  readonly #running = new Map<string, Flight<T, E>>();

  /**
   * The result of the work with this key: what is at work already, or `work` now. Rejects with `cancelled` at the signal;
   * the work's own signal is aborted when nobody waits any more, and this then settles only when the work has. Where it
   * fails after the one who began it has left, somebody who is left begins his own.
   */
  async join(
    key: string,
    work: (signal: AbortSignal, tell: Listener<E>) => Promise<T>,
    { signal, listener }: { readonly signal: AbortSignal; readonly listener: Listener<E> },
  ): Promise<T> {
    for (;;) {
      if (signal.aborted) throw cancelled(signal);
      // one that is being given up is no help
      const known = this.#running.get(key);
      const joined = known !== undefined && !known.stop.signal.aborted;
      const flight = joined ? known : this.#begin(key, work);
      try {
        return await this.#wait(flight, { signal, listener, joined });
      } catch (error) {
        if (signal.aborted || !flight.orphaned) throw error;
      }
    }
  }

  async #wait(flight: Flight<T, E>, { signal, listener, joined }: { signal: AbortSignal; listener: Listener<E>; joined: boolean }): Promise<T> {
    for (const event of flight.told) listener(event);
    flight.listeners.add(listener);
    flight.waiting++;
    const gone = Promise.withResolvers<never>();
    gone.promise.catch(() => {});
    const leave = () => {
      flight.listeners.delete(listener);
      if (!joined) flight.orphaned = true;
      if (--flight.waiting > 0) return gone.reject(cancelled(signal));
      flight.stop.abort(signal.reason);
      flight.result.then(
        () => gone.reject(cancelled(signal)),
        () => gone.reject(cancelled(signal)),
      );
    };
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([flight.result, gone.promise]).catch((error: unknown) => {
        throw signal.aborted ? cancelled(signal) : error;
      });
    } finally {
      signal.removeEventListener('abort', leave);
      flight.listeners.delete(listener);
    }
  }

  #begin(key: string, work: (signal: AbortSignal, tell: Listener<E>) => Promise<T>): Flight<T, E> {
    const stop = new AbortController();
    const told: E[] = [];
    const listeners = new Set<Listener<E>>();
    const tell = (event: E) => {
      told.push(event);
      for (const listener of listeners) listener(event);
    };
    // what is told at once waits for who asked
    const result = Promise.resolve().then(() => work(stop.signal, tell));
    const flight: Flight<T, E> = { result, stop, told, listeners, waiting: 0, orphaned: false };
    this.#running.set(key, flight);
    const over = () => {
      if (this.#running.get(key) === flight) this.#running.delete(key);
    };
    result.then(over, over);
    return flight;
  }
}

function cancelled(signal: AbortSignal): EngineError {
  const { reason } = signal as { reason: unknown };
  if (reason instanceof EngineError) return reason;
  return new EngineError('cancelled', 'context canceled', { cause: reason });
}
