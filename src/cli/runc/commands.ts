/** runc's commands over the OCI runtime. Each gives its exit code. */
import { readFileSync, writeFileSync } from 'node:fs';
import { invalid } from '../../base/errors.ts';
import { parseProcess, parseResources, psLines, resolveUser, type OciRuntime, type Process, type Resources } from '../../engine/oci.ts';
import type { Flags } from '../flags.ts';
import { integer, signalNumber } from '../units.ts';
import { defaultConfig, features } from './documents.ts';
import { eventData } from './stats.ts';

export type RuncCommand = (runtime: OciRuntime, flags: Flags, print: (text: string) => void) => number | Promise<number>;

function idOf(flags: Flags, name: string, most = 1): string {
  const [id] = flags.rest;
  if (id === undefined || flags.rest.length > most) throw invalid(`"${name}" requires exactly ${most} argument(s)`);
  if (id === '') throw invalid('container id cannot be empty');
  return id;
}

const createOptions = (flags: Flags) => ({
  bundle: flags.value('bundle') ?? '.',
  consoleSocket: flags.value('console-socket'),
  preserveFds: flags.has('preserve-fds') ? integer(flags.value('preserve-fds')!, 'preserve-fds') : undefined,
  noPivot: flags.on('no-pivot'),
});

const pidFile = (flags: Flags) => (pid: number) => {
  const path = flags.value('pid-file');
  if (path !== undefined) writeFileSync(path, String(pid));
};

const run: RuncCommand = async (runtime, flags) => {
  const id = idOf(flags, 'run');
  if (!flags.on('detach')) return runtime.run(id, createOptions(flags), pidFile(flags));
  pidFile(flags)(await runtime.create(id, createOptions(flags)));
  runtime.start(id);
  return 0;
};

const exec: RuncCommand = async (runtime, flags) => {
  const [id, ...args] = flags.rest;
  if (id === undefined) throw invalid('"exec" requires a minimum of 1 argument');
  const file = flags.value('process');
  const process = file === undefined ? processOf(runtime, id, flags, args) : parseProcess(readFileSync(file, 'utf8'));
  const options = { process, consoleSocket: flags.value('console-socket'), preserveFds: createOptions(flags).preserveFds, detach: flags.on('detach') };
  return runtime.exec(id, options, pidFile(flags));
};

function processOf(runtime: OciRuntime, id: string, flags: Flags, args: readonly string[]): Process {
  if (args.length === 0) throw invalid('process args cannot be empty');
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
    user: flags.has('user') ? userOf(runtime, id, flags) : base.user,
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

function userOf(runtime: OciRuntime, id: string, flags: Flags): Process['user'] {
  const { uid, gid } = resolveUser(runtime.rootOf(id), flags.value('user')!);
  return { uid, gid, additionalGids: flags.list('additional-gids').map((text) => integer(text, 'additional-gids')) };
}

function resourcesOf(flags: Flags): Resources {
  const file = flags.value('resources');
  if (file !== undefined) return parseResources(readFileSync(file === '-' ? 0 : file, 'utf8'));
  const number = (name: string) => (flags.has(name) ? integer(flags.value(name)!, name, -1) : undefined);
  const some = <T extends object>(fields: T): T | undefined => (Object.values(fields).some((field) => field !== undefined) ? fields : undefined);
  const pids = number('pids-limit');
  return {
    memory: some({ limit: number('memory'), reservation: number('memory-reservation'), swap: number('memory-swap') }),
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

const list: RuncCommand = (runtime, flags, print) => {
  const all = runtime.list();
  if (flags.on('quiet')) all.forEach(({ id }) => print(id));
  else if (flags.value('format') === 'json') print(JSON.stringify(all));
  else {
    const rows = [
      ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'],
      ...all.map((one) => [one.id, String(one.pid), one.status, one.bundle, one.created, one.owner || 'root']),
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
  const [id, ...args] = flags.rest;
  if (id === undefined) throw invalid('"ps" requires a minimum of 1 argument');
  const pids = runtime.pids(id);
  if (flags.value('format') === 'json') print(JSON.stringify(pids));
  else psLines(args, pids).forEach(print);
  return 0;
};

const events: RuncCommand = async (runtime, flags, print) => {
  const id = idOf(flags, 'events');
  const one = () => {
    const stats = runtime.stats(id);
    print(JSON.stringify({ type: 'stats', id, data: stats && eventData(stats) }));
    return stats?.memory.oomKills ?? 0;
  };
  let kills = one();
  if (flags.on('stats')) return 0;
  const seconds = Number((flags.value('interval') ?? '5s').replace(/s$/, ''));
  if (!(seconds > 0)) throw invalid('duration interval must be greater than 0');
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    if (runtime.state(id).status === 'stopped') return 0;
    const now = one();
    for (; kills < now; kills++) print(JSON.stringify({ type: 'oom', id }));
  }
};

export const COMMANDS: Readonly<Record<string, RuncCommand>> = {
  create: async (runtime, flags) => {
    pidFile(flags)(await runtime.create(idOf(flags, 'create'), createOptions(flags)));
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
  kill: (runtime, flags) => {
    runtime.kill(idOf(flags, 'kill', 2), signalNumber(flags.rest[1] ?? 'SIGTERM'), flags.on('all'));
    return 0;
  },
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
    writeFileSync(`${flags.value('bundle') ?? '.'}/config.json`, `${JSON.stringify(defaultConfig(), null, '\t')}\n`, { flag: 'wx' });
    return 0;
  },
  features: (_runtime, _flags, print) => {
    print(JSON.stringify(features(), null, 4));
    return 0;
  },
};
