/**
 * The kernel port: everything that touches the running system goes through it. `linux/` is the real one; `fake.ts`
 * records what it is asked, for tests.
 */
import type { Plan } from '../plan/ops.ts';

/** How a process ended. */
export interface ExitRecord {
  readonly pid: number;
  /** The exit code, or 128 + the signal. */
  readonly status: number;
  /** The signal that ended it, or 0. */
  readonly signal: number;
  /** Unix time in nanoseconds, as decimal text. */
  readonly startedAt: string;
  readonly exitedAt: string;
  /** What the plan's `report` operations read at the end, by name. */
  readonly reports: Readonly<Record<string, string>>;
}

/** A plan that failed. `index` is the operation's position; -1: the plan was refused as a whole. */
export class PlanFailure extends Error {
  readonly index: number;
  readonly errno: number;
  readonly detail: string;

  constructor(index: number, errno: number, detail: string) {
    super(`step ${index} failed with errno ${errno}${detail === '' ? '' : `: ${detail}`}`);
    this.name = 'PlanFailure';
    this.index = index;
    this.errno = errno;
    this.detail = detail;
  }
}

/** What an fd of the helper is: nothing, this process's own fd of the same number, or another open fd. */
export type HelperFd = 'ignore' | 'inherit' | number;

export interface RunPlanOptions {
  readonly stdin?: HelperFd;
  readonly stdout?: HelperFd;
  readonly stderr?: HelperFd;
  /** Fds of this process that the helper gets as 3, 4, … */
  readonly extraFds?: readonly number[];
  /** Called at each `host-sync`; the plan goes on when it resolves, and is given up when it rejects. */
  readonly onSync?: (name: string, pid: number) => Promise<void>;
}

/** A plan at work. Each promise rejects with PlanFailure when the plan fails before it settles. */
export interface RunningPlan {
  /** The helper's own pid: the monitor. Known at the latest when `cloned` settles. */
  readonly pid: number;
  /**
   * The container's process is there, and its monitor with its socket; it may still be set up. `start` is taken from now on:
   * the program starts once all is set up, also when this process is killed before.
   */
  readonly cloned: Promise<number>;
  /** The container's process is set up and waits for `start`: its pid. Also settles when it started without waiting, or was told `start` before. */
  readonly waiting: Promise<number>;
  /** The program runs: its pid. */
  readonly started: Promise<number>;
  /** The program has ended, and all is done that its plan does before it tells of it. Never settles for a plan that leaves its container. */
  readonly exited: Promise<ExitRecord>;
  /** After that, of a plan that tells first: all of the rest was done, or it is not known (false). */
  readonly clean: Promise<boolean>;
  /** The helper itself has gone. */
  readonly closed: Promise<void>;
  /** Sends a command line, as `start` or `kill 15`. */
  send(command: string): void;
  /** Gives up a plan whose program does not run yet; later it does nothing. */
  abort(): void;
  /** Lets this process end while the plan goes on. */
  unref(): void;
  /** Keeps this process alive until the plan has ended, even when the runner is closed. */
  ref(): void;
}

/** A plan whose first operations are at work. */
export interface BegunPlan {
  /** The whole plan, which begins with the operations that it was begun with. Throws as `run` does; it is to be given up then. */
  goOn(plan: Plan): RunningPlan;
  /** There will be none: what was done is undone, as far as that can be, when it resolves. */
  giveUp(): Promise<void>;
}

/** Runs plans. */
export interface PlanRunner {
  run(plan: Plan, options?: RunPlanOptions): RunningPlan;
  /** As `run`, with a plan of which more follows: that can be made meanwhile. Either method of what it gives is to be called, once. */
  begin(first: Plan): BegunPlan;
  /** Gives back what is kept ready for the next plan. Plans at work go on, and keep this process alive only where `ref` asked for it. */
  close(): void;
}

/** A lock that is held until it is disposed of, or its process dies. */
export type FileLock = Disposable;

/** Locks between processes (flock(2)). Two locks of one process exclude each other as those of two processes do. */
export interface FileLocks {
  /** Undefined where somebody else holds it. Makes the file, and the folders above it, if they are missing. */
  tryLock(path: string, kind: 'shared' | 'exclusive'): FileLock | undefined;
  /** Waits for it. Rejects with the signal's reason. */
  lock(path: string, kind: 'shared' | 'exclusive', signal?: AbortSignal): Promise<FileLock>;
}
