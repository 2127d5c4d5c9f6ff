/** Use case: what a container uses, in the documents of Docker's API. */
import { totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../base/errors.ts';
import { NEVER, nowNano, rfc3339Nano } from '../base/time.ts';
import type { CgroupStats } from '../cgroup/contract.ts';
import { machineCpu, networkCounters, type MachineCpu } from '../kernel/linux/proc-stats.ts';
import type { ContainerRecord } from './container-record.ts';
import type { StatsOptions } from './containers-contract.ts';
import type { EngineParts } from './parts.ts';

const EVERY_MS = 1000;
const BLKIO_LISTS = [
  'io_service_bytes_recursive',
  'io_serviced_recursive',
  'io_queue_recursive',
  'io_service_time_recursive',
  'io_wait_time_recursive',
  'io_merged_recursive',
  'io_time_recursive',
  'sectors_recursive',
] as const;

type Json = Readonly<Record<string, unknown>>;

/** Everything of one moment; all but `cpu` only of a container that runs. */
interface Sample {
  readonly read: string;
  readonly cpu: Json;
  readonly rest?: Json;
}

const NO_CPU: Json = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};
const STOPPED: Sample = { read: NEVER, cpu: NO_CPU };

/**
 * With `stream` one a second until the container is removed, or the signal; zeros while it does not run. Without it one,
 * after a second in which it is looked at, so that it can be compared with itself; with `oneShot` at once.
 */
export async function* containerStats(parts: EngineParts, record: ContainerRecord, options: StatsOptions): AsyncGenerator<Json> {
  const { stream = false, oneShot = false, signal } = options;
  if (parts.cgroups === undefined) throw new EngineError('unavailable', 'this machine has no control groups');
  let before = STOPPED;
  for (let first = true; ; first = false) {
    const now = parts.store.load(record.id);
    if (now === undefined) return;
    const sample = takeSample(parts, now);
    // alone it says what was used since the container's start, but not in which time
    if (!stream && !oneShot && first && sample !== STOPPED) before = sample;
    else {
      yield documentOf(now, sample, before);
      if (!stream) return;
      before = sample;
    }
    if (!(await pause(signal))) return;
  }
}

/** False: somebody has had enough. */
async function pause(signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await sleep(EVERY_MS, undefined, signal === undefined ? {} : { signal });
    return true;
  } catch {
    return false;
  }
}

function documentOf({ id, name }: ContainerRecord, { read, cpu, rest }: Sample, before: Sample): Json {
  return {
    name: `/${name}`,
    id,
    read,
    preread: before.read,
    pids_stats: {},
    blkio_stats: blkioOf(() => null),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpu,
    precpu_stats: before.cpu,
    memory_stats: {},
    ...rest,
  };
}

function takeSample({ store, cgroups }: EngineParts, record: ContainerRecord): Sample {
  const { state, pid } = store.info(record);
  if (state !== 'running') return STOPPED;
  const { driver, files } = cgroups!;
  let stats: CgroupStats;
  try {
    stats = driver.stats(files, record.cgroupsPath);
  } catch (error) {
    // it has ended just now
    if (error instanceof EngineError && error.kind === 'not-found') return STOPPED;
    throw error;
  }
  const version = driver.kind === 'v2' ? 2 : 1;
  const networks = record.hostConfig.NetworkMode === 'host' ? {} : networksOf(pid);
  return {
    read: rfc3339Nano(nowNano()),
    cpu: cpuOf(stats.cpu, machineCpu()),
    rest: {
      pids_stats: { current: stats.pids.current, ...(stats.pids.limit > 0 ? { limit: stats.pids.limit } : {}) },
      blkio_stats: version === 2 ? blkioV2(stats.blkio) : blkioOf((list) => listV1(stats.blkio, list)),
      memory_stats: memoryOf(stats.memory, version),
      ...(Object.keys(networks).length === 0 ? {} : { networks }),
    },
  };
}

function cpuOf(cpu: CgroupStats['cpu'], machine: MachineCpu): Json {
  return {
    cpu_usage: {
      total_usage: cpu.usage,
      ...(cpu.perCpu === undefined ? {} : { percpu_usage: cpu.perCpu }),
      usage_in_kernelmode: cpu.system,
      usage_in_usermode: cpu.user,
    },
    system_cpu_usage: machine.total,
    online_cpus: machine.online,
    throttling_data: { periods: cpu.periods, throttled_periods: cpu.throttledPeriods, throttled_time: cpu.throttledTime },
  };
}

function memoryOf({ usage, maxUsage, limit, failcnt = 0, stats }: CgroupStats['memory'], version: 1 | 2): Json {
  return {
    usage,
    // as in Docker: v2 has none
    ...(version === 1 && maxUsage !== undefined ? { max_usage: maxUsage } : {}),
    stats,
    ...(failcnt > 0 ? { failcnt } : {}),
    // none of its own is the machine's
    limit: Math.min(limit, totalmem()),
  };
}

function blkioOf(list: (name: (typeof BLKIO_LISTS)[number]) => readonly Json[] | null): Json {
  return Object.fromEntries(BLKIO_LISTS.map((name) => [name, list(name)]));
}

function listV1({ serviceBytes, serviced }: CgroupStats['blkio'], name: string): Json[] {
  const entries = name === 'io_service_bytes_recursive' ? serviceBytes : name === 'io_serviced_recursive' ? serviced : [];
  return entries.map((entry) => ({ ...entry }));
}

/** As in Docker: only bytes, only read and written ones. */
function blkioV2({ serviceBytes }: CgroupStats['blkio']): Json {
  const shown = serviceBytes.filter(({ op }) => op === 'read' || op === 'write').map((entry) => ({ ...entry }));
  return blkioOf((name) => (name === 'io_service_bytes_recursive' ? shown : null));
}

function networksOf(pid: number): Json {
  return Object.fromEntries(
    [...networkCounters(pid)].map(([name, { rx, tx }]) => [
      name,
      {
        rx_bytes: rx.bytes,
        rx_packets: rx.packets,
        rx_errors: rx.errors,
        rx_dropped: rx.dropped,
        tx_bytes: tx.bytes,
        tx_packets: tx.packets,
        tx_errors: tx.errors,
        tx_dropped: tx.dropped,
      },
    ]),
  );
}
