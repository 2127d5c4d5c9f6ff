/** `run`, `start` and `attach`: containers in the foreground, as docker's command line has them. */
import { EngineError, invalid } from '../base/errors.ts';
import type { WaitResult } from '../engine/containers-contract.ts';
import type { Engine } from '../engine/contract.ts';
import type { Lease } from '../engine/leases-contract.ts';
import { checkImage, createFrom, isLeased, streamsOf } from './create.ts';
import { createRequest, type CreateRequest, type StreamNames } from './create-document.ts';
import { RUN_COMMAND_FLAGS } from './create-flags.ts';
import { ATTACH_FLAGS, START_FLAGS } from './container-flags.ts';
import { say, warn, type CliContext, type Command } from './context.ts';
import { each } from './each.ts';
import { endLease } from './end-lease.ts';
import { parseFlags, type Flags } from './flags.ts';
import { inForeground, type AttachChoice } from './foreground.ts';

/** `kobako run [FLAGS] IMAGE [COMMAND] [ARG…]` */
export const run: Command = async (args, context) => {
  const flags = parseFlags(RUN_COMMAND_FLAGS, args);
  checkImage(flags, 'run');
  const detach = flags.on('detach');
  if (detach && flags.has('attach')) throw invalid('conflicting options: cannot specify both --attach and --detach');
  const streams = streamsOf(flags);
  const request = createRequest(flags, context, detach ? { stdin: false, stdout: false, stderr: false } : streams);
  const { body } = request;
  const tty = body.Tty ?? false;
  if (!detach && tty && streams.stdin && !context.stdin.isTTY) throw invalid('the input device is not a TTY');
  const kept = (body.HostConfig?.RestartPolicy?.Name ?? 'no') !== 'no' || body.Healthcheck?.Test?.[0]?.startsWith('CMD') === true;
  const wanted = flags.on('lease');
  if (detach && wanted) throw invalid('conflicting options: cannot specify both --lease and --detach', 'kobako lease hold ties a container to something else');
  const engine = await context.engine({ stays: detach || kept || wanted || isLeased(context) });
  const lease = wanted ? await engine.lease() : undefined;
  try {
    return await runCreated(flags, context, engine, lease === undefined ? request : under(lease, request), streams);
  } finally {
    if (lease !== undefined) await endLease(context, lease);
  }
};

function under({ labels }: Lease, request: CreateRequest): CreateRequest {
  return { ...request, body: { ...request.body, Labels: { ...request.body.Labels, ...labels } } };
}

async function runCreated(flags: Flags, context: CliContext, engine: Engine, request: CreateRequest, streams: StreamNames): Promise<number> {
  const id = await createFrom(flags, context, request, engine);
  const autoRemove = flags.on('rm');
  const quiet = flags.on('quiet');
  if (flags.on('detach')) {
    await started(engine, id, context, { quiet });
    say(context, id);
    return 0;
  }
  const choice = { tty: request.body.Tty ?? false, ...streams, detachKeys: flags.value('detach-keys') };
  return runAttached(context, engine, { id, choice, autoRemove, quiet, logs: false, start: true, sigProxy: sigProxy(flags) });
}

/** `kobako start [-a] [-i] CONTAINER…` */
export const start: Command = async (args, context) => {
  const flags = parseFlags(START_FLAGS, args, { interspersed: true });
  const foreground = flags.on('attach') || flags.on('interactive');
  if (!foreground) {
    const detachKeys = flags.value('detach-keys');
    const act = async (engine: Engine, name: string) => startOne(engine, name, context, detachKeys);
    const failed = (names: readonly string[]) => `Error: failed to start containers: ${names.join(' ')}`;
    return each('start', flags.rest, context, act, { need: { stays: true }, failed });
  }
  if (flags.rest.length !== 1) {
    if (flags.rest.length === 0) throw invalid('"kobako start" requires at least 1 argument');
    throw invalid('you cannot start and attach multiple containers at once');
  }
  // it may have a restart policy
  const engine = await context.engine({ stays: true });
  const { Id, Config, HostConfig } = await engine.containers.inspect(flags.rest[0]!);
  const stdin = flags.on('interactive') && Config.OpenStdin;
  if (Config.Tty && stdin && !context.stdin.isTTY) throw invalid('the input device is not a TTY');
  const choice = { tty: Config.Tty, stdin, stdout: true, stderr: !Config.Tty, detachKeys: flags.value('detach-keys') };
  const { AutoRemove: autoRemove } = HostConfig;
  return runAttached(context, engine, { id: Id, choice, autoRemove, quiet: false, logs: false, start: true, sigProxy: sigProxy(flags), failure: 1 });
};

/** `kobako attach CONTAINER` */
export const attach: Command = async (args, context) => {
  const flags = parseFlags(ATTACH_FLAGS, args, { interspersed: true });
  const [name] = flags.rest;
  if (name === undefined || flags.rest.length > 1) throw invalid('"kobako attach" requires exactly 1 argument');
  const engine = await context.engine();
  const { Id, Config, HostConfig, State } = await engine.containers.inspect(name);
  if (State.Paused) throw new EngineError('conflict', 'cannot attach to a paused container, unpause it first');
  if (State.Restarting) throw new EngineError('conflict', 'cannot attach to a restarting container, wait until it is running');
  if (!State.Running) throw new EngineError('conflict', 'cannot attach to a stopped container, start it first');
  const stdin = !flags.on('no-stdin') && Config.OpenStdin;
  if (Config.Tty && stdin && !context.stdin.isTTY) throw invalid('the input device is not a TTY');
  const choice = { tty: Config.Tty, stdin, stdout: true, stderr: !Config.Tty, detachKeys: flags.value('detach-keys') };
  const { AutoRemove: autoRemove } = HostConfig;
  return runAttached(context, engine, { id: Id, choice, autoRemove, quiet: false, logs: false, start: false, sigProxy: sigProxy(flags) });
};

function sigProxy(flags: Flags): boolean {
  return !flags.has('sig-proxy') || flags.on('sig-proxy');
}

interface Attachment {
  readonly id: string;
  readonly choice: AttachChoice;
  readonly autoRemove: boolean;
  readonly quiet: boolean;
  readonly logs: boolean;
  /** Else it runs already. */
  readonly start: boolean;
  readonly sigProxy: boolean;
  /** The exit code when it cannot be started; else what docker's `run` makes of the failure. */
  readonly failure?: number;
}

/** Attaches, waits, starts, in this order: nothing of what the program writes is missed, nor its end. Gives its exit code. */
async function runAttached(context: CliContext, engine: Engine, attachment: Attachment): Promise<number> {
  const { id, choice, start: wanted } = attachment;
  const { containers } = engine;
  const stop = new AbortController();
  const end = Promise.withResolvers<WaitResult>();
  end.promise.catch(() => {}); // a start that fails is the better news
  const how = await inForeground(context, {
    choice,
    begin: async () => {
      const { stdin, stdout, stderr, detachKeys } = choice;
      const attached = await containers.attach(id, { stdin, stdout, stderr: stderr || choice.tty, logs: attachment.logs, stream: true, detachKeys });
      try {
        const condition = attachment.autoRemove ? 'removed' : wanted ? 'next-exit' : 'not-running';
        await registered(containers.wait, id, condition, stop.signal, end);
        if (wanted) await started(engine, id, context, attachment);
      } catch (error) {
        attached.stream.destroy();
        stop.abort();
        throw error;
      }
      return attached;
    },
    resize: ({ rows, cols }) => containers.resize(id, rows, cols),
    ...(attachment.sigProxy ? { signal: (signal: number) => containers.kill(id, String(signal)) } : {}),
  });
  if (how === 'detached') {
    stop.abort();
    if (wanted) return 0;
    context.stderr.write('read escape sequence\n');
    return 1;
  }
  const { StatusCode, Error: failure } = await end.promise;
  if (failure !== undefined && failure.Message !== '') context.stderr.write(`kobako: ${failure.Message}\n`);
  return StatusCode === 0 && failure ? 125 : StatusCode;
}

/** Resolves once the end will be seen. */
function registered(
  wait: Engine['containers']['wait'],
  id: string,
  condition: 'removed' | 'next-exit' | 'not-running',
  signal: AbortSignal,
  end: PromiseWithResolvers<WaitResult>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    wait(id, { condition, signal, started: resolve }).then(end.resolve, (error: unknown) => {
      reject(error as Error);
      end.reject(error);
    });
  });
}

async function started(
  engine: Engine,
  id: string,
  context: CliContext,
  { quiet, failure }: { readonly quiet: boolean; readonly failure?: number },
): Promise<void> {
  try {
    await engine.containers.start(id, quiet ? {} : { warned: (warnings) => warn(context, warnings) });
  } catch (error) {
    throw failure === undefined ? withExitCode(error) : error;
  }
}

async function startOne(engine: Engine, name: string, context: CliContext, detachKeys: string | undefined): Promise<void> {
  await engine.containers.start(name, { detachKeys, warned: (warnings) => warn(context, warnings) });
}

/** An engine in this process knows the exit code; of a daemon's only the words tell it. */
function withExitCode(error: unknown): unknown {
  if (!(error instanceof EngineError) || (error.detail as { exitCode?: number } | undefined)?.exitCode !== undefined) return error;
  if ((error.detail as { status?: number } | undefined)?.status === undefined) return error;
  const missing = /executable file not found|no such file or directory|system cannot find the file specified/;
  const exitCode = missing.test(error.message) ? 127 : /permission denied|is a directory|exec format error/.test(error.message) ? 126 : 125;
  return new EngineError(error.kind, error.message, { detail: { ...(error.detail as object), exitCode }, cause: error });
}
