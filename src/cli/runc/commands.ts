/** runc's commands over the OCI runtime. Each gives its exit code. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { invalid } from '../../base/errors.ts';
import { parseProcess, parseResources, psLines, resolveUser, type OciRuntime, type Process, type Resources } from '../../engine/oci.ts';
import type { Flags } from '../flags.ts';
import { bytes, integer, signalNumber } from '../units.ts';
import { callerTerminal } from './caller-terminal.ts';
import { defaultConfig, features, rootlessConfig } from './documents.ts';
import { milliseconds } from './duration.ts';
import { eventLine } from './stats.ts';

export type RuncCommand = (runtime: OciRuntime, flags: Flags, print: (text: string) => void) => number | Promise<number>;

/** Without an id, or with too much: a wrong use of the command line, which is said without `runc create failed:`. */
export class UsageError extends Error {}

function idOf(flags: Flags, name: string, most = 1): string {
  const [id] = flags.rest;
  if (id === undefined || flags.rest.length > most) {
    throw new UsageError(`"${name}" requires ${most === 1 ? 'exactly 1 argument(s)' : `a minimum of 1 argument(s) and a maximum of ${most} argument(s)`}`);
  }
  if (id === '') throw invalid('container id cannot be empty');
  return id;
}

function idAndArgs(flags: Flags, name: string): [string, string[]] {
  const [id, ...args] = flags.rest;
  if (id === undefined) throw new UsageError(`"${name}" requires a minimum of 1 argument(s)`);
  return [id, args];
}

const createOptions = (flags: Flags) => ({
  bundle: flags.value('bundle') ?? '.',
  noPivot: flags.on('no-pivot'),
  noNewKeyring: flags.on('no-new-keyring'),
  ...startOptions(flags),
});

const startOptions = (flags: Flags) => ({
  consoleSocket: flags.value('console-socket') || undefined,
  pidfdSocket: flags.value('pidfd-socket') || undefined,
  preserveFds: flags.has('preserve-fds') ? integer(flags.value('preserve-fds')!, 'preserve-fds') : undefined,
  onPid(pid: number) {
    const path = flags.value('pid-file');
    if (!path) return;
    // whoever waits for it finds it whole
    const temporary = `${dirname(path)}/.${basename(path)}.${process.pid}`;
    writeFileSync(temporary, String(pid), { mode: 0o666 });
    renameSync(temporary, path);
  },
});

const run: RuncCommand = async (runtime, flags) => {
  const id = idOf(flags, 'run');
  if (!flags.on('detach')) return runtime.run(id, { ...createOptions(flags), terminal: callerTerminal, keep: flags.on('keep') });
  await runtime.create(id, createOptions(flags));
  try {
    runtime.start(id);
  } catch (error) {
    await runtime.delete(id, true);
    throw error;
  }
  return 0;
};

const exec: RuncCommand = (runtime, flags) => {
  const [id, args] = idAndArgs(flags, 'exec');
  runtime.find(id);
  const file = flags.value('process');
  const process = file === undefined ? processOf(runtime, id, flags, args) : parseProcess(readFileSync(file, 'utf8'));
  return runtime.exec(id, {
    ...startOptions(flags),
    process,
    terminal: callerTerminal,
    detach: flags.on('detach'),
    cgroup: cgroupOf(flags),
    ignorePaused: flags.on('ignore-paused'),
  });
};

/** `--cgroup PATH`, a cgroup below the container's. runc's form with controllers before a colon is for v1 alone. */
function cgroupOf(flags: Flags): string | undefined {
  const given = flags.list('cgroup');
  if (given.length === 0) return undefined;
  const [text] = given;
  if (given.length > 1 || text!.includes(':'))
    throw invalid(`--cgroup ${given.join(' ')}: one path for all controllers is supported, without controller names`);
  const parts = text!.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw invalid(`--cgroup ${text}: not below the container's cgroup`);
  return parts.join('/');
}

function processOf(runtime: OciRuntime, id: string, flags: Flags, args: readonly string[]): Process {
  if (args.length === 0) throw invalid('exec args cannot be empty');
  const bare = flags.list('env').find((entry) => !/^[^=]+=/.test(entry));
  if (bare !== undefined) throw invalid(`invalid environment variable ${JSON.stringify(bare)}: missing '='`);
  const base = runtime.process(id);
  const caps = flags.list('cap').flatMap((text) => text.split(','));
  const add = (set: string[] | undefined) => [...new Set([...(set ?? []), ...caps])];
  const { bounding, effective, permitted, ambient, inheritable } = base.capabilities ?? {};
  return {
    ...base,
    terminal: flags.on('tty'),
    args: [...args],
    env: [...(base.env ?? []), ...flags.list('env')],
    cwd: flags.value('cwd') ?? base.cwd,
    user: userOf(runtime, id, flags, base.user),
    capabilities:
      caps.length === 0
        ? base.capabilities
        : {
            bounding: add(bounding),
            effective: add(effective),
            permitted: add(permitted),
            inheritable,
            ambient: inheritable === undefined ? ambient : add(ambient),
          },
    noNewPrivileges: flags.on('no-new-privs') || base.noNewPrivileges,
    ...(flags.has('apparmor') ? { apparmorProfile: flags.value('apparmor')! } : {}),
    ...(flags.has('process-label') ? { selinuxLabel: flags.value('process-label')! } : {}),
  };
}

/** `uid[:gid]` as runc takes it; a name, which runc refuses, is looked up in the container's own files. */
function userOf(runtime: OciRuntime, id: string, flags: Flags, base: Process['user']): Process['user'] {
  const text = flags.value('user');
  const more = flags.list('additional-gids').map((gid) => integer(gid, 'additional-gids'));
  const additionalGids = [...(base?.additionalGids ?? []), ...more];
  if (text === undefined) return { uid: 0, gid: 0, ...base, additionalGids };
  const numbers = /^(\d+)(?::(\d+))?$/.exec(text);
  if (numbers === null) return { ...base, ...pick(resolveUser(runtime.rootOf(id), text)), additionalGids };
  return { ...base, uid: integer(numbers[1]!, 'user'), gid: numbers[2] === undefined ? (base?.gid ?? 0) : integer(numbers[2], 'user'), additionalGids };
}

const pick = ({ uid, gid }: { uid: number; gid: number }) => ({ uid, gid });

function resourcesOf(flags: Flags): Resources {
  const file = flags.value('resources');
  if (file !== undefined) return parseResources(readFileSync(file === '-' ? 0 : file, 'utf8'));
  const number = (name: string) => (flags.has(name) ? integer(flags.value(name)!, name, -1) : undefined);
  const size = (name: string) => (!flags.has(name) ? undefined : flags.value(name) === '-1' ? -1 : bytes(flags.value(name)!));
  const some = <T extends object>(fields: T): T | undefined => (Object.values(fields).some((field) => field !== undefined) ? fields : undefined);
  const pids = number('pids-limit');
  return {
    memory: some({ limit: size('memory'), reservation: size('memory-reservation'), swap: size('memory-swap') }),
    cpu: some({
      shares: number('cpu-share'),
      quota: number('cpu-quota'),
      burst: number('cpu-burst'),
      period: number('cpu-period'),
      realtimeRuntime: number('cpu-rt-runtime'),
      realtimePeriod: number('cpu-rt-period'),
      cpus: flags.value('cpuset-cpus'),
      mems: flags.value('cpuset-mems'),
      idle: number('cpu-idle'),
    }),
    pids: pids === undefined ? undefined : { limit: pids },
    blockIO: some({ weight: number('blkio-weight') }),
  };
}

function formatOf(flags: Flags): 'table' | 'json' {
  const format = flags.value('format') ?? 'table';
  if (format !== 'table' && format !== 'json') throw invalid(`invalid format option: ${format}: table or json`);
  return format;
}

const list: RuncCommand = (runtime, flags, print) => {
  const format = formatOf(flags);
  const all = runtime.list();
  if (flags.on('quiet')) all.forEach(({ id }) => print(id));
  else if (format === 'json') print(JSON.stringify(all));
  else {
    const rows = [
      ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'],
      ...all.map((one) => [one.id, String(one.pid), one.status, one.bundle, one.created, one.owner]),
    ];
    const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)) + 4);
    for (const row of rows)
      print(
        row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('')
          .trimEnd(),
      );
  }
  return 0;
};

const ps: RuncCommand = (runtime, flags, print) => {
  const [id, args] = idAndArgs(flags, 'ps');
  const format = formatOf(flags);
  const pids = runtime.pids(id);
  if (format === 'json') print(JSON.stringify(pids));
  else psLines(args, pids).forEach(print);
  return 0;
};

const events: RuncCommand = async (runtime, flags, print) => {
  const id = idOf(flags, 'events');
  const interval = milliseconds(flags.value('interval') ?? '5s');
  if (!(interval > 0)) throw invalid('duration interval must be greater than 0');
  const one = () => {
    const stats = runtime.stats(id);
    print(eventLine(id, stats));
    return stats?.memory.oomKills ?? 0;
  };
  let kills = one();
  if (flags.on('stats')) return 0;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, interval));
    // stopped, or deleted meanwhile
    if (!runtime.list().some((each) => each.id === id && each.status !== 'stopped')) return 0;
    const now = one();
    for (; kills < now; kills++) print(JSON.stringify({ type: 'oom', id }));
  }
};

const kill: RuncCommand = (runtime, flags) => {
  const id = idOf(flags, 'kill', 2);
  runtime.find(id);
  const text = flags.rest[1] ?? 'SIGTERM';
  runtime.kill(id, signalOf(text), flags.on('all'));
  return 0;
};

function signalOf(text: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number > 64) throw invalid(`unable to signal init: invalid argument: there is no signal ${text}`);
    return number;
  }
  try {
    return signalNumber(text);
  } catch {
    throw invalid(`unknown signal ${JSON.stringify(text)}`);
  }
}

export const COMMANDS: Readonly<Record<string, RuncCommand>> = {
  create: async (runtime, flags) => {
    await runtime.create(idOf(flags, 'create'), createOptions(flags));
    return 0;
  },
  start: (runtime, flags) => {
    runtime.start(idOf(flags, 'start'));
    return 0;
  },
  run,
  exec,
  state: (runtime, flags, print) => {
    print(JSON.stringify(runtime.state(idOf(flags, 'state')), null, 2));
    return 0;
  },
  kill,
  delete: async (runtime, flags) => {
    await runtime.delete(idOf(flags, 'delete'), flags.on('force'));
    return 0;
  },
  list,
  ps,
  pause: async (runtime, flags) => {
    await runtime.freeze(idOf(flags, 'pause'), true);
    return 0;
  },
  resume: async (runtime, flags) => {
    await runtime.freeze(idOf(flags, 'resume'), false);
    return 0;
  },
  update: (runtime, flags) => {
    runtime.update(idOf(flags, 'update'), resourcesOf(flags));
    return 0;
  },
  events,
  spec: (_runtime, flags) => {
    const path = `${flags.value('bundle') ?? '.'}/config.json`;
    const config = flags.on('rootless') ? rootlessConfig() : defaultConfig();
    try {
      writeFileSync(path, `${JSON.stringify(config, null, '\t')}\n`, { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw invalid(`File ${path} exists. Remove it first`);
      throw error;
    }
    return 0;
  },
  features: (_runtime, _flags, print) => {
    print(JSON.stringify(features(), null, 4));
    return 0;
  },
};
