import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Op } from '../plan/ops.ts';
import type { Resources } from '../runtime/spec.ts';
import { namedBelow, placeBelow } from './below.ts';
import type { CgroupLayout } from './contract.ts';
import { cgroupDriver } from './driver.ts';
import { apply, driverSuite } from './driver.suite.ts';
import { oomKills } from './stats.ts';
import { FakeCgroupFiles, LAYOUTS, without } from './fake-files.ts';

// no pid can be that large: a kill that slips out hits nobody
const NOBODY = 4_200_000;

for (const kind of ['v1', 'hybrid', 'v2'] as const) {
  driverSuite(`a fake ${kind} machine`, () => {
    const files = new FakeCgroupFiles(LAYOUTS[kind]);
    return {
      layout: LAYOUTS[kind],
      files,
      path: '/kobako/box',
      async enter(driver, path) {
        const folders = driver.hierarchies.map((hierarchy) => driver.folder(hierarchy, path));
        for (const folder of folders) files.write(`${folder}/cgroup.procs`, String(NOBODY));
        // nobody dies of a fake's kill
        setTimeout(() => folders.forEach((folder) => files.set(`${folder}/cgroup.procs`, '')), 20);
        return NOBODY;
      },
    };
  });
}

function created(layout: CgroupLayout, resources: Resources, path = '/kobako/box') {
  const files = new FakeCgroupFiles(layout);
  const driver = cgroupDriver(layout);
  const { ops, warnings } = driver.create(path, resources, driver.prepare(files, path, resources));
  apply(files, ops);
  return { files, driver, ops, warnings };
}

const written = (ops: readonly Op[]) =>
  ops.flatMap((op) => (op.op === 'write-file' ? [`${op.path.replace(/^\/cg\/(.*\/)?/, '')}=${Buffer.from(op.data).toString()}`] : []));

describe('plans', () => {
  const everything: Resources = {
    devices: [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', major: 1, minor: 11, access: 'r' },
    ],
    memory: { limit: 1e8, swap: 2e8, reservation: 5e7, swappiness: 0, disableOOMKiller: true, kernelTCP: 1e7 },
    cpu: { shares: 100, quota: 2000, period: 10000, burst: 1000, realtimePeriod: 1000, realtimeRuntime: 500, cpus: '0-1', mems: '0' },
    pids: { limit: 9 },
    blockIO: {
      weight: 500,
      weightDevice: [{ major: 8, minor: 0, weight: 300 }],
      throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1000 }],
      throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: 2000 }],
      throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 30 }],
      throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 0 }],
    },
    hugepageLimits: [{ pageSize: '2MB', limit: 0 }],
  };
  const devices = [
    'a',
    'c 1:11 r',
    'c *:* m',
    'b *:* m',
    'c 1:3 rwm',
    'c 1:5 rwm',
    'c 1:7 rwm',
    'c 1:8 rwm',
    'c 1:9 rwm',
    'c 5:0 rwm',
    'c 5:2 rwm',
    'c 136:* rwm',
  ];
  const v1 = [
    ...['cpu.rt_period_us=1000', 'cpu.rt_runtime_us=500', 'cpu.shares=100', 'cpu.cfs_period_us=10000', 'cpu.cfs_quota_us=2000', 'cpu.cfs_burst_us=1000'],
    ...['cpuset.cpus=0-1', 'cpuset.mems=0'],
    ...['memory.limit_in_bytes=100000000', 'memory.memsw.limit_in_bytes=200000000', 'memory.soft_limit_in_bytes=50000000'],
    ...['memory.kmem.tcp.limit_in_bytes=10000000', 'memory.swappiness=0', 'memory.oom_control=1'],
    ...devices.map((line, i) => `devices.${i === 0 ? 'deny' : 'allow'}=${line}`),
    ...['blkio.bfq.weight=500', 'blkio.bfq.weight_device=8:0 300', 'blkio.throttle.read_bps_device=8:0 1000', 'blkio.throttle.write_bps_device=8:0 2000'],
    ...['blkio.throttle.read_iops_device=8:0 30', 'blkio.throttle.write_iops_device=8:0 0', 'pids.max=9'],
  ];

  test('v1 and hybrid: every limit in its own hierarchy', () => {
    const pure = created(LAYOUTS.v1, everything);
    assert.deepEqual(written(pure.ops), [...v1, 'hugetlb.2MB.limit_in_bytes=0', 'hugetlb.2MB.rsvd.limit_in_bytes=0']);
    assert.deepEqual(pure.warnings, []);
    assert.equal(pure.driver.cloneSlot, undefined);
    const hybrid = created(LAYOUTS.hybrid, everything);
    assert.deepEqual(written(hybrid.ops), [...v1, 'hugetlb.2MB.max=0', 'hugetlb.2MB.rsvd.max=0']);
    assert.deepEqual(hybrid.warnings, []);
    assert.ok(!hybrid.ops.some((op) => op.op === 'bpf-devices'), 'the v1 list decides');
  });

  test('v2: one folder, the clone goes straight in, a program for devices', () => {
    const { ops, warnings, driver } = created(LAYOUTS.v2, everything);
    assert.deepEqual(written(ops), [
      ...['cpu.weight=17', 'cpu.max=2000 10000', 'cpu.max.burst=1000', 'cpuset.cpus=0-1', 'cpuset.mems=0'],
      ...['memory.swap.max=100000000', 'memory.max=100000000', 'memory.low=50000000', 'pids.max=9', 'io.weight=4950', 'io.weight=8:0 2930'],
      ...['io.max=8:0 rbps=1000', 'io.max=8:0 wbps=2000', 'io.max=8:0 riops=30', 'io.max=8:0 wiops=max', 'hugetlb.2MB.max=0', 'hugetlb.2MB.rsvd.max=0'],
    ]);
    assert.deepEqual(warnings, [
      "realtime period: this machine's cpu controller is of cgroup v2, which has no cpu.rt_period_us; the limit is left out",
      "realtime runtime: this machine's cpu controller is of cgroup v2, which has no cpu.rt_runtime_us; the limit is left out",
      "kernel tcp memory limit: this machine's memory controller is of cgroup v2, which has no memory.kmem.tcp.limit_in_bytes; the limit is left out",
      "memory swappiness 0: this machine's memory controller is of cgroup v2, which has no memory.swappiness; the limit is left out",
      "oom kill disabled: this machine's memory controller is of cgroup v2, which has no memory.oom_control; the limit is left out",
    ]);
    assert.deepEqual(
      ops.filter(({ op }) => op !== 'write-file').map(({ op }) => op),
      ['mkdir', 'open', 'bpf-devices'],
    );
    assert.equal(driver.cloneSlot, 'cgroup');
    assert.ok(!driver.join('/kobako/box').some((op) => op.op === 'write'), 'nothing to write: CLONE_INTO_CGROUP has done it');
  });

  test('joining and cleaning up', () => {
    for (const kind of ['v1', 'hybrid', 'v2'] as const) {
      const driver = cgroupDriver(LAYOUTS[kind]);
      const tasks = driver.open('/kobako/box').filter((op) => op.op === 'open' && op.path.endsWith('/tasks')).length;
      assert.equal(tasks, LAYOUTS[kind].hierarchies.filter(({ version }) => version === 1).length);
      assert.equal(driver.join('/kobako/box').filter((op) => op.op === 'write' && op.side === 'container').length, tasks);
      const cleanup = driver.cleanup('/kobako/box').map((op) => op.op);
      assert.deepEqual([cleanup[0], cleanup[1], cleanup.filter((op) => op === 'rmdir').length], ['report', 'write-file', LAYOUTS[kind].hierarchies.length]);
      assert.ok(cleanup.includes('kill-cgroup'));
      assert.equal(oomKills({ oom: kind === 'v2' ? 'oom 3\noom_kill 2\n' : 'under_oom 0\noom_kill 2\n' }), 2);
    }
  });
});

describe('what a machine has not', () => {
  const limits: Resources = {
    memory: { limit: 1e8 },
    cpu: { shares: 100 },
    pids: { limit: 9 },
    blockIO: { weight: 500 },
    hugepageLimits: [{ pageSize: '2MB', limit: 0 }],
  };
  test('a controller: one warning that names it, and the rest is done', () => {
    for (const kind of ['v1', 'hybrid', 'v2'] as const) {
      const io = kind === 'v2' ? 'io' : 'blkio';
      for (const [gone, subject] of [
        ['memory', 'memory limit 100000000'],
        ['cpu', 'cpu shares 100'],
        ['pids', 'pids limit 9'],
        [io, 'block io weight 500'],
        ['hugetlb', 'hugepage limit 2MB'],
      ] as const) {
        const { ops, warnings } = created(without(LAYOUTS[kind], gone), limits);
        assert.deepEqual(warnings, [`${subject}: this machine has no ${gone} controller; the limit is left out`], kind);
        assert.ok(written(ops).length >= 4 && !written(ops).some((text) => text.startsWith(`${gone}.`)), kind);
      }
    }
  });

  test('a file of a controller; a page size; a cgroup above that keeps its controllers', () => {
    const { warnings } = created(LAYOUTS.v1, { blockIO: { leafWeight: 100 }, hugepageLimits: [{ pageSize: '1GB', limit: 0 }] });
    assert.deepEqual(warnings, [
      "block io leaf weight 100: this kernel's blkio controller (cgroup v1) has no blkio.leaf_weight; the limit is left out",
      "hugepage limit 1GB: this kernel's hugetlb controller (cgroup v1) has no hugetlb.1GB.limit_in_bytes; the limit is left out",
    ]);
    const files = new FakeCgroupFiles(LAYOUTS.v2);
    files.mkdir('/cg/busy');
    files.set('/cg/busy/cgroup.procs', '77\n');
    const driver = cgroupDriver(LAYOUTS.v2);
    const limit = { pids: { limit: 5 } };
    const reason = 'pids limit 5: cgroup /busy does not hand down the pids controller, for it has processes of its own; the limit is left out';
    assert.deepEqual(driver.create('/busy/box', limit, driver.prepare(files, '/busy/box', limit)).warnings, [reason]);
    assert.equal(files.read('/cg/busy/cgroup.type'), 'domain', 'threaded controllers would have made it a root of threads');
    files.set('/cg/busy/cgroup.type', 'threaded');
    assert.throws(() => driver.prepare(files, '/busy/box', limit), /cgroup parent \/busy is "threaded"/);
  });

  test('an OOM killer that is disabled without a limit: a warning, where it can be disabled', () => {
    const warnings = (kind: keyof typeof LAYOUTS, limit: number) => created(LAYOUTS[kind], { memory: { limit, disableOOMKiller: true } }).warnings.join();
    assert.match(warnings('v1', 0), /^OOM killer is disabled for the container, but no memory limit is set/);
    assert.equal(warnings('v1', 1e8), '');
    assert.match(warnings('v2', 0), /^oom kill disabled: .* the limit is left out$/);
  });

  test('one level below the root, where the root has not the files', () => {
    for (const kind of ['v1', 'hybrid', 'v2'] as const) assert.deepEqual(created(LAYOUTS[kind], { pids: { limit: 3 } }, '/box').warnings, []);
    assert.match(created(LAYOUTS.v1, { blockIO: { leafWeight: 10 } }, '/box').warnings.join(), /has no blkio.leaf_weight/);
  });
});

describe('unified resources', () => {
  const unified = (kind: keyof typeof LAYOUTS, keys: Record<string, string>) => created(LAYOUTS[kind], { unified: keys });
  test('go to their files, a line at a time; a missing controller is a warning, a missing file an error', () => {
    const { ops, warnings } = unified('v2', { 'memory.high': '1000', 'io.max': '8:0 rbps=1\n8:16 wbps=2\n', 'cgroup.max.descendants': '5' });
    assert.deepEqual(written(ops), ['memory.high=1000', 'io.max=8:0 rbps=1', 'io.max=8:16 wbps=2', 'cgroup.max.descendants=5']);
    assert.deepEqual(warnings, []);
    assert.deepEqual(unified('v2', { 'rdma.max': 'x' }).warnings, ['unified resource rdma.max=x: this machine has no rdma controller; the limit is left out']);
    assert.deepEqual(unified('hybrid', { 'memory.high': '1', 'hugetlb.2MB.max': '0' }).warnings, [
      "unified resource memory.high=1: this machine's memory controller is of cgroup v1, which has no memory.high; the limit is left out",
    ]);
    assert.throws(
      () => unified('v2', { 'memory.hihg': '1' }),
      /unified resource memory.hihg=1: this kernel's memory controller \(cgroup v2\) has no memory.hihg$/,
    );
    assert.throws(() => unified('v1', { 'memory.high': '1' }), /unified resource "memory.high": cannot use unified on cgroup v1/);
  });

  test('never lead elsewhere', () => {
    for (const key of [
      '',
      '.',
      '..',
      '../memory.max',
      'memory',
      'memory.',
      'a/b.c',
      'memory.max\n',
      '../../x.y',
      'memory..max',
      'cgroup.procs',
      'cgroup.kill',
      'cgroup.type',
    ])
      assert.throws(() => unified('v2', { [key]: '1' }), { kind: 'invalid' }, JSON.stringify(key));
    for (const pageSize of ['../2MB', '2MB/../../x', '', '2mb', '02MB', '2MB ', '..'])
      for (const kind of ['v1', 'v2'] as const)
        assert.throws(() => created(LAYOUTS[kind], { hugepageLimits: [{ pageSize, limit: 1 }] }), { kind: 'invalid' }, JSON.stringify(pageSize));
    assert.throws(() => created(LAYOUTS.v1, { rdma: { 'a b': { hcaHandles: 1 } } }), /rdma limit of "a b"/);
    assert.throws(() => created(LAYOUTS.v1, { network: { priorities: [{ name: 'eth0 1\nlo', priority: 1 }] } }), /not the name of an interface/);
  });
});

describe('parents', () => {
  test('v1: empty cpusets are filled from the top; realtime runtime is handed down', () => {
    const files = new FakeCgroupFiles(LAYOUTS.v1);
    files.mkdir('/cg/cpuset/a/b');
    const driver = cgroupDriver(LAYOUTS.v1);
    driver.prepare(files, '/a/b/box', { cpu: { realtimeRuntime: 900, realtimePeriod: 1000 } });
    for (const folder of ['a', 'a/b']) assert.equal(files.read(`/cg/cpuset/${folder}/cpuset.cpus`), '0-3', folder);
    assert.equal(files.read('/cg/cpu/a/b/cpu.rt_runtime_us'), '900');
    files.mkdir('/cg/cpuset/a/b/box');
    assert.equal(files.read('/cg/cpuset/a/b/box/cpuset.mems'), '0');
    driver.prepare(files, '/top', {});
    assert.equal(files.read('/cg/cpuset/top/cpuset.cpus'), '0-3');
  });

  test('v2: every level hands every controller down, once', () => {
    const files = new FakeCgroupFiles(LAYOUTS.v2);
    const driver = cgroupDriver(LAYOUTS.v2);
    driver.prepare(files, '/a/b/box', {});
    for (const folder of ['', '/a', '/a/b']) assert.equal(files.read(`/cg${folder}/cgroup.subtree_control`), 'cpuset cpu io memory hugetlb pids', folder);
    const writes = files.writes.length;
    driver.prepare(files, '/a/b/other', {});
    assert.equal(files.writes.length, writes);
  });

  test('what has been made ready is not looked at again, until it is said to be there no more', () => {
    const files = new FakeCgroupFiles(LAYOUTS.hybrid);
    const driver = cgroupDriver(LAYOUTS.hybrid);
    const ready = new Set<string>();
    let looks = 0;
    const counting = new Proxy(files, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        return typeof value !== 'function' ? value : (...args: unknown[]) => (looks++, (value as (...all: unknown[]) => unknown).apply(target, args));
      },
    });
    driver.prepare(counting, '/a/one', {}, { fresh: true, ready });
    assert.ok(looks > 0);
    looks = 0;
    driver.prepare(counting, '/a/two', {}, { fresh: true, ready });
    assert.equal(looks, 0);
    driver.prepare(counting, '/b/two', {}, { fresh: true, ready });
    assert.ok(looks > 0, 'another parent');
    looks = 0;
    driver.prepare(counting, '/a/two', {}, { ready });
    assert.ok(looks > 0, 'its own may be there');
    for (const hierarchy of driver.hierarchies) files.rmdir(`${hierarchy.mountPoint}/a`);
    ready.clear();
    driver.prepare(files, '/a/two', {}, { ready });
    for (const hierarchy of driver.hierarchies) assert.ok(files.exists(`${hierarchy.mountPoint}/a`), hierarchy.mountPoint);
  });

  test('a container goes into no cgroup that others are in, or that is frozen', () => {
    for (const [folder, file, text, message] of [
      ['/cg/kobako/box', 'cgroup.events', 'populated 0\nfrozen 1\n', /unexpectedly frozen/],
      ['/cg/kobako/box/below', 'cgroup.procs', '5\n6\n', /is not empty: 2 process/],
    ] as const) {
      const files = new FakeCgroupFiles(LAYOUTS.v2);
      files.mkdir(folder);
      files.set(`${folder}/${file}`, text);
      assert.throws(() => cgroupDriver(LAYOUTS.v2).prepare(files, '/kobako/box', {}), message);
    }
  });
});

describe('updates', () => {
  const living = (kind: keyof typeof LAYOUTS, resources: Resources = {}) => {
    const { files, driver } = created(LAYOUTS[kind], resources);
    return { files, update: (changes: Resources) => driver.update(files, '/kobako/box', changes) };
  };
  test('a refused limit is named, with the mend', () => {
    const { files, update } = living('v1', { memory: { limit: 1e8, swap: 1e8 } });
    const hint = (pattern: RegExp) => (error: unknown) => pattern.test((error as { hint: string }).hint);
    assert.throws(() => update({ memory: { limit: 2e8 } }), hint(/smaller than already set memoryswap limit/));
    files.set('/cg/memory/kobako/box/memory.usage_in_bytes', '60000000');
    assert.throws(() => update({ memory: { limit: 5e7 } }), hint(/uses more than that now/));
    assert.throws(() => update({ memory: { limit: 5e7, checkBeforeUpdate: true } }), /rejecting memory limit 50000000 <= usage 60000000/);
    update({ cpu: { idle: 1 } });
    assert.throws(() => update({ cpu: { shares: 5 } }), hint(/cpu is idle/));
    assert.throws(() => living('v2').update({ memory: { swap: 5e7 } }), /memory and swap limit 50000000 needs a memory limit/);
    assert.throws(() => living('v2').update({ memory: { limit: 6e7, swap: 5e7 } }), /is below the memory limit/);
    assert.throws(() => living('v1').update({ memory: { swappiness: 101 } }), /valid range is 0-100/);
  });

  test('devices: the whole list anew on v1, a warning on v2', () => {
    const rules = [{ allow: true, type: 'c', major: 10, minor: 229, access: 'rw' }];
    const { files, update } = living('v1');
    files.writes.length = 0;
    assert.deepEqual(update({ devices: rules }), []);
    assert.deepEqual(
      files.writes.slice(0, 3).map(([path, text]) => [path.split('/').at(-1), text]),
      [
        ['devices.deny', 'a'],
        ['devices.allow', 'c 10:229 rw'],
        ['devices.allow', 'c *:* m'],
      ],
    );
    assert.match(living('v2').update({ devices: rules }).join(), /cannot be changed while the container runs/);
  });
});

describe('below a container', () => {
  const paths = (below: Parameters<ReturnType<typeof cgroupDriver>['open']>[1], kind: keyof typeof LAYOUTS = 'hybrid') =>
    cgroupDriver(LAYOUTS[kind])
      .open('/kobako/box', below)
      .flatMap((op) => (op.op === 'open' && /pids|memory|unified|^\/cg\/kobako/.test(op.path) ? [op.path] : []));
  test('exec follows the first process in the v2 tree only, and never out', () => {
    const own = '/cg/kobako/box';
    const at = (line: string) => paths(placeBelow('/kobako/box', line), 'v2')[0];
    assert.equal(at('0::/kobako/box\n'), own);
    assert.equal(at('1:cpu:/x\n0::/kobako/box/init.scope/a\n'), `${own}/init.scope/a`);
    for (const elsewhere of ['0::/kobako/boxer/a', '0::/', '0::/../x', '0::/kobako/box/../../x', '0::/kobako/box/gone (deleted)', '', '1:pids:/kobako/box/a'])
      assert.equal(at(elsewhere), own, elsewhere);
    assert.deepEqual(paths(placeBelow('/kobako/box', '8:pids:/kobako/box/p\n0::/kobako/box/a')), [
      '/cg/memory/kobako/box/tasks',
      '/cg/pids/kobako/box/tasks',
      '/cg/unified/kobako/box/a',
    ]);
  });

  test('named ones: for all, by controller, not upwards', () => {
    assert.deepEqual(paths(namedBelow('a/b')), ['/cg/memory/kobako/box/a/b/tasks', '/cg/pids/kobako/box/a/b/tasks', '/cg/unified/kobako/box/a/b']);
    assert.deepEqual(paths(namedBelow({ pids: 'p' })), ['/cg/memory/kobako/box/tasks', '/cg/pids/kobako/box/p/tasks', '/cg/unified/kobako/box']);
    assert.deepEqual(paths(namedBelow('/'), 'v2'), ['/cg/kobako/box']);
    for (const bad of ['..', '../x', 'a/../../x', '/../x', 'a\0']) assert.throws(() => namedBelow(bad), /bad sub cgroup path/);
  });
});
