import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CgroupFiles } from './contract.ts';
import { statsOf, type Place } from './stats.ts';

/** What kernels wrote: 6.18 with v1 hierarchies, 6.1 with v2. */
const V1: Readonly<Record<string, string>> = {
  'cpu.stat': 'nr_periods 57\nnr_throttled 41\nthrottled_time 3301220456\nnr_bursts 0\nburst_time 0\n',
  'cpuacct.usage': '1204511234\n',
  'cpuacct.stat': 'user 98\nsystem 22\n',
  'cpuacct.usage_percpu': '804511234 400000000 \n',
  'memory.usage_in_bytes': '1830912\n',
  'memory.max_usage_in_bytes': '67108864\n',
  'memory.limit_in_bytes': '67108864\n',
  'memory.failcnt': '1210\n',
  'memory.stat': 'cache 135168\nrss 1249280\nmapped_file 0\ninactive_file 98304\ntotal_inactive_file 102400\nhierarchical_memory_limit 67108864\n',
  'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n',
  'pids.current': '4\n',
  'pids.max': '20\n',
  'blkio.throttle.io_service_bytes_recursive':
    '254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 12288\n254:0 Async 0\n254:0 Discard 0\n254:0 Total 12288\nTotal 12288\n',
  'blkio.throttle.io_serviced_recursive': '254:0 Read 1\n254:0 Write 2\nTotal 3\n',
};
const V2: Readonly<Record<string, string>> = {
  'cpu.stat': 'usage_usec 1204511\nuser_usec 980000\nsystem_usec 224511\nnr_periods 57\nnr_throttled 41\nthrottled_usec 3301220\nnr_bursts 0\nburst_usec 0\n',
  'memory.current': '1830912\n',
  'memory.peak': '67108864\n',
  'memory.max': 'max\n',
  'memory.events': 'low 0\nhigh 0\nmax 1210\noom 5\noom_kill 3\noom_group_kill 0\n',
  'memory.stat': 'anon 1249280\nfile 135168\ninactive_file 98304\n',
  'pids.current': '4\n',
  'pids.max': 'max\n',
  'io.stat': '8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n7:0 \n',
};

const of = (texts: Readonly<Record<string, string>>, place: (controller: string) => Place) =>
  statsOf({ exists: () => true, read: (path: string) => texts[path.slice(path.lastIndexOf('/') + 1)] } as unknown as CgroupFiles, place);

test('v1: all that Docker’s stats have', () => {
  assert.deepEqual(
    of(V1, (controller) => (controller === 'io' ? undefined : { version: 1, folder: `/cg/${controller}/x` })),
    {
      cpu: {
        usage: 1204511234,
        user: 980_000_000,
        system: 220_000_000,
        perCpu: [804511234, 400000000],
        periods: 57,
        throttledPeriods: 41,
        throttledTime: 3301220456,
      },
      memory: {
        usage: 1830912,
        maxUsage: 67108864,
        limit: 67108864,
        failcnt: 1210,
        stats: { cache: 135168, rss: 1249280, mapped_file: 0, inactive_file: 98304, total_inactive_file: 102400, hierarchical_memory_limit: 67108864 },
        oomKills: 3,
      },
      pids: { current: 4, limit: 20 },
      blkio: {
        serviceBytes: [
          { major: 254, minor: 0, op: 'Read', value: 4096 },
          { major: 254, minor: 0, op: 'Write', value: 8192 },
          { major: 254, minor: 0, op: 'Sync', value: 12288 },
          { major: 254, minor: 0, op: 'Async', value: 0 },
          { major: 254, minor: 0, op: 'Discard', value: 0 },
          { major: 254, minor: 0, op: 'Total', value: 12288 },
        ],
        serviced: [
          { major: 254, minor: 0, op: 'Read', value: 1 },
          { major: 254, minor: 0, op: 'Write', value: 2 },
        ],
      },
    },
  );
});

test('v2: the same, in v1’s units; no limit is 2^63, of pids 0', () => {
  const stats = of(V2, () => ({ version: 2, folder: '/cg/x' }));
  assert.deepEqual(stats.cpu, { usage: 1204511000, user: 980000000, system: 224511000, periods: 57, throttledPeriods: 41, throttledTime: 3301220000 });
  assert.deepEqual(stats.memory, {
    usage: 1830912,
    maxUsage: 67108864,
    limit: 2 ** 63,
    failcnt: 5,
    stats: { anon: 1249280, file: 135168, inactive_file: 98304 },
    oomKills: 3,
  });
  // no number may be too large for the uint64 of Docker's API
  assert.ok(BigInt(JSON.stringify(stats.memory.limit)) <= 2n ** 64n - 1n);
  assert.deepEqual(stats.pids, { current: 4, limit: 0 });
  assert.deepEqual(
    stats.blkio.serviceBytes.filter(({ major }) => major === 8).map(({ op, value }) => [op, value]),
    [
      ['read', 4096],
      ['write', 8192],
      ['discard', 0],
    ],
  );
});

test('hybrid: each controller where it is; what is not counted is 0', () => {
  const place = (controller: string): Place =>
    controller === 'memory'
      ? { version: 2, folder: '/cg/unified/x' }
      : controller === 'cpu' || controller === 'cpuacct'
        ? { version: 1, folder: `/cg/${controller}/x` }
        : undefined;
  const stats = of({ ...V1, 'memory.current': '7\n' }, place);
  assert.deepEqual(
    [stats.cpu.usage, stats.memory.usage, stats.pids, stats.blkio],
    [1204511234, 7, { current: 0, limit: 0 }, { serviceBytes: [], serviced: [] }],
  );
});
