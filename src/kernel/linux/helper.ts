/** Starts the native helper and speaks its channel: the plan goes in, one-line JSON events come out. */
import { spawn, type StdioOptions } from 'node:child_process';
import type { Socket } from 'node:net';
import { encodePlan } from '../../plan/encode.ts';
import type { Plan } from '../../plan/ops.ts';
import { PlanFailure, type ExitRecord, type PlanRunner, type RunningPlan, type RunPlanOptions } from '../contract.ts';

type Event =
  | { event: 'waiting' | 'started'; pid: number }
  | { event: 'sync'; name: string; pid: number }
  | { event: 'failed'; index: number; errno: number; detail: string }
  | ({ event: 'exit' } & ExitRecord);

/** The longest event line that is believed, in bytes. */
const MAX_LINE = 1 << 20;

/** Runs plans with the helper at a path. */
export class LinuxPlanRunner implements PlanRunner {
  readonly #helper: string;

  constructor(helper: string) {
    this.#helper = helper;
  }

  run(plan: Plan, options: RunPlanOptions = {}): RunningPlan {
    const bytes = encodePlan(plan);
    const extra = options.extraFds ?? [];
    const stdio: StdioOptions = [options.stdin ?? 'ignore', options.stdout ?? 'ignore', options.stderr ?? 'ignore', ...extra, 'pipe'];
    const child = spawn(this.#helper, ['run', String(3 + extra.length)], { stdio, env: {}, cwd: '/' });
    const channel = child.stdio[3 + extra.length] as Socket;
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
      fail(error);
      closed.resolve();
    });
    child.on('exit', (code, signal) => {
      // what it wrote last may still be on its way
      const done = () => {
        fail(new Error(`the helper ended ${signal === null ? `with code ${code}` : `by ${signal}`} before the plan did`));
        closed.resolve();
      };
      if (channel.destroyed || channel.readableEnded) done();
      else channel.once('close', done);
    });
    channel.write(bytes);

    return {
      pid: child.pid ?? 0,
      waiting: waiting.promise,
      started: started.promise,
      exited: exited.promise,
      closed: closed.promise,
      send: (command) => void channel.write(`${command}\n`),
      abort: () => void channel.destroy(),
      unref: () => {
        child.unref();
        channel.unref();
      },
    };
  }
}

/** A promise whose rejection is not an unhandled one when nobody asks. */
function settle<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  promise.catch(() => {});
  return { promise, resolve, reject };
}
