/** Reads a cgroup's counters, whatever its version, into one shape. */
import { EngineError } from '../base/errors.ts';
import type { CgroupFiles, CgroupStats } from './contract.ts';

type BlkioEntry = { major: number; minor: number; op: string; value: number };
type Folder = (controller: string) => string | undefined;

/** Numbers of a file of `name value` lines. */
export function keyed(text: string | undefined): Record<string, number> {
  const out: Record<string, number> = {};
  for (const line of (text ?? '').split('\n')) {
    const [key, value] = line.split(' ');
    if (key && value !== undefined) out[key] = Number(value);
  }
  return out;
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

export function statsV1(files: CgroupFiles, folder: Folder): CgroupStats {
  const read = (controller: string, file: string) => {
    const at = folder(controller);
    return at === undefined ? undefined : files.read(`${at}/${file}`);
  };
  const ticks = keyed(read('cpuacct', 'cpuacct.stat'));
  const cpu = keyed(read('cpu', 'cpu.stat'));
  const perCpu = read('cpuacct', 'cpuacct.usage_percpu')?.trim().split(' ').map(Number);
  const blkio = (file: string) => entriesV1(read('blkio', `blkio.throttle.${file}_recursive`) ?? read('blkio', `blkio.throttle.${file}`));
  return {
    cpu: {
      usage: single(read('cpuacct', 'cpuacct.usage')),
      user: (ticks['user'] ?? 0) * NS_PER_TICK,
      system: (ticks['system'] ?? 0) * NS_PER_TICK,
      perCpu,
      periods: cpu['nr_periods'] ?? 0,
      throttledPeriods: cpu['nr_throttled'] ?? 0,
      throttledTime: cpu['throttled_time'] ?? 0,
    },
    memory: {
      usage: single(read('memory', 'memory.usage_in_bytes')),
      maxUsage: single(read('memory', 'memory.max_usage_in_bytes')),
      limit: single(read('memory', 'memory.limit_in_bytes'), UNLIMITED),
      failcnt: single(read('memory', 'memory.failcnt')),
      stats: keyed(read('memory', 'memory.stat')),
      oomKills: keyed(read('memory', 'memory.oom_control'))['oom_kill'] ?? 0,
    },
    pids: { current: single(read('pids', 'pids.current')), limit: single(read('pids', 'pids.max')) },
    blkio: { serviceBytes: blkio('io_service_bytes'), serviced: blkio('io_serviced') },
  };
}

/** Lines `8:0 Read 4096`; the closing `Total` line has no device. */
function entriesV1(text: string | undefined): BlkioEntry[] {
  return (text ?? '').split('\n').flatMap((line) => {
    const match = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line);
    return match === null ? [] : [{ major: Number(match[1]), minor: Number(match[2]), op: match[3]!, value: Number(match[4]) }];
  });
}

export function statsV2(files: CgroupFiles, folder: string): CgroupStats {
  if (!files.exists(folder)) throw new EngineError('not-found', `cgroup ${folder} is not there`);
  const read = (file: string) => files.read(`${folder}/${file}`);
  const cpu = keyed(read('cpu.stat'));
  const ns = (key: string) => (cpu[key] ?? 0) * 1000;
  const io = (read('io.stat') ?? '').split('\n').flatMap((line) => {
    const match = /^(\d+):(\d+) (.*)$/.exec(line);
    if (match === null) return [];
    const values = Object.fromEntries(match[3]!.split(' ').map((pair) => pair.split('=')) as [string, string][]);
    return [{ major: Number(match[1]), minor: Number(match[2]), values }];
  });
  const entries = (keys: Readonly<Record<string, string>>): BlkioEntry[] =>
    io.flatMap(({ major, minor, values }) => Object.entries(keys).map(([op, key]) => ({ major, minor, op, value: Number(values[key] ?? 0) })));
  const stats = keyed(read('memory.stat'));
  const peak = read('memory.peak');
  return {
    cpu: {
      usage: ns('usage_usec'),
      user: ns('user_usec'),
      system: ns('system_usec'),
      periods: cpu['nr_periods'] ?? 0,
      throttledPeriods: cpu['nr_throttled'] ?? 0,
      throttledTime: ns('throttled_usec'),
    },
    memory: {
      usage: single(read('memory.current')),
      maxUsage: peak === undefined ? undefined : single(peak),
      limit: single(read('memory.max'), UNLIMITED),
      stats,
      oomKills: keyed(read('memory.events'))['oom_kill'] ?? 0,
    },
    pids: { current: single(read('pids.current')), limit: single(read('pids.max')) },
    blkio: {
      serviceBytes: entries({ read: 'rbytes', write: 'wbytes', discard: 'dbytes' }),
      serviced: entries({ read: 'rios', write: 'wios', discard: 'dios' }),
    },
  };
}
