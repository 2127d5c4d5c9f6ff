/** The main thread's side: threads that are started when there is work, kept for a while, and one task each at a time. */
import type { Transferable } from 'node:worker_threads';
import { EngineError } from '../base/errors.ts';
import { unpackError, type FromWorker, type Task, type TaskResults, type ToWorker } from './worker-protocol.ts';

/** A started worker: node:worker_threads's Worker is one. */
export interface LayerThread {
  postMessage(message: ToWorker, transfer?: readonly Transferable[]): void;
  on(event: 'message', listener: (message: FromWorker) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: (code: number) => void): unknown;
  ref(): void;
  unref(): void;
  terminate(): Promise<number>;
}

/** A task at work. */
export interface RunningTask<T> {
  readonly result: Promise<T>;
  post(message: ToWorker, transfer?: readonly Transferable[]): void;
}

/**
 * How long a thread without work is kept, in milliseconds. An image's layers come one after the other, and so do the pulls
 * and builds of somebody at work: a new thread has everything to learn again, which costs as much as 4,000 files.
 */
const IDLE_MS = 30_000;

/**
 * Work that waits for the same has threads of its own: layers for a network, streams for whoever reads or writes them;
 * the rest for nobody.
 */
type Lane = 'layers' | 'streams' | 'rest';

/** How many streams may be at work at once, and how much of the rest. */
const STREAMS = 12;
const REST = 2;

interface Slot {
  readonly thread: LayerThread;
  /** Undefined while it has nothing to do. */
  lane: Lane | undefined;
  idle: NodeJS.Timeout | undefined;
  current: { onEvent(event: FromWorker): void; fail(error: Error): void } | undefined;
}

export class WorkerPool {
  readonly #spawn: () => LayerThread;
  readonly #bounds: Readonly<Record<Lane, number>>;
  readonly #slots = new Set<Slot>();
  readonly #waiting: (() => void)[] = [];
  #closed = false;

  /** `max`: how many layers are unpacked at once. */
  constructor(spawn: () => LayerThread, max: number) {
    this.#spawn = spawn;
    this.#bounds = { layers: max, streams: STREAMS, rest: REST };
  }

  /** Runs a task as soon as a thread is free. The signal ends the wait for one with `cancelled`, and not the task. */
  async run<K extends Task['kind']>(
    task: Extract<Task, { kind: K }>,
    onEvent: (event: FromWorker) => void = () => {},
    signal?: AbortSignal,
  ): Promise<RunningTask<TaskResults[K]>> {
    const slot = await this.#take(laneOf(task), signal);
    const { promise, resolve, reject } = Promise.withResolvers<TaskResults[K]>();
    promise.catch(() => {});
    const settle = () => {
      slot.current = undefined;
      this.#give(slot);
    };
    slot.current = {
      onEvent: (event) => {
        if (event.event === 'done') {
          settle();
          resolve(event.value as TaskResults[K]);
        } else if (event.event === 'failed') {
          settle();
          reject(unpackError(event.error));
        } else {
          onEvent(event);
        }
      },
      fail: reject,
    };
    slot.thread.postMessage({ op: 'task', task });
    const current = slot.current;
    return {
      result: promise,
      post: (message, transfer) => {
        if (slot.current === current) slot.thread.postMessage(message, transfer);
      },
    };
  }

  /** As `run`, for a task that says nothing before its end. */
  async do<K extends Task['kind']>(task: Extract<Task, { kind: K }>): Promise<TaskResults[K]> {
    return (await this.run<K>(task)).result;
  }

  /** Ends the threads; tasks at work fail. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await Promise.all([...this.#slots].map((slot) => slot.thread.terminate()));
  }

  async #take(lane: Lane, signal: AbortSignal | undefined): Promise<Slot> {
    for (;;) {
      if (this.#closed) throw new EngineError('unavailable', 'the engine is closing');
      if (signal?.aborted === true) throw new EngineError('cancelled', 'it was given up before its turn came', { cause: signal.reason });
      if ([...this.#slots].filter((slot) => slot.lane === lane).length < this.#bounds[lane]) {
        const free = [...this.#slots].find((slot) => slot.idle !== undefined);
        if (free === undefined) return this.#start(lane);
        clearTimeout(free.idle);
        free.idle = undefined;
        free.thread.ref();
        free.lane = lane;
        return free;
      }
      await this.#change(signal);
    }
  }

  /** Resolves when it is worth looking again. */
  #change(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const given = () => resolve();
    signal?.addEventListener('abort', given, { once: true });
    return promise.finally(() => signal?.removeEventListener('abort', given));
  }

  #start(lane: Lane): Slot {
    const slot: Slot = { thread: this.#spawn(), lane, idle: undefined, current: undefined };
    this.#slots.add(slot);
    const gone = (error: Error) => {
      clearTimeout(slot.idle);
      this.#slots.delete(slot);
      slot.current?.fail(error);
      slot.current = undefined;
      this.#wake();
    };
    slot.thread.on('message', (event) => slot.current?.onEvent(event));
    slot.thread.on('error', (error) => gone(new EngineError('internal', `a layer worker failed: ${error.message}`, { cause: error })));
    slot.thread.on('exit', () => gone(new EngineError('cancelled', 'a layer worker was ended')));
    return slot;
  }

  /** Each looks for itself whether there is something for it now. */
  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #give(slot: Slot): void {
    slot.idle = setTimeout(() => {
      // it ends some time after it is told to, and must not be given work meanwhile
      slot.idle = undefined;
      void slot.thread.terminate();
    }, IDLE_MS);
    slot.idle.unref();
    slot.thread.unref();
    slot.lane = undefined;
    this.#wake();
  }
}

function laneOf({ kind }: Task): Lane {
  if (kind === 'ingest') return 'layers';
  return kind === 'diff' || kind === 'archive' || kind === 'unpack' ? 'streams' : 'rest';
}
