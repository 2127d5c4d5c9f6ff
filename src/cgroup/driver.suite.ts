/** What every driver promises, on the fake file systems (driver.test.ts) and on this machine's (driver.live.test.ts). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import { encodePlan } from '../plan/encode.ts';
import type { Op } from '../plan/ops.ts';
import type { Resources } from '../runtime/spec.ts';
import type { CgroupDriver, CgroupFiles, CgroupLayout } from './contract.ts';
import { cgroupDriver } from './driver.ts';

export interface DriverUnderTest {
  readonly layout: CgroupLayout;
  readonly files: CgroupFiles;
  /** A path whose parent is there or can be made, and that is removed afterwards. */
  readonly path: string;
  /** Puts a process in. */
  enter(driver: CgroupDriver, path: string): Promise<number>;
}

type Values = Readonly<Record<string, string>>;
export interface Row {
  readonly name: string;
  readonly resources: Resources;
  /** Values by `controller/file`, as the kernel shows them afterwards. */
  readonly v1?: Values;
  readonly v2?: Values;
  /** Changes to the living cgroup, each with what is there after it. */
  readonly updates?: readonly { readonly resources: Resources; readonly v1?: Values; readonly v2?: Values }[];
}

const MB = 1 << 20;
const NO_LIMIT = '9223372036854771712';

export const ROWS: readonly Row[] = [
  {
    name: 'memory with swap: shrinking, growing over the old sum, and no limit at all',
    resources: { memory: { limit: 64 * MB, swap: 96 * MB } },
    v1: { 'memory/memory.limit_in_bytes': `${64 * MB}`, 'memory/memory.memsw.limit_in_bytes': `${96 * MB}` },
    v2: { 'memory/memory.max': `${64 * MB}`, 'memory/memory.swap.max': `${32 * MB}` },
    updates: [
      {
        resources: { memory: { limit: 32 * MB, swap: 32 * MB } },
        v1: { 'memory/memory.limit_in_bytes': `${32 * MB}`, 'memory/memory.memsw.limit_in_bytes': `${32 * MB}` },
        v2: { 'memory/memory.max': `${32 * MB}`, 'memory/memory.swap.max': '0' },
      },
      {
        resources: { memory: { limit: 128 * MB, swap: 192 * MB } },
        v1: { 'memory/memory.limit_in_bytes': `${128 * MB}`, 'memory/memory.memsw.limit_in_bytes': `${192 * MB}` },
        v2: { 'memory/memory.max': `${128 * MB}`, 'memory/memory.swap.max': `${64 * MB}` },
      },
      {
        resources: { memory: { swap: 160 * MB } },
        v1: { 'memory/memory.memsw.limit_in_bytes': `${160 * MB}` },
        v2: { 'memory/memory.swap.max': `${32 * MB}` },
      },
      {
        resources: { memory: { limit: -1 } },
        v1: { 'memory/memory.limit_in_bytes': NO_LIMIT, 'memory/memory.memsw.limit_in_bytes': NO_LIMIT },
        v2: { 'memory/memory.max': 'max', 'memory/memory.swap.max': 'max' },
      },
    ],
  },
  {
    name: 'memory: limit without a limit of swap, and the other way round',
    resources: { memory: { limit: 64 * MB, swap: -1 } },
    v1: { 'memory/memory.limit_in_bytes': `${64 * MB}`, 'memory/memory.memsw.limit_in_bytes': NO_LIMIT },
    v2: { 'memory/memory.max': `${64 * MB}`, 'memory/memory.swap.max': 'max' },
  },
  {
    name: 'memory reservation',
    resources: { memory: { reservation: 32 * MB } },
    v1: { 'memory/memory.soft_limit_in_bytes': `${32 * MB}` },
    v2: { 'memory/memory.low': `${32 * MB}` },
  },
  { name: 'swappiness', resources: { memory: { swappiness: 7 } }, v1: { 'memory/memory.swappiness': '7' } },
  {
    name: 'the OOM killer: disabled, and enabled again by an update',
    resources: { memory: { limit: 64 * MB, disableOOMKiller: true } },
    v1: { 'memory/memory.oom_control': 'oom_kill_disable 1' },
    updates: [{ resources: { memory: { disableOOMKiller: false } }, v1: { 'memory/memory.oom_control': 'oom_kill_disable 0' } }],
  },
  {
    name: 'cpu shares, which become a weight',
    resources: { cpu: { shares: 512 } },
    v1: { 'cpu/cpu.shares': '512' },
    v2: { 'cpu/cpu.weight': '59' },
    updates: [{ resources: { cpu: { shares: 1024 } }, v1: { 'cpu/cpu.shares': '1024' }, v2: { 'cpu/cpu.weight': '100' } }],
  },
  {
    name: 'cpu quota and period, each kept where only the other changes',
    resources: { cpu: { quota: 50_000, period: 100_000 } },
    v1: { 'cpu/cpu.cfs_quota_us': '50000', 'cpu/cpu.cfs_period_us': '100000' },
    v2: { 'cpu/cpu.max': '50000 100000' },
    updates: [
      {
        resources: { cpu: { period: 50_000 } },
        v1: { 'cpu/cpu.cfs_quota_us': '50000', 'cpu/cpu.cfs_period_us': '50000' },
        v2: { 'cpu/cpu.max': '50000 50000' },
      },
      {
        resources: { cpu: { quota: 20_000 } },
        v1: { 'cpu/cpu.cfs_quota_us': '20000', 'cpu/cpu.cfs_period_us': '50000' },
        v2: { 'cpu/cpu.max': '20000 50000' },
      },
      {
        resources: { cpu: { quota: 30_000, period: 100_000 } },
        v1: { 'cpu/cpu.cfs_quota_us': '30000', 'cpu/cpu.cfs_period_us': '100000' },
        v2: { 'cpu/cpu.max': '30000 100000' },
      },
      { resources: { cpu: { quota: -1 } }, v1: { 'cpu/cpu.cfs_quota_us': '-1' }, v2: { 'cpu/cpu.max': 'max 100000' } },
    ],
  },
  {
    name: 'cpu burst, which may never be above the quota',
    resources: { cpu: { quota: 50_000, burst: 40_000 } },
    v1: { 'cpu/cpu.cfs_quota_us': '50000', 'cpu/cpu.cfs_burst_us': '40000' },
    v2: { 'cpu/cpu.max': '50000 100000', 'cpu/cpu.max.burst': '40000' },
    updates: [
      {
        resources: { cpu: { quota: 20_000, burst: 10_000 } },
        v1: { 'cpu/cpu.cfs_quota_us': '20000', 'cpu/cpu.cfs_burst_us': '10000' },
        v2: { 'cpu/cpu.max.burst': '10000' },
      },
      {
        resources: { cpu: { quota: 90_000, burst: 80_000 } },
        v1: { 'cpu/cpu.cfs_quota_us': '90000', 'cpu/cpu.cfs_burst_us': '80000' },
        v2: { 'cpu/cpu.max.burst': '80000' },
      },
    ],
  },
  {
    name: 'cpu idle, and away from it to a weight in one update',
    resources: { cpu: { idle: 1, shares: 512 } },
    v1: { 'cpu/cpu.idle': '1' },
    v2: { 'cpu/cpu.idle': '1' },
    updates: [
      {
        resources: { cpu: { idle: 0, shares: 2048 } },
        v1: { 'cpu/cpu.idle': '0', 'cpu/cpu.shares': '2048' },
        v2: { 'cpu/cpu.idle': '0', 'cpu/cpu.weight': '174' },
      },
    ],
  },
  {
    name: 'realtime',
    resources: { cpu: { realtimePeriod: 500_000, realtimeRuntime: 10_000 } },
    v1: { 'cpu/cpu.rt_period_us': '500000', 'cpu/cpu.rt_runtime_us': '10000' },
  },
  {
    name: 'cpuset',
    resources: { cpu: { cpus: '0', mems: '0' } },
    v1: { 'cpuset/cpuset.cpus': '0', 'cpuset/cpuset.mems': '0' },
    v2: { 'cpuset/cpuset.cpus': '0', 'cpuset/cpuset.mems': '0' },
  },
  {
    name: 'pids',
    resources: { pids: { limit: 20 } },
    v1: { 'pids/pids.max': '20' },
    v2: { 'pids/pids.max': '20' },
    updates: [{ resources: { pids: { limit: -1 } }, v1: { 'pids/pids.max': 'max' }, v2: { 'pids/pids.max': 'max' } }],
  },
  {
    name: 'huge pages',
    resources: { hugepageLimits: [{ pageSize: '2MB', limit: 4 * MB }] },
    v1: { 'hugetlb/hugetlb.2MB.limit_in_bytes': `${4 * MB}`, 'hugetlb/hugetlb.2MB.rsvd.limit_in_bytes': `${4 * MB}` },
    v2: { 'hugetlb/hugetlb.2MB.max': `${4 * MB}`, 'hugetlb/hugetlb.2MB.rsvd.max': `${4 * MB}` },
  },
];

/** What a test does instead of the helper: the operations that need no process. */
export function apply(files: CgroupFiles, ops: readonly Op[]): void {
  for (const op of ops) {
    if (op.op === 'mkdir') files.mkdir(op.path);
    if (op.op === 'rmdir') files.rmdir(op.path);
    if (op.op !== 'write-file') continue;
    try {
      files.write(op.path, Buffer.from(op.data).toString());
    } catch (error) {
      if (!op.ignore?.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}

/** Runs the contract on one kind of machine. */
export function driverSuite(name: string, make: () => DriverUnderTest, options: { skip?: string | false } = {}): void {
  describe(`cgroup driver on ${name}`, options, () => {
    for (const row of ROWS) {
      test(row.name, (t) => {
        const { layout, files, path } = make();
        const driver = cgroupDriver(layout);
        t.after(() => driver.remove(files, path));
        const created = driver.create(path, row.resources, driver.prepare(files, path, row.resources));
        // the helper takes it: slots, names, ignored errors
        encodePlan({
          ops: [...created.ops, { op: 'clone', side: 'monitor', flags: 0, cgroup: driver.cloneSlot }, ...driver.join(path), ...driver.cleanup(path)],
        });
        apply(files, created.ops);
        check(driver, files, path, row, created.warnings);
        for (const update of row.updates ?? []) check(driver, files, path, { name: row.name, ...update }, driver.update(files, path, update.resources));
      });
    }

    test('processes: listed, frozen, counted, ended; then nothing is left', async (t) => {
      const { layout, files, path, enter } = make();
      const driver = cgroupDriver(layout);
      t.after(() => driver.remove(files, path));
      apply(files, driver.create(path, {}, driver.prepare(files, path, {})).ops);
      const pid = await enter(driver, path);
      assert.deepEqual(driver.processes(files, path), [pid]);
      assert.throws(() => driver.prepare(files, path, {}), { kind: 'conflict', message: `container's cgroup ${path} is not empty: 1 process(es) found` });
      await driver.freeze(files, path, true);
      assert.equal(driver.frozen(files, path), true);
      await driver.freeze(files, path, false);
      assert.equal(driver.frozen(files, path), false);
      const { cpu, memory, pids } = driver.stats(files, path);
      for (const value of [cpu.usage, cpu.user, cpu.system, cpu.throttledTime, memory.usage, memory.limit, memory.stats['inactive_file'], pids.current])
        assert.ok(Number.isFinite(value) && value! >= 0, JSON.stringify({ cpu, memory, pids }));
      driver.kill(files, path);
      for (let tries = 0; tries < 500 && driver.processes(files, path).length > 0; tries++) await new Promise((done) => setTimeout(done, 5));
      driver.remove(files, path);
      for (const hierarchy of driver.hierarchies) assert.equal(files.exists(driver.folder(hierarchy, path)), false, hierarchy.mountPoint);
      assert.throws(() => driver.stats(files, path), { kind: 'not-found' });
      await assert.rejects(driver.freeze(files, path, true), { kind: 'not-found' });
    });

    test('no path leads out, and none is the root itself', () => {
      const { layout, files } = make();
      const driver = cgroupDriver(layout);
      for (const bad of ['', '/', '.', '/./', '//', '..', '/a/../../b', '../x', 'a/..', 'a\0b', 'a\nb']) {
        for (const use of [
          () => driver.prepare(files, bad, {}),
          () => driver.create(bad, {}),
          () => driver.open(bad),
          () => driver.cleanup(bad),
          () => driver.kill(files, bad),
          () => driver.remove(files, bad),
        ])
          assert.throws(use, (error) => error instanceof EngineError && error.kind === 'invalid', JSON.stringify(bad));
      }
    });
  });
}

function check(driver: CgroupDriver, files: CgroupFiles, path: string, row: Row, warnings: readonly string[]): void {
  const missing: string[] = [];
  const versions = new Map<string, 1 | 2>();
  for (const [version, values] of [
    [1, row.v1 ?? {}],
    [2, row.v2 ?? {}],
  ] as const) {
    for (const [key, value] of Object.entries(values)) {
      const [controller, file] = key.split('/') as [string, string];
      const hierarchy = driver.hierarchies.find((each) => each.version === version && each.controllers.includes(controller));
      if (hierarchy === undefined) continue;
      versions.set(controller, version);
      const text = files.read(`${driver.folder(hierarchy, path)}/${file}`);
      if (text === undefined) missing.push(controller);
      else assert.equal(text.split('\n')[0], value, `${row.name}: ${key} after ${JSON.stringify(row.resources)}`);
    }
  }
  // a limit that no file took is a warning that names its controller
  if (missing.length === 0 && versions.size > 0) return assert.deepEqual(warnings, []);
  if (Object.keys(row.v1 ?? row.v2 ?? {}).length === 0 || warnings.length === 0) {
    assert.ok(row.resources.memory?.disableOOMKiller === false, `${row.name}: no warning`);
    return;
  }
  const controller = Object.keys(row.v1 ?? row.v2 ?? {})[0]!.split('/')[0]!;
  for (const warning of warnings) assert.match(warning, new RegExp(`\\b${missing[0] ?? controller}\\b.*the limit is left out$`));
}
