/** Runs a plan, attaches its user's streams before the program starts, and starts it. */
import { oomKills } from '../cgroup/stats.ts';
import type { Socket } from 'node:net';
import { EngineError, SyscallError } from '../base/errors.ts';
import { SIGKILL } from '../base/signals.ts';
import { PlanFailure, type RunningPlan, type RunPlanOptions } from '../kernel/contract.ts';
import { ask, askOnce, connectMonitor } from '../kernel/linux/monitor-client.ts';
import type { Plan } from '../plan/ops.ts';
import { describeFailure } from '../runtime/failure.ts';
import { pump } from './attach.ts';
import type { EarlyStream, StreamChoice } from './early-stream.ts';
import type { AttachEnd, ContainerExit, RunningProcess, RunStreams } from './contract.ts';
import type { EngineParts } from './parts.ts';

export interface StartInput {
  readonly plan: Plan;
  /** Runs the plan, where that is not for the runner alone. */
  readonly run?: () => RunningPlan;
  readonly warnings: readonly string[];
  readonly containerId: string;
  readonly execId?: string;
  /** The monitor's socket. */
  readonly socket: string;
  readonly tty: boolean;
  /** Attached before the program starts, so that nothing is missed. */
  readonly streams: RunStreams | undefined;
  /** Of those who came before; connected before the program starts. */
  readonly early?: readonly EarlyStream[];
  /** Let this process end while the program runs. */
  readonly detached: boolean;
  /** What the program needs and the plan does not, or what is to be known of it: done while the helper is at work. */
  readonly meanwhile?: () => Promise<void> | undefined;
  readonly onSync?: RunPlanOptions['onSync'];
  /** `onWaiting` is called, and streams are attached, while the process may still be being set up: nobody else may use it before `onStarted`. */
  readonly ahead?: boolean;
  /** With the pids of the process, which waits to be started, and of its monitor. */
  readonly onWaiting?: (pid: number, monitor: number) => void | Promise<void>;
  /** With what will say, after its end, whether all is clean. */
  readonly onRun?: (clean: Promise<boolean>) => void;
  /** The program runs. Called before `onEnd`, however short it is. */
  readonly onStarted?: () => void;
  /** How it ended, when its monitor was killed and cannot say. */
  readonly onLost: () => ContainerExit;
  /** Once, when a program that ran has ended; who waits for the end waits for this, too. */
  readonly onEnd?: ((exit: ContainerExit) => void | Promise<void>) | undefined;
}

const TRIES = 10;

/**
 * Again where another process took the empty parent folder of the cgroup away just now: nothing has happened then. `again`
 * makes it anew.
 */
export async function despiteOthers<T>(start: () => Promise<T>, again: () => void = () => {}): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await start();
    } catch (error) {
      const taken = error instanceof EngineError && error.cause instanceof SyscallError && error.cause.syscall === 'mkdirat' && error.cause.code === 'ENOENT';
      if (!taken || tries === TRIES) throw error;
      again();
    }
  }
}

/** The plan must wait for `start`. A failure is thrown as a sentence about what the user gave. */
export async function startProcess(parts: EngineParts, input: StartInput): Promise<RunningProcess> {
  const running = input.run?.() ?? parts.runner.run(input.plan, { onSync: input.onSync });
  input.onRun?.(running.clean);
  let runs = false;
  const explain = (error: unknown): never => {
    throw error instanceof PlanFailure ? describeFailure(input.plan, error) : error;
  };
  const exited = running.exited.then(
    async (record): Promise<ContainerExit> => {
      const exit = { ...record, oomKilled: oomKills(record.reports) > 0 };
      await input.onEnd?.(exit);
      return exit;
    },
    async (error: Error) => {
      if (!runs) throw error;
      const exit = input.onLost();
      await input.onEnd?.(exit);
      return exit;
    },
  );
  exited.catch(() => {});
  let failure: unknown;
  const begun = running.started.then(input.onStarted, (error: unknown) => void (failure = error));
  begun.catch(() => {});
  let attached: Promise<AttachEnd> | undefined;
  let meanwhile: Promise<void> | undefined;
  try {
    meanwhile = input.meanwhile?.();
    meanwhile?.catch(() => {});
    const waiting = await (input.ahead === true ? running.cloned : running.waiting);
    await input.onWaiting?.(waiting, running.pid);
    const early = input.early ?? [];
    // the last that is attached says start where nothing else is to be waited for: that saves a message and its answer
    const last = input.streams === undefined && meanwhile === undefined ? early.at(-1) : undefined;
    for (const one of early) one.connectTo(await attachSocket(input.socket, one.choice, one === last));
    if (input.streams !== undefined) {
      const socket = await attachTo(input.socket, input.streams);
      attached = pump(socket, input.streams, input.tty).then(async (how): Promise<AttachEnd> => {
        if (how === 'exit') return { kind: 'exit', record: await exited };
        running.unref();
        return { kind: 'detached' };
      });
      attached.catch(() => {});
    }
    await meanwhile;
    if (last === undefined) running.send('start');
    const pid = await running.started;
    runs = true;
    await begun;
    if (input.detached) running.unref();
    const wait = () => {
      running.ref();
      return exited;
    };
    return processHandle({ ...input, pid, exited: wait, attached });
  } catch (error) {
    // nobody will know of it
    if (runs) running.send(`kill ${SIGKILL}`);
    running.abort();
    await running.closed;
    // what is under way is of no use any more, and must not go on after who takes it back
    await meanwhile?.catch(() => {});
    // the monitor of a plan that fails while somebody is being attached goes: that is not why
    return explain(failure instanceof PlanFailure ? failure : error);
  }
}

/** Connects and asks for the streams that the user holds. */
export function attachTo(path: string, { stdin, stdout, stderr }: RunStreams): Promise<Socket> {
  return attachSocket(path, { stdin: stdin !== undefined, stdout: stdout !== undefined, stderr: stderr !== undefined });
}

/**
 * A connection to a monitor that carries the chosen streams: raw with a terminal, else in Docker's framing. With `start`, its
 * program is to run then; nothing but the streams comes in answer.
 */
export async function attachSocket(path: string, { stdin, stdout, stderr }: StreamChoice, start = false): Promise<Socket> {
  const socket = await connectMonitor(path);
  const command = `attach stdin=${Number(stdin)} stdout=${Number(stdout)} stderr=${Number(stderr)}`;
  if (start) socket.write(`${command} start=1\n`);
  else await ask(socket, command);
  return socket;
}

export interface HandleInput {
  readonly containerId: string;
  readonly execId?: string | undefined;
  readonly pid: number;
  readonly socket: string;
  readonly warnings: readonly string[];
  readonly exited: () => Promise<ContainerExit>;
  readonly attached: Promise<AttachEnd> | undefined;
}

export function processHandle(input: HandleInput): RunningProcess {
  return {
    containerId: input.containerId,
    ...(input.execId === undefined ? {} : { execId: input.execId }),
    pid: input.pid,
    warnings: input.warnings,
    wait: input.exited,
    attached: () => input.attached ?? Promise.reject(new TypeError('no streams were attached')),
    resize: async ({ rows, cols }) => void (await askOnce(input.socket, `resize ${rows} ${cols}`)),
    kill: async (signal) => void (await askOnce(input.socket, `kill ${signal}`)),
  };
}
