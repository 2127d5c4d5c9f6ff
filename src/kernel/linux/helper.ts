/** Starts the native helper and speaks its channel: the plan goes in, one-line JSON events come out. */
import { spawn, type StdioOptions } from 'node:child_process';
import type { Socket } from 'node:net';
import { EngineError } from '../../base/errors.ts';
import { encodePlan } from '../../plan/encode.ts';
import type { Plan } from '../../plan/ops.ts';
import { HelperServer } from './helper-server.ts';
import { sealedHelper } from './sealed-helper.ts';
import { PlanFailure, type BegunPlan, type ExitRecord, type PlanRunner, type RunningPlan, type RunPlanOptions } from '../contract.ts';

type Event =
  | { event: 'cloned' | 'waiting' | 'started' | 'runner' | 'clean' | 'left'; pid: number }
  | { event: 'sync'; name: string; pid: number }
  | { event: 'failed'; index: number; errno: number; detail: string }
  | ({ event: 'exit' } & ExitRecord);

/** The longest event line that is believed, in bytes. */
const MAX_LINE = 1 << 20;

export interface RunnerOptions {
  /** A folder for the socket of a helper that serves; without it every plan gets a helper that is started for it. */
  readonly serveIn?: string | undefined;
}

/**
 * Runs plans with the helper at a path. The first one starts the file itself, which makes its own sealed copy; from the
 * second on a copy that this process keeps saves that step, and a helper that serves forks one for each plan.
 */
export class LinuxPlanRunner implements PlanRunner {
  readonly #helper: string;
  readonly #serveIn: string | undefined;
  #runs = 0;
  #server: HelperServer | undefined;
  /** Those at work that nobody has asked to be kept alive for. */
  readonly #loose = new Set<() => void>();

  constructor(helper: string, { serveIn }: RunnerOptions = {}) {
    this.#helper = helper;
    this.#serveIn = serveIn;
  }

  /** Ends the helper that serves. Those at work go on. */
  close(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const unref of this.#loose) unref();
  }

  /** Gets ready for many plans. */
  warm(): void {
    if (this.#serveIn === undefined || this.#server?.gone === false) return;
    this.#server = new HelperServer(sealedHelper(this.#helper), this.#serveIn);
  }

  #take(options: RunPlanOptions): Helper {
    const plain = options.stdin === undefined && options.stdout === undefined && options.stderr === undefined && options.extraFds === undefined;
    if (plain && this.#server?.ready) return served(this.#server);
    return start(this.#runs++ === 0 ? this.#helper : sealedHelper(this.#helper), options);
  }

  run(plan: Plan, options: RunPlanOptions = {}): RunningPlan {
    return this.#send(encodePlan(plan), options).running;
  }

  begin(first: Plan): BegunPlan {
    const { running, channel } = this.#send(encodePlan(first), {});
    return {
      goOn: (plan) => {
        channel.write(encodePlan(plan));
        return running;
      },
      giveUp: () => {
        running.abort();
        return running.closed;
      },
    };
  }

  #send(bytes: Buffer, options: RunPlanOptions): { readonly running: RunningPlan; readonly channel: Socket } {
    const taken = this.#take(options);
    const { channel } = taken;
    let { pid } = taken;
    channel.write(bytes);
    const cloned = settle<number>();
    const waiting = settle<number>();
    const started = settle<number>();
    const exited = settle<ExitRecord>();
    const clean = settle<boolean>();
    const closed = settle<void>();
    let told = false;
    const fail = (error: Error) => {
      told = true;
      for (const promise of [cloned, waiting, started, exited]) promise.reject(error);
    };

    const onEvent = (event: Event): void => {
      switch (event.event) {
        case 'runner':
          pid = event.pid;
          break;
        case 'cloned':
          cloned.resolve(event.pid);
          break;
        case 'waiting':
          cloned.resolve(event.pid);
          waiting.resolve(event.pid);
          break;
        case 'started':
          cloned.resolve(event.pid);
          waiting.resolve(event.pid);
          started.resolve(event.pid);
          break;
        case 'sync':
          (options.onSync?.(event.name, event.pid) ?? Promise.resolve()).then(
            () => channel.write('go\n'),
            (error: Error) => {
              fail(error);
              channel.write('abort\n');
            },
          );
          break;
        case 'failed':
          fail(new PlanFailure(event.index, event.errno, event.detail));
          break;
        case 'exit':
          told = true;
          exited.resolve(event);
          break;
        case 'clean':
        case 'left':
          clean.resolve(event.event === 'clean');
          break;
      }
    };

    const unref = () => {
      taken.unref();
      channel.unref();
    };
    this.#loose.add(unref);
    let pending = '';
    channel.setEncoding('utf8');
    channel.on('data', (text: string) => {
      const lines = (pending + text).split('\n');
      pending = lines.pop()!;
      if (pending.length > MAX_LINE) channel.destroy();
      for (const line of lines) onEvent(JSON.parse(line) as Event);
    });
    channel.on('error', () => {}); // its end is told by the child's exit
    taken.onGone((why) => {
      // what it wrote last may still be on its way
      const done = () => {
        this.#loose.delete(unref);
        // an error costs a look at the stack
        if (!told) fail(new EngineError('unavailable', `the helper ended${why === '' ? '' : ` ${why}`} before the plan did`));
        clean.resolve(false);
        closed.resolve();
      };
      if (channel.destroyed || channel.readableEnded) done();
      else channel.once('close', done);
    });
    // the next ones are quicker
    if (this.#runs > 1 && this.#server === undefined) setImmediate(() => this.warm());

    const running: RunningPlan = {
      get pid() {
        return pid;
      },
      cloned: cloned.promise,
      waiting: waiting.promise,
      started: started.promise,
      exited: exited.promise,
      clean: clean.promise,
      closed: closed.promise,
      send: (command) => void channel.write(`${command}\n`),
      // its other half stays open until the helper has undone what it did
      abort: () => void channel.end(),
      unref,
      ref: () => {
        this.#loose.delete(unref);
        if (taken.gone()) return;
        taken.ref();
        channel.ref();
      },
    };
    return { running, channel };
  }
}

/** A runner of one plan, however it was started. */
interface Helper {
  /** 0 as long as it is not known. */
  readonly pid: number;
  readonly channel: Socket;
  gone(): boolean;
  onGone(listener: (why: string) => void): void;
  ref(): void;
  unref(): void;
}

function start(helper: string, options: RunPlanOptions): Helper {
  const extra = options.extraFds ?? [];
  const stdio: StdioOptions = [options.stdin ?? 'ignore', options.stdout ?? 'ignore', options.stderr ?? 'ignore', ...extra, 'pipe'];
  const child = spawn(helper, ['run', String(3 + extra.length)], { stdio, env: {}, cwd: '/' });
  return {
    pid: child.pid ?? 0,
    channel: child.stdio[3 + extra.length] as Socket,
    gone: () => child.exitCode !== null || child.signalCode !== null,
    onGone: (listener) => {
      child.on('error', (error) => listener(`as it could not be started (${error.message})`));
      child.on('exit', (code, signal) => listener(signal === null ? `with code ${code}` : `by ${signal}`));
    },
    ref: () => child.ref(),
    unref: () => child.unref(),
  };
}

/** Its end is known by its channel's. */
function served(server: HelperServer): Helper {
  const { channel, pid } = server.runner();
  return {
    pid,
    channel,
    gone: () => channel.destroyed,
    onGone: (listener) => void channel.on('close', () => listener('')),
    ref: () => {},
    unref: () => {},
  };
}

/** A promise whose rejection is not an unhandled one when nobody asks. */
function settle<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  promise.catch(() => {});
  return { promise, resolve, reject };
}
