/** One build as clients see it: what happens is kept for whoever asks, and told to those who listen. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate as immediate } from 'node:timers/promises';
import type { Digest } from '../base/digest.ts';
import { EngineError } from '../base/errors.ts';
import type { BuildEvent, Provenance } from '../build/contract.ts';
import { EventQueue, Listener } from './job-events.ts';
import type { Message } from './messages.ts';

/** How much of what programs say is kept for those who ask later. Bytes. */
const KEPT_LOGS = 1024 * 1024;
/** Between two messages to a listener. Milliseconds. */
const PAUSE_MS = 20;

/** Result of a frontend's solve: what is to be built, not built yet. */
export interface Pending {
  readonly id: string;
  /** Of the client that has its contexts. */
  readonly sessionId: string;
  /** Attributes of the frontend. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly inputs: Readonly<Record<string, Message>>;
}

/** A document on where a result comes from, and what kind it is. */
export interface Attestation {
  readonly type: string;
  readonly digest: Digest;
  readonly bytes: Buffer;
}

export class Job {
  readonly ref: string;
  readonly createdAt = Date.now();
  completedAt: number | undefined;
  #request: Message | undefined;
  #response: Readonly<Record<string, string>> = {};
  #error: unknown;
  #provenance: (() => Provenance) | undefined;
  #attestation: Attestation | undefined;
  readonly pending = new Map<string, Pending>();
  readonly #kept = new EventQueue(KEPT_LOGS);
  readonly #listeners = new Set<Listener>();
  readonly #returned = Promise.withResolvers<Message>();
  readonly #began = new EventTarget();
  #awaited = 0;

  constructor(ref: string) {
    this.ref = ref;
    this.#returned.promise.catch(() => {});
  }

  /** Solve has been called. */
  get solving(): boolean {
    return this.#request !== undefined;
  }

  /** What Solve was called with; only where it was. */
  get request(): Message {
    return this.#request!;
  }

  /** Of the client that builds. */
  get sessionId(): string {
    return this.request['Session'] as string;
  }

  get response(): Readonly<Record<string, string>> {
    return this.#response;
  }

  get error(): unknown {
    return this.#error;
  }

  begin(request: Message): void {
    this.#request = request;
    this.#began.dispatchEvent(new Event('begin'));
  }

  /** Resolves when Solve is called, or rejects with the signal's reason. */
  async begun(signal: AbortSignal): Promise<void> {
    if (this.solving) return;
    this.#awaited += 1;
    try {
      await once(this.#began, 'begin', { signal });
    } finally {
      this.#awaited -= 1;
    }
  }

  /** Undefined for what was not built. Made when somebody asks for it. */
  get attestation(): Attestation | undefined {
    if (this.#provenance !== undefined) {
      const { type, predicate } = this.#provenance();
      const bytes = Buffer.from(JSON.stringify(predicate, undefined, 2));
      this.#attestation = { type, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, bytes };
      this.#provenance = undefined;
    }
    return this.#attestation;
  }

  done(response: Readonly<Record<string, string>>, provenance?: () => Provenance): Readonly<Record<string, string>> {
    this.#response = response;
    this.#provenance = provenance;
    return response;
  }

  failed(error: unknown): void {
    this.#error = error;
  }

  /** What the client has made of its solves: its call of `Return`. */
  get returned(): Promise<Message> {
    return this.#returned.promise;
  }

  return(request: Message): void {
    this.#returned.resolve(request);
  }

  event(event: BuildEvent): void {
    this.#kept.push(event);
    for (const listener of this.#listeners) {
      listener.queue.push(event);
      listener.wake('event');
    }
  }

  get events(): readonly BuildEvent[] {
    return this.#kept.all;
  }

  /** Somebody listens, or waits for the beginning. */
  get listened(): boolean {
    return this.#listeners.size > 0 || this.#awaited > 0;
  }

  /** Nothing more happens. */
  end(): void {
    this.completedAt ??= Date.now();
    for (const listener of this.#listeners) listener.wake('end');
  }

  /** All that has happened and that happens, some at a time, until the end; with a pause after each, in milliseconds. */
  async *listen(signal: AbortSignal, pause = PAUSE_MS): AsyncGenerator<readonly BuildEvent[]> {
    const listener = new Listener();
    for (const event of this.#kept.all) listener.queue.push(event);
    this.#listeners.add(listener);
    const wake = (): void => listener.wake('end');
    const over = (): boolean => this.completedAt !== undefined || signal.aborted;
    signal.addEventListener('abort', wake);
    try {
      for (;;) {
        if (listener.queue.all.length > 0) {
          yield listener.queue.take();
          if (!over()) await listener.wait('end', pause);
        } else if (over()) {
          return;
        } else {
          await listener.wait('event');
          await immediate(); // what happens at the same time is told at the same time
        }
      }
    } finally {
      signal.removeEventListener('abort', wake);
      this.#listeners.delete(listener);
    }
  }
}

/** Which builds are remembered: so many, and beyond these who have ended less than `maxAge` milliseconds ago. */
export interface HistoryLimits {
  /** Default 50, as BuildKit's. */
  readonly maxEntries?: number | undefined;
  /** Default 0: they are in memory. */
  readonly maxAge?: number | undefined;
}

/** A call within a build may come before the build's own, and waits for it so long; BuildKit's own patience. Milliseconds. */
const PATIENCE_MS = 3_000;

export class Jobs {
  readonly #jobs = new Map<string, Job>();
  readonly #maxEntries: number;
  readonly #maxAge: number;

  constructor({ maxEntries = 50, maxAge = 0 }: HistoryLimits = {}) {
    this.#maxEntries = maxEntries;
    this.#maxAge = maxAge;
  }

  /** The build with that ref, which a client may name before it begins. */
  get(ref: string): Job {
    let job = this.#jobs.get(ref);
    if (job === undefined) {
      job = new Job(ref);
      this.#jobs.set(ref, job);
    }
    return job;
  }

  /** The build with that ref; waits a moment for one that has not begun. Throws `not-found`. */
  async begun(ref: string, signal: AbortSignal): Promise<Job> {
    const job = this.get(ref);
    try {
      await job.begun(AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]));
      return job;
    } catch {
      this.tidy(job);
      signal.throwIfAborted();
      throw new EngineError('not-found', `no such build ${ref}`);
    }
  }

  get all(): readonly Job[] {
    return [...this.#jobs.values()];
  }

  /** Where a solve's result has come from, in whichever build. */
  pending(id: string): { readonly job: Job; readonly pending: Pending } | undefined {
    for (const job of this.#jobs.values()) {
      const pending = job.pending.get(id);
      if (pending !== undefined) return { job, pending };
    }
    return undefined;
  }

  /** Forgets the oldest that have ended, and one that nobody asks for and that never began. */
  tidy(idle?: Job): void {
    if (idle !== undefined && !idle.solving && !idle.listened) this.#jobs.delete(idle.ref);
    const ended = [...this.#jobs.values()].filter((job) => job.completedAt !== undefined);
    const before = Date.now() - this.#maxAge;
    for (const job of ended.slice(0, Math.max(0, ended.length - this.#maxEntries))) if (job.completedAt! <= before) this.#jobs.delete(job.ref);
  }

  delete(ref: string): void {
    if (this.#jobs.get(ref)?.completedAt !== undefined) this.#jobs.delete(ref);
  }
}
