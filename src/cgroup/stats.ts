/** Reads a cgroup's counters, whatever its version, into one shape. */
import { EngineError } from '../base/errors.ts';
import type { CgroupFiles, CgroupStats } from './contract.ts';

type BlkioEntry = { major: number; minor: number; op: string; value: number };
/** Where a controller counts; undefined where the machine has none. */
export type Place = { readonly version: 1 | 2; readonly folder: string } | undefined;
type Read = (file: string) => string | undefined;

/** Numbers of a file of `name value` lines. */
export function keyed(text: string | undefined): Record<string, number> {
  const out: Record<string, number> = {};
  for (const line of (text ?? '').split('\n')) {
    const [key, value] = line.split(' ');
    if (key && value !== undefined) out[key] = Number(value);
  }
  return out;
}

/** How often the OOM killer struck, from an exit record's reports: both versions call it `oom_kill`. */
export function oomKills(reports: Readonly<Record<string, string>>): number {
  return keyed(reports['oom'])['oom_kill'] ?? 0;
}

/** A single number; `max` and what is not there is the default. */
function single(text: string | undefined, otherwise = 0): number {
  const value = text?.trim();
  return value === undefined || value === '' || value === 'max' ? otherwise : Number(value);
}

/** Clock ticks of /proc and cpuacct.stat: USER_HZ is 100 on every architecture that kobako runs on. */
const NS_PER_TICK = 10_000_000;
/** What v1 says for "no limit" (PAGE_COUNTER_MAX), and what Docker's API gives for v2's `max`. */
const UNLIMITED = 2 ** 63;

/** Each controller is read where it is: a hybrid machine may have any of them in the v2 tree. */
export function statsOf(files: CgroupFiles, place: (controller: string) => Place): CgroupStats {
  const main = place('cpu') ?? place('cpuacct') ?? place('memory') ?? place('pids');
  if (main === undefined || !files.exists(main.folder)) throw new EngineError('not-found', `cgroup ${main?.folder ?? ''} is not there`);
  const reader =
    (at: Place): Read =>
    (file) =>
      at && files.read(`${at.folder}/${file}`);
  const [cpu, memory, io, pids] = [place('cpu'), place('memory'), place('io') ?? place('blkio'), reader(place('pids'))];
  return {
    cpu: cpu?.version === 2 ? cpuV2(reader(cpu)) : cpuV1(reader(cpu), reader(place('cpuacct'))),
    memory: memory?.version === 2 ? memoryV2(reader(memory)) : memoryV1(reader(memory)),
    pids: { current: single(pids('pids.current')), limit: single(pids('pids.max')) },
    blkio: io?.version === 2 ? blkioV2(reader(io)) : blkioV1(reader(io)),
  };
}

function cpuV1(cpu: Read, cpuacct: Read): CgroupStats['cpu'] {
  const ticks = keyed(cpuacct('cpuacct.stat'));
  const stat = keyed(cpu('cpu.stat'));
  return {
    usage: single(cpuacct('cpuacct.usage')),
    user: (ticks['user'] ?? 0) * NS_PER_TICK,
    system: (ticks['system'] ?? 0) * NS_PER_TICK,
    perCpu: cpuacct('cpuacct.usage_percpu')?.trim().split(' ').map(Number),
    periods: stat['nr_periods'] ?? 0,
    throttledPeriods: stat['nr_throttled'] ?? 0,
    throttledTime: stat['throttled_time'] ?? 0,
  };
}

function memoryV1(read: Read): CgroupStats['memory'] {
  return {
    usage: single(read('memory.usage_in_bytes')),
    maxUsage: single(read('memory.max_usage_in_bytes')),
    limit: single(read('memory.limit_in_bytes'), UNLIMITED),
    failcnt: single(read('memory.failcnt')),
    stats: keyed(read('memory.stat')),
    oomKills: keyed(read('memory.oom_control'))['oom_kill'] ?? 0,
  };
}

function blkioV1(read: Read): CgroupStats['blkio'] {
  const list = (file: string) => entriesV1(read(`blkio.throttle.${file}_recursive`) ?? read(`blkio.throttle.${file}`));
  return { serviceBytes: list('io_service_bytes'), serviced: list('io_serviced') };
}

/** Lines `8:0 Read 4096`; the closing `Total` line has no device. */
function entriesV1(text: string | undefined): BlkioEntry[] {
  return (text ?? '').split('\n').flatMap((line) => {
    const match = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line);
    return match === null ? [] : [{ major: Number(match[1]), minor: Number(match[2]), op: match[3]!, value: Number(match[4]) }];
  });
}

function cpuV2(read: Read): CgroupStats['cpu'] {
  const stat = keyed(read('cpu.stat'));
  const ns = (key: string) => (stat[key] ?? 0) * 1000;
  return {
    usage: ns('usage_usec'),
    user: ns('user_usec'),
    system: ns('system_usec'),
    periods: stat['nr_periods'] ?? 0,
    throttledPeriods: stat['nr_throttled'] ?? 0,
    throttledTime: ns('throttled_usec'),
  };
}

function memoryV2(read: Read): CgroupStats['memory'] {
  const peak = read('memory.peak');
  const events = keyed(read('memory.events'));
  return {
    usage: single(read('memory.current')),
    maxUsage: peak === undefined ? undefined : single(peak),
    limit: single(read('memory.max'), UNLIMITED),
    failcnt: events['oom'] ?? 0,
    stats: keyed(read('memory.stat')),
    oomKills: events['oom_kill'] ?? 0,
  };
}

function blkioV2(read: Read): CgroupStats['blkio'] {
  const io = (read('io.stat') ?? '').split('\n').flatMap((line) => {
    const match = /^(\d+):(\d+) (.*)$/.exec(line);
    if (match === null) return [];
    const values = Object.fromEntries(match[3]!.split(' ').map((pair) => pair.split('=')) as [string, string][]);
    return [{ major: Number(match[1]), minor: Number(match[2]), values }];
  });
  const entries = (keys: Readonly<Record<string, string>>): BlkioEntry[] =>
    io.flatMap(({ major, minor, values }) => Object.entries(keys).map(([op, key]) => ({ major, minor, op, value: Number(values[key] ?? 0) })));
  return {
    serviceBytes: entries({ read: 'rbytes', write: 'wbytes', discard: 'dbytes' }),
    serviced: entries({ read: 'rios', write: 'wios', discard: 'dios' }),
  };
}
