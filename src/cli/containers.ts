/** ps, kill, stop, rm, wait, attach, inspect: what is done with containers that are there. */
import { invalid } from '../base/errors.ts';
import type { ContainerInfo, LocalEngine } from '../engine/contract.ts';
import type { ContainerSummary } from '../engine/types/container-answers.ts';
import { inForeground } from './attached.ts';
import { say, type CliContext, type Command } from './context.ts';
import { parseFlags, type Flag } from './flags.ts';
import { configFormat, formatList, FORMAT_FLAG } from './format.ts';
import { findImage } from './images.ts';
import { INSPECT_FLAGS, runInspect } from './inspect.ts';
import { CONTAINER_HEADINGS, containerFormat, containerRow, formatNeedsSize } from './rows/containers.ts';
import { ago, integer, signalNumber } from './units.ts';

export const PS_FLAGS: readonly Flag[] = [
  { name: 'all', short: 'a', kind: 'flag', help: 'Show all containers (default shows just running)' },
  FORMAT_FLAG,
  { name: 'no-trunc', kind: 'flag', help: "Don't truncate output" },
  { name: 'quiet', short: 'q', kind: 'flag', help: 'Only display container IDs' },
];

export const ps: Command = async (args, context) => {
  const flags = parseFlags(PS_FLAGS, args, { interspersed: true });
  const quiet = flags.on('quiet');
  const format = containerFormat(flags.value('format'), { quiet, config: () => configFormat(context, 'psFormat') });
  if (quiet && flags.value('format')) context.stderr.write('WARNING: Ignoring custom format, because both --format and --quiet are set.\n');
  const options = { noTrunc: flags.on('no-trunc'), now: Date.now() };
  formatNeedsSize(format);
  const all = (await context.engine().list()).filter((info) => flags.on('all') || info.state === 'running');
  context.stdout.write(
    formatList(
      format,
      all.map((info) => containerRow(summary(info), options)),
      CONTAINER_HEADINGS,
    ),
  );
  return 0;
};

function summary(info: ContainerInfo): ContainerSummary {
  return {
    Id: info.id,
    Names: [`/${info.name}`],
    Image: info.rootfs,
    ImageID: '',
    Command: info.args.join(' '),
    Created: Math.floor(info.createdAt / 1000),
    Ports: [],
    Labels: {},
    State: info.state,
    Status: status(info),
    HostConfig: { NetworkMode: 'none' },
    NetworkSettings: { Networks: {} },
    Mounts: [],
  };
}

function status({ state, exit, createdAt }: ContainerInfo): string {
  if (state === 'running') return `Up ${ago(Date.now() - createdAt)}`;
  if (exit === undefined) return state === 'created' ? 'Created' : 'Dead';
  return `Exited (${exit.status}) ${ago(Date.now() - Number(exit.exitedAt) / 1e6)} ago`;
}

/** Does one thing with each container that is named; says its name when done. The exit code is 1 when one failed. */
async function each(
  name: string,
  names: readonly string[],
  context: CliContext,
  act: (engine: LocalEngine, name: string) => Promise<string | void>,
): Promise<number> {
  if (names.length === 0) throw invalid(`"kobako ${name}" requires at least 1 argument`);
  let code = 0;
  for (const container of names) {
    try {
      say(context, (await act(context.engine(), container)) ?? container);
    } catch (error) {
      context.stderr.write(`Error response from daemon: ${(error as Error).message}\n`);
      code = 1;
    }
  }
  return code;
}

export const KILL_FLAGS: readonly Flag[] = [
  { name: 'signal', short: 's', kind: 'value', help: 'Signal to send to the container', complete: ['HUP', 'INT', 'KILL', 'QUIT', 'TERM', 'USR1', 'USR2'] },
];

export const kill: Command = async (args, context) => {
  const flags = parseFlags(KILL_FLAGS, args, { interspersed: true });
  const signal = signalNumber(flags.value('signal') ?? 'KILL');
  return each('kill', flags.rest, context, (engine, name) => engine.kill(name, signal));
};

const TIME: Flag = { name: 'time', short: 't', kind: 'value', value: 'int', help: 'Seconds to wait before killing the container', complete: 'none' };
export const STOP_FLAGS: readonly Flag[] = [TIME, { ...TIME, name: 'timeout', short: undefined }];

export const stop: Command = async (args, context) => {
  const flags = parseFlags(STOP_FLAGS, args, { interspersed: true });
  const text = flags.value('time') ?? flags.value('timeout');
  return each('stop', flags.rest, context, (engine, name) => engine.stop(name, text === undefined ? undefined : integer(text, 'time', -1)));
};

export const RM_FLAGS: readonly Flag[] = [{ name: 'force', short: 'f', kind: 'flag', help: 'Force the removal of a running container (uses SIGKILL)' }];

export const rm: Command = async (args, context) => {
  const flags = parseFlags(RM_FLAGS, args, { interspersed: true });
  return each('rm', flags.rest, context, (engine, name) => engine.remove(name, { force: flags.on('force') }));
};

export const wait: Command = async (args, context) =>
  each('wait', parseFlags([], args, { interspersed: true }).rest, context, async (engine, name) => String((await engine.wait(name)).status));

export const ATTACH_FLAGS: readonly Flag[] = [
  { name: 'detach-keys', kind: 'value', help: 'Override the key sequence for detaching a container' },
  { name: 'no-stdin', kind: 'flag', help: 'Do not attach STDIN' },
  { name: 'sig-proxy', kind: 'flag', help: 'Proxy all received signals to the process (default true)' },
];

export const attach: Command = async (args, context) => {
  const flags = parseFlags(ATTACH_FLAGS, args, { interspersed: true });
  const [name] = flags.rest;
  if (name === undefined || flags.rest.length > 1) throw invalid('"kobako attach" requires exactly 1 argument');
  const { tty } = await context.engine().find(name);
  const choice = { tty, stdin: !flags.on('no-stdin'), stdout: true, stderr: !tty, detachKeys: flags.value('detach-keys') };
  return inForeground(context, choice, !flags.has('sig-proxy') || flags.on('sig-proxy'), (streams) => context.engine().attach(name, streams));
};

export const inspect: Command = async (args, context) => {
  const flags = parseFlags(INSPECT_FLAGS, args, { interspersed: true });
  if (flags.rest.length === 0) throw invalid('"kobako inspect" requires at least 1 argument');
  return runInspect(context, flags, {
    container: async (name) => ({ document: await context.engine().find(name) }),
    image: (name) => findImage(context, name),
  });
};
