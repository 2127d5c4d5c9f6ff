/**
 * What only this process knows of containers: who waits for one, who has attached to one that does not run yet, and
 * whose end will be told here.
 */
import { keepingAlive } from '../base/keep-alive.ts';
import type { ContainerExit } from './contract.ts';
import type { EarlyStream } from './early-stream.ts';

type Listener = (exit: ContainerExit | undefined) => void;

export class LiveContainers {
  readonly #queues = new Map<string, Promise<unknown>>();
  readonly #supervised = new Set<string>();
  readonly #exits = new Map<string, Set<Listener>>();
  readonly #removals = new Map<string, Set<Listener>>();
  readonly #early = new Map<string, Set<EarlyStream>>();
  readonly #restarts = new Map<string, NodeJS.Timeout>();
  readonly #delays = new Map<string, number>();
  readonly #leaving = new Map<string, Promise<boolean>>();
  readonly #clean = new Set<string>();
  /** Of `#leaving`, those that have ended. */
  readonly #ending = new Map<string, Promise<boolean>>();
  #closed = false;

  /** Works on a container one after another, in the order of the calls. Never call it from within. */
  async inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(id) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#queues.set(id, mine);
    try {
      return await mine;
    } finally {
      if (this.#queues.get(id) === mine) this.#queues.delete(id);
    }
  }

  /** Resolves when nothing that was asked for before is at work on a container. */
  settled(id: string): Promise<void> {
    return this.inTurn(id, async () => {});
  }

  /** From now on its end is told to `ended`. */
  began(id: string): void {
    this.#supervised.add(id);
  }

  supervises(id: string): boolean {
    return this.#supervised.has(id);
  }

  /** It did not begin after all. */
  forget(id: string): void {
    this.#supervised.delete(id);
  }

  ended(id: string, exit: ContainerExit): void {
    this.#supervised.delete(id);
    const leaving = this.#leaving.get(id);
    if (leaving !== undefined) this.#ending.set(id, leaving);
    notify(this.#exits, id, exit);
  }

  /** Whoever waits for its end need not: it is as it was. */
  startFailed(id: string): void {
    notify(this.#exits, id, undefined);
  }

  removed(id: string, exit: ContainerExit | undefined): void {
    this.#supervised.delete(id);
    this.forgetRestarts(id);
    for (const stream of this.#early.get(id) ?? []) stream.nobodyComes();
    this.#early.delete(id);
    this.#leaving.delete(id);
    this.#clean.delete(id);
    notify(this.#exits, id, exit);
    notify(this.#removals, id, exit);
  }

  /** It runs anew: after its end has been told, `clean` says whether its monitor has given back all that it had. */
  leaves(id: string, clean: Promise<boolean>): void {
    this.#clean.delete(id);
    this.#leaving.set(id, clean);
    void clean.then((done) => {
      if (this.#ending.get(id) === clean) this.#ending.delete(id);
      if (this.#leaving.get(id) !== clean) return;
      this.#leaving.delete(id);
      if (done) this.#clean.add(id);
    });
  }

  /** Resolves when the monitor of one that has ended has done its work. Undefined where that is done, or nothing is known here. */
  leaving(id: string): Promise<unknown> | undefined {
    const ending = this.#ending.get(id);
    return ending && keepingAlive(ending);
  }

  /** Resolves when that is so of all that have ended. */
  async left(): Promise<void> {
    await keepingAlive(Promise.all(this.#ending.values()));
  }

  /** Nothing is left of its last run. */
  isClean(id: string): boolean {
    return this.#clean.has(id);
  }

  /** Its next end; undefined when it was removed, or could not be started. Rejects with the signal's reason. */
  nextExit(id: string, signal?: AbortSignal): Promise<ContainerExit | undefined> {
    return next(this.#exits, id, signal);
  }

  removal(id: string, signal?: AbortSignal): Promise<ContainerExit | undefined> {
    return next(this.#removals, id, signal);
  }

  /** A stream for the process that the container will have. */
  attachEarly(id: string, stream: EarlyStream): void {
    const all = this.#early.get(id) ?? new Set();
    all.add(stream);
    this.#early.set(id, all);
    stream.once('close', () => all.delete(stream));
  }

  /** All that wait, once: the process is there. */
  takeEarly(id: string): readonly EarlyStream[] {
    const all = [...(this.#early.get(id) ?? [])];
    this.#early.delete(id);
    return all;
  }

  /** How long it waited for its last restart, since it was started by somebody. */
  lastDelay(id: string): number | undefined {
    return this.#delays.get(id);
  }

  restartLater(id: string, delay: number, restart: () => void): void {
    this.cancelRestart(id);
    this.#delays.set(id, delay);
    const timer = setTimeout(() => {
      this.#restarts.delete(id);
      restart();
    }, delay);
    this.#restarts.set(id, timer);
  }

  cancelRestart(id: string): boolean {
    clearTimeout(this.#restarts.get(id));
    return this.#restarts.delete(id);
  }

  forgetRestarts(id: string): void {
    this.cancelRestart(id);
    this.#delays.delete(id);
  }

  /** The engine is closed: somebody else looks after what ends from now on. */
  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    for (const id of this.#restarts.keys()) this.cancelRestart(id);
  }
}

function notify(listeners: Map<string, Set<Listener>>, id: string, exit: ContainerExit | undefined): void {
  const all = listeners.get(id);
  listeners.delete(id);
  for (const listener of all ?? []) listener(exit);
}

function next(listeners: Map<string, Set<Listener>>, id: string, signal: AbortSignal | undefined): Promise<ContainerExit | undefined> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const all = listeners.get(id) ?? new Set();
    listeners.set(id, all);
    const onAbort = () => {
      all.delete(listener);
      reject(signal!.reason as Error);
    };
    const listener: Listener = (exit) => {
      signal?.removeEventListener('abort', onAbort);
      resolve(exit);
    };
    all.add(listener);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
