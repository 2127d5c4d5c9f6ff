/** Starts the native helper and speaks its channel: the plan goes in, one-line JSON events come out. */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import type { Socket } from 'node:net';
import { EngineError } from '../../base/errors.ts';
import { encodePlan } from '../../plan/encode.ts';
import type { Plan } from '../../plan/ops.ts';
import { sealedHelper } from './sealed-helper.ts';
import { PlanFailure, type ExitRecord, type PlanRunner, type RunningPlan, type RunPlanOptions } from '../contract.ts';

type Event =
  | { event: 'waiting' | 'started'; pid: number }
  | { event: 'sync'; name: string; pid: number }
  | { event: 'failed'; index: number; errno: number; detail: string }
  | ({ event: 'exit' } & ExitRecord);

/** The longest event line that is believed, in bytes. */
const MAX_LINE = 1 << 20;

/**
 * Runs plans with the helper at a path. The first one starts the file itself, which makes its own sealed copy; from the
 * second on a copy that this process keeps saves that step, and one helper waits ready for the next plan.
 */
export class LinuxPlanRunner implements PlanRunner {
  readonly #helper: string;
  #runs = 0;
  #spare: Helper | undefined;
  /** Those at work that nobody has asked to be kept alive for. */
  readonly #loose = new Set<() => void>();

  constructor(helper: string) {
    this.#helper = helper;
  }

  /** Ends the helper that waits for the next plan. Those at work go on. */
  close(): void {
    this.#spare?.channel.destroy();
    this.#spare = undefined;
    for (const unref of this.#loose) unref();
  }

  #take(options: RunPlanOptions): Helper {
    const spare = this.#spare;
    const plain = options.stdin === undefined && options.stdout === undefined && options.stderr === undefined && options.extraFds === undefined;
    if (plain && spare !== undefined && spare.child.exitCode === null && spare.child.signalCode === null && !spare.channel.destroyed) {
      this.#spare = undefined;
      spare.child.ref();
      spare.channel.ref();
      return spare;
    }
    return start(this.#runs++ === 0 ? this.#helper : sealedHelper(this.#helper), options);
  }

  run(plan: Plan, options: RunPlanOptions = {}): RunningPlan {
    const bytes = encodePlan(plan);
    const { child, channel } = this.#take(options);
    channel.write(bytes);
    const waiting = settle<number>();
    const started = settle<number>();
    const exited = settle<ExitRecord>();
    const closed = settle<void>();
    const fail = (error: Error) => {
      for (const promise of [waiting, started, exited]) promise.reject(error);
    };

    const onEvent = (event: Event): void => {
      switch (event.event) {
        case 'waiting':
          waiting.resolve(event.pid);
          break;
        case 'started':
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
          exited.resolve(event);
          break;
      }
    };

    const unref = () => {
      child.unref();
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
    child.on('error', (error) => {
      this.#loose.delete(unref);
      fail(error);
      closed.resolve();
    });
    child.on('exit', (code, signal) => {
      // what it wrote last may still be on its way
      const done = () => {
        this.#loose.delete(unref);
        fail(new EngineError('unavailable', `the helper ended ${signal === null ? `with code ${code}` : `by ${signal}`} before the plan did`));
        closed.resolve();
      };
      if (channel.destroyed || channel.readableEnded) done();
      else channel.once('close', done);
    });
    // while this one works, the next one starts: most of a start is waiting for a new process
    if (this.#runs > 1) setImmediate(() => (this.#spare ??= spare(sealedHelper(this.#helper))));

    return {
      pid: child.pid ?? 0,
      waiting: waiting.promise,
      started: started.promise,
      exited: exited.promise,
      closed: closed.promise,
      send: (command) => void channel.write(`${command}\n`),
      abort: () => void channel.destroy(),
      unref,
      ref: () => {
        this.#loose.delete(unref);
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.ref();
        channel.ref();
      },
    };
  }
}

interface Helper {
  readonly child: ChildProcess;
  readonly channel: Socket;
}

function start(helper: string, options: RunPlanOptions): Helper {
  const extra = options.extraFds ?? [];
  const stdio: StdioOptions = [options.stdin ?? 'ignore', options.stdout ?? 'ignore', options.stderr ?? 'ignore', ...extra, 'pipe'];
  const child = spawn(helper, ['run', String(3 + extra.length)], { stdio, env: {}, cwd: '/' });
  return { child, channel: child.stdio[3 + extra.length] as Socket };
}

/** A helper that waits for its plan, and goes when this process does. */
function spare(helper: string): Helper {
  const made = start(helper, {});
  made.child.on('error', () => made.channel.destroy());
  made.child.unref();
  made.channel.on('error', () => {});
  made.channel.unref();
  return made;
}

/** A promise whose rejection is not an unhandled one when nobody asks. */
function settle<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  promise.catch(() => {});
  return { promise, resolve, reject };
}
