/** kill, stop, restart, pause, unpause, rename, wait, rm, update, container prune: what happens to containers that are there. */
import { EngineError, invalid } from '../base/errors.ts';
import type { Engine } from '../engine/contract.ts';
import type { ContainerUpdate } from '../engine/types/container.ts';
import type { StopOptions } from '../engine/containers-contract.ts';
import { CONTAINER_PRUNE_FLAGS, KILL_FLAGS, RM_FLAGS, STOP_FLAGS, UPDATE_FLAGS } from './container-flags.ts';
import { say, warn, type Command, type CliContext } from './context.ts';
import { readRestartPolicy } from './create-document.ts';
import { each } from './each.ts';
import { filters } from './filters.ts';
import { parseFlags, type Flags } from './flags.ts';
import { bytes, humanSize, integer, nanoCpus } from './units.ts';
import { confirmed } from './confirm.ts';

export const kill: Command = async (args, context) => {
  const flags = parseFlags(KILL_FLAGS, args, { interspersed: true });
  const signal = flags.value('signal') ?? 'KILL';
  return each('kill', flags.rest, context, (engine, name) => engine.containers.kill(name, signal));
};

function stopOptions(flags: Flags): StopOptions {
  if (flags.has('time') && flags.has('timeout')) throw invalid('conflicting options: cannot specify both --timeout and --time');
  const name = flags.has('time') ? 'time' : 'timeout';
  return { signal: flags.value('signal'), timeout: flags.read(name, (text) => integer(text, name, -1)) };
}

export const stop: Command = async (args, context) => {
  const flags = parseFlags(STOP_FLAGS, args, { interspersed: true });
  const options = stopOptions(flags);
  return each('stop', flags.rest, context, async (engine, name) => void (await engine.containers.stop(name, options)));
};

export const restart: Command = async (args, context) => {
  const flags = parseFlags(STOP_FLAGS, args, { interspersed: true });
  const options = stopOptions(flags);
  return each('restart', flags.rest, context, (engine, name) => engine.containers.restart(name, options), { need: { stays: true } });
};

export const pause: Command = async (args, context) =>
  each('pause', parseFlags([], args, { interspersed: true }).rest, context, (engine, name) => engine.containers.pause(name));

export const unpause: Command = async (args, context) =>
  each('unpause', parseFlags([], args, { interspersed: true }).rest, context, (engine, name) => engine.containers.unpause(name));

export const rename: Command = async (args, context) => {
  const { rest } = parseFlags([], args, { interspersed: true });
  const [name, newName] = rest;
  if (name === undefined || newName === undefined || rest.length > 2) throw invalid('"kobako rename" requires exactly 2 arguments');
  if (name.trim() === '' || newName.trim() === '') throw invalid('error: Neither old nor new names may be empty');
  const { containers } = await context.engine();
  await containers.rename(name, newName);
  return 0;
};

export const wait: Command = async (args, context) =>
  each('wait', parseFlags([], args, { interspersed: true }).rest, context, async (engine, name) => String((await engine.containers.wait(name)).StatusCode));

export const rm: Command = async (args, context) => {
  const flags = parseFlags(RM_FLAGS, args, { interspersed: true });
  const options = { force: flags.on('force'), volumes: flags.on('volumes'), link: flags.on('link') };
  const act = async (engine: Engine, given: string) => {
    const name = given.replace(/^\/+/, '');
    if (name === '') throw invalid('container name cannot be empty');
    await engine.containers.remove(name, options);
    return name;
  };
  // as docker: what is not there need not be removed
  const excused = (error: unknown) => options.force && error instanceof EngineError && error.kind === 'not-found';
  return each('rm', flags.rest, context, act, { excused });
};

export const prune: Command = async (args, context) => {
  const flags = parseFlags(CONTAINER_PRUNE_FLAGS, args, { interspersed: true });
  if (!flags.on('force') && !(await confirmed(context, 'This will remove all stopped containers.'))) return 0;
  const { ContainersDeleted, SpaceReclaimed } = await (await context.engine()).containers.prune(filters(flags));
  if (ContainersDeleted?.length) say(context, `Deleted Containers:\n${ContainersDeleted.join('\n')}\n`);
  say(context, `Total reclaimed space: ${humanSize(SpaceReclaimed)}`);
  return 0;
};

export const update: Command = async (args, context) => {
  const flags = parseFlags(UPDATE_FLAGS, args, { interspersed: true });
  const change = changes(flags);
  if (Object.keys(change).length === 0) throw invalid('you must provide one or more flags when using this command');
  return each('update', flags.rest, context, async (engine, name) => warnOf(context, await engine.containers.update(name, change)));
};

function warnOf(context: CliContext, { Warnings }: { readonly Warnings: readonly string[] }): void {
  warn(context, Warnings ?? []);
}

function changes(flags: Flags): ContainerUpdate {
  const size = (name: string) => flags.read(name, (text) => (text === '-1' ? -1 : bytes(text)));
  const number = (name: string, min = 0) => flags.read(name, (text) => integer(text, name, min));
  const policy = flags.value('restart');
  const all: { -readonly [K in keyof ContainerUpdate]: ContainerUpdate[K] | undefined } = {
    BlkioWeight: number('blkio-weight'),
    CpuPeriod: number('cpu-period'),
    CpuQuota: number('cpu-quota', -1),
    CpuRealtimePeriod: number('cpu-rt-period'),
    CpuRealtimeRuntime: number('cpu-rt-runtime'),
    CpuShares: number('cpu-shares'),
    NanoCpus: flags.read('cpus', nanoCpus),
    CpusetCpus: flags.value('cpuset-cpus'),
    CpusetMems: flags.value('cpuset-mems'),
    Memory: size('memory'),
    MemoryReservation: size('memory-reservation'),
    MemorySwap: size('memory-swap'),
    PidsLimit: number('pids-limit', -1),
    RestartPolicy: policy === undefined ? undefined : readRestartPolicy(policy),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as ContainerUpdate;
}
