import assert from 'node:assert/strict';
import { totalmem } from 'node:os';
import { test } from 'node:test';
import type { CgroupStats } from '../cgroup/contract.ts';
import { EngineError } from '../base/errors.ts';
import { containerStats } from './container-stats.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './parts.ts';

const io = (op: string, value: number) => ({ major: 8, minor: 0, op, value });
const STATS: CgroupStats = {
  cpu: { usage: 30, user: 20, system: 10, perCpu: [10, 20], periods: 3, throttledPeriods: 2, throttledTime: 1 },
  memory: { usage: 5, maxUsage: 7, limit: 2 ** 63, failcnt: 4, stats: { inactive_file: 1 }, oomKills: 0 },
  pids: { current: 2, limit: 0 },
  blkio: { serviceBytes: [io('read', 1), io('write', 2), io('discard', 3)], serviced: [io('read', 4)] },
};
const record = { id: 'a'.repeat(64), name: 'web', cgroupsPath: '/kobako/a', hostConfig: { NetworkMode: 'host' } } as ContainerRecord;

// eslint-disable-next-line typescript/no-explicit-any -- documents of the API
async function first(kind: string, stats: () => CgroupStats, state = 'running'): Promise<any> {
  const store = { load: () => record, info: () => ({ state, pid: 1 }) };
  const parts = { store, cgroups: { driver: { kind, stats }, files: {} } } as unknown as EngineParts;
  for await (const document of containerStats(parts, record, { oneShot: true })) return document;
}

test('v1: peaks, processors one by one, lists that are empty; no limit of its own is the machine’s', async () => {
  const { cpu_stats: cpu, memory_stats: memory, blkio_stats: blkio, pids_stats: pids, ...rest } = await first('v1', () => STATS);
  assert.deepEqual(cpu.cpu_usage, { total_usage: 30, percpu_usage: [10, 20], usage_in_kernelmode: 10, usage_in_usermode: 20 });
  assert.deepEqual(cpu.throttling_data, { periods: 3, throttled_periods: 2, throttled_time: 1 });
  assert.ok(cpu.system_cpu_usage > 0 && cpu.online_cpus > 0);
  assert.deepEqual(memory, { usage: 5, max_usage: 7, stats: { inactive_file: 1 }, failcnt: 4, limit: totalmem() });
  assert.deepEqual([blkio.io_service_bytes_recursive.length, blkio.io_serviced_recursive, blkio.io_queue_recursive], [3, [io('read', 4)], []]);
  assert.deepEqual(pids, { current: 2 });
  assert.deepEqual([rest.name, rest.id, rest.num_procs, rest.storage_stats, rest.networks], ['/web', record.id, 0, {}, undefined]);
});

test('v2: as Docker, only the bytes read and written, and no peak', async () => {
  const { cpu_stats: cpu, memory_stats: memory, blkio_stats: blkio } = await first('v2', () => ({ ...STATS, cpu: { ...STATS.cpu, perCpu: undefined } }));
  assert.equal('percpu_usage' in cpu.cpu_usage, false);
  assert.equal('max_usage' in memory, false);
  assert.deepEqual([blkio.io_service_bytes_recursive, blkio.io_serviced_recursive, blkio.sectors_recursive], [[io('read', 1), io('write', 2)], null, null]);
});

test('one that does not run, or ends just now, has zeros', async () => {
  const gone = () => {
    throw new EngineError('not-found', 'cgroup is not there');
  };
  for (const document of [await first('v1', () => STATS, 'exited'), await first('v1', gone)]) {
    assert.deepEqual(
      [document.read, document.cpu_stats.cpu_usage.total_usage, document.memory_stats, document.pids_stats],
      ['0001-01-01T00:00:00Z', 0, {}, {}],
    );
  }
});
