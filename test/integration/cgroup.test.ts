/** Limits on a real kernel: that each flag lands in its file, seen from outside while the container runs, and that it bites. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { before, describe, test, type TestContext } from 'node:test';
import { detectCgroups } from '../../src/cgroup/detect.ts';
import { kobako } from '../support/kobako.ts';
import { projectDir } from '../support/paths.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { run, type RunResult } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const { kind, hierarchies } = detectCgroups(readFileSync('/proc/self/mountinfo', 'utf8'), (at) => readFileSync(`${at}/cgroup.controllers`, 'utf8'))!;
const v2 = kind === 'v2';
const onlyV2 = v2 ? false : `this machine's cgroups are ${kind}; runs in the virtual machine`;
const MB = 1 << 20;

let root: string;
let count = 0;
before(async () => {
  root = await busyboxRootfs();
});

const folderOf = (controller: string, id: string) => {
  const hierarchy = hierarchies.find(({ controllers }) => controllers.includes(controller));
  return hierarchy && `${hierarchy.mountPoint}/kobako/${id}`;
};
const line = (path: string) => readFileSync(path, 'utf8').split('\n')[0]!.trim();
const leftovers = (id: string) => hierarchies.map(({ mountPoint }) => `${mountPoint}/kobako/${id}`).filter((path) => existsSync(path));

type Launch = (args: string[]) => Promise<RunResult>;

/** A container that sleeps; ended with the test. */
async function start(t: TestContext, flags: string[], script = 'sleep 60', launch: Launch = kobako) {
  const name = `kobako-test-cg-${process.pid}-${count++}`;
  t.after(() => kobako(['rm', '-f', name]));
  const { code, stdout, stderr } = await launch(['run', '-d', '--name', name, '--rootfs', `${root}:O`, ...flags, 'sh', '-c', script]);
  assert.equal(code, 0, stderr);
  return { name, id: stdout.trim(), warnings: stderr.trim().split('\n').filter(Boolean) };
}

const inside = (flags: string[], script: string) => kobako(['run', '--rm', '--rootfs', `${root}:O`, ...flags, 'sh', '-c', script]);

/** A block device of its own, or why there is none. */
async function loopDevice(t: TestContext): Promise<{ path: string; number: string } | undefined> {
  const file = `${tempFor(t)}/disk`;
  writeFileSync(file, 'the disk');
  truncateSync(file, 8 * MB);
  const made = await run('losetup', ['-f', '--show', file]);
  if (made.code !== 0) {
    t.skip(`no loop device: ${made.stderr.trim()}`);
    return undefined;
  }
  const path = made.stdout.trim();
  t.after(() => run('losetup', ['-d', path]));
  return { path, number: `7:${path.replace('/dev/loop', '')}` };
}

/** Every flag at once, and what the files of both versions show then. */
const FLAGS = [
  ...['--memory', '64m', '--memory-swap', '96m', '--memory-reservation', '32m', '--memory-swappiness', '7', '--oom-kill-disable'],
  ...['--cpu-shares', '512', '--cpu-quota', '50000', '--cpu-period', '100000', '--cpu-rt-period', '500000', '--cpu-rt-runtime', '10000'],
  ...['--cpuset-cpus', '0', '--cpuset-mems', '0', '--pids-limit', '20', '--blkio-weight', '500', '--hugetlb-limit', '2MB:4m'],
];
const VALUES = {
  1: {
    memory: {
      'memory.limit_in_bytes': `${64 * MB}`,
      'memory.memsw.limit_in_bytes': `${96 * MB}`,
      'memory.soft_limit_in_bytes': `${32 * MB}`,
      'memory.swappiness': '7',
      'memory.oom_control': 'oom_kill_disable 1',
    },
    cpu: { 'cpu.shares': '512', 'cpu.cfs_quota_us': '50000', 'cpu.cfs_period_us': '100000', 'cpu.rt_period_us': '500000', 'cpu.rt_runtime_us': '10000' },
    cpuset: { 'cpuset.cpus': '0', 'cpuset.mems': '0' },
    pids: { 'pids.max': '20' },
    blkio: { 'blkio.bfq.weight': '500' },
    hugetlb: { 'hugetlb.2MB.limit_in_bytes': `${4 * MB}` },
  },
  2: {
    memory: { 'memory.max': `${64 * MB}`, 'memory.swap.max': `${32 * MB}`, 'memory.low': `${32 * MB}` },
    cpu: { 'cpu.weight': '59', 'cpu.max': '50000 100000' },
    cpuset: { 'cpuset.cpus': '0', 'cpuset.mems': '0' },
    pids: { 'pids.max': '20' },
    io: { 'io.weight': 'default 4950' },
    hugetlb: { 'hugetlb.2MB.max': `${4 * MB}`, 'hugetlb.2MB.rsvd.max': `${4 * MB}` },
  },
} as const;

/** Checks what is there, and gives the controllers of what is not. */
function landed(id: string, among = hierarchies): string[] {
  const lacking: string[] = [];
  let checked = 0;
  for (const [version, controllers] of Object.entries(VALUES)) {
    for (const [controller, files] of Object.entries(controllers)) {
      const hierarchy = among.find((each) => each.version === Number(version) && each.controllers.includes(controller));
      for (const [file, value] of Object.entries(files)) {
        const path = hierarchy && `${hierarchy.mountPoint}/kobako/${id}/${file}`;
        if (path === undefined || !existsSync(path)) lacking.push(controller);
        else assert.equal(line(path), value, path);
        checked += Number(path !== undefined);
      }
    }
  }
  assert.ok(checked >= 10, `only ${checked} files`);
  return lacking;
}

describe('each flag lands in its file', () => {
  test('as this machine has them; what it has not is a warning that names the controller', async (t) => {
    const { id, warnings } = await start(t, FLAGS);
    landed(id);
    const expected = v2
      ? [
          /realtime period.*cpu controller/,
          /realtime runtime.*cpu controller/,
          /memory swappiness capabilities .* Memory swappiness discarded/,
          /OomKillDisable discarded/,
        ]
      : [];
    // not every distribution's kernel has a weight of block io
    const rest = warnings.filter((text) => !/block io weight 500: .*(blkio|io) controller|Block I\/O weight .* Weight discarded/.test(text));
    for (const pattern of expected) assert.equal(rest.filter((text) => pattern.test(text)).length, 1, `${pattern}: ${warnings.join('\n')}`);
    assert.equal(rest.length, expected.length, warnings.join('\n'));
    // exec is counted and limited there too
    const place = v2 ? '0::/' : 'pids:/';
    const { stdout } = await kobako(['exec', id, 'cat', '/proc/self/cgroup']);
    assert.ok(stdout.includes(place), stdout);
    const procs = readFileSync(`${folderOf('pids', id)}/cgroup.procs`, 'utf8');
    assert.ok(procs.split('\n').filter(Boolean).length >= 1, procs);
  });

  test('on a machine without a v2 tree', async (t) => {
    if (kind !== 'hybrid') return t.skip(`this machine's cgroups are ${kind}: there is no v1 machine to make of it`);
    const tree = hierarchies.find(({ version }) => version === 2)!.mountPoint;
    const hidden: Launch = (args) => run('unshare', ['-m', 'sh', '-c', `umount ${tree} && exec "$0" "$@"`, `${projectDir}/bin/kobako`, ...args]);
    const { id, warnings } = await start(t, FLAGS, 'sleep 60', hidden);
    const v1 = hierarchies.filter(({ version }) => version === 1);
    assert.ok(landed(id, v1).includes('hugetlb'));
    assert.deepEqual(warnings, ['WARNING: hugepage limit 2MB: this machine has no hugetlb controller; the limit is left out']);
    assert.ok(!existsSync(`${tree}/kobako/${id}`));
    const unified = await hidden(['run', '--rm', '--rootfs', `${root}:O`, '--cgroup-conf', 'memory.high=1', 'true']);
    assert.deepEqual([unified.code, unified.stderr], [125, 'kobako: unified resource "memory.high": cannot use unified on cgroup v1\n']);
    assert.equal((await hidden(['exec', id, 'true'])).code, 0);
  });

  test('block io throttles, by device', async (t) => {
    const loop = await loopDevice(t);
    if (loop === undefined) return;
    const { path, number } = loop;
    const { id, warnings } = await start(t, [
      ...['--device-read-bps', `${path}:1mb`, '--device-write-bps', `${path}:2mb`, '--device-read-iops', `${path}:30`, '--device-write-iops', `${path}:40`],
    ]);
    assert.deepEqual(warnings, []);
    if (v2) return assert.equal(line(`${folderOf('io', id)}/io.max`), `${number} rbps=${MB} wbps=${2 * MB} riops=30 wiops=40`);
    for (const [file, value] of Object.entries({ read_bps: MB, write_bps: 2 * MB, read_iops: 30, write_iops: 40 }))
      assert.equal(line(`${folderOf('blkio', id)}/blkio.throttle.${file}_device`), `${number} ${value}`);
  });

  test('files of the v2 tree by name', { skip: onlyV2 }, async (t) => {
    const conf = ['--cgroup-conf', `memory.high=${32 * MB}`, '--cgroup-conf', 'cgroup.max.descendants=3', '--cgroup-conf', 'pids.max=33'];
    const { id, warnings } = await start(t, conf);
    assert.deepEqual(warnings, []);
    const folder = folderOf('pids', id)!;
    assert.deepEqual(
      ['memory.high', 'cgroup.max.descendants', 'pids.max'].map((file) => line(`${folder}/${file}`)),
      [`${32 * MB}`, '3', '33'],
    );
    const fails = async (key: string, message: RegExp) => {
      const { code, stderr } = await inside(['--cgroup-conf', key], 'true');
      assert.deepEqual([code, message.test(stderr)], [125, true], stderr);
    };
    await fails('memory.hihg=1', /memory controller \(cgroup v2\) has no memory.hihg/);
    await fails('memory.high=lots', /unified resource memory.high=lots.*invalid argument/i);
    await fails('../../cgroup.procs=1', /must be a file name of a cgroup/);
  });
});

describe('limits bite', () => {
  test('memory: killed, 137, and known to have been the OOM killer', async (t) => {
    const name = `kobako-test-oom-${process.pid}`;
    t.after(() => kobako(['rm', '-f', name]));
    const { code } = await kobako(['run', '--name', name, '--rootfs', `${root}:O`, '--memory', '16m', '--memory-swap', '16m', 'tail', '/dev/zero']);
    assert.equal(code, 137);
    const known = async (container: string) =>
      (JSON.parse((await kobako(['inspect', container])).stdout) as { State: { OOMKilled: boolean } }[])[0]!.State.OOMKilled;
    assert.equal(await known(name), true);
    const other = await start(t, ['--memory', '64m'], 'kill -9 $$');
    await kobako(['wait', other.name]);
    assert.equal(await known(other.name), false);
  });

  test('cpu: throttled', async () => {
    const stat = `/sys/fs/cgroup/${v2 ? '' : 'cpu/'}cpu.stat`;
    // on a busy machine it may take a while until it gets even that much
    const script = `for i in $(seq 10); do timeout 1 sh -c 'while :; do :; done'; grep -q 'nr_throttled [^0]' ${stat} && break; done; cat ${stat}`;
    const { stdout } = await inside(['--cpus', '0.05'], script);
    assert.ok(Number(/^nr_throttled (\d+)$/m.exec(stdout)?.[1]) > 0, stdout);
  });

  test('pids: no more than that many', async () => {
    const { stdout, stderr } = await inside(['--pids-limit', '8'], '(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 100 & done); ls -d /proc/[0-9]* | wc -l');
    assert.match(stderr, /can't fork/);
    assert.ok(!(Number(stdout) > 8), stdout);
  });

  test('devices: what is allowed, with its letters, and no more', async (t) => {
    const loop = await loopDevice(t);
    if (loop === undefined) return;
    const [major, minor] = loop.number.split(':') as [string, string];
    const read = `head -c 8 /dev/blk`;
    const write = 'dd if=/dev/zero of=/dev/blk bs=512 count=1 2>&1';
    const node = `mknod /dev/blk b ${major} ${minor}`;
    const answers = async (flags: string[], script: string) => {
      const { stdout, stderr } = await inside(flags, script);
      return `${stdout}${stderr}`;
    };
    assert.match(await answers([], `${node} && ${read}`), /Operation not permitted/);
    const readable = await answers(['--device', `${loop.path}:/dev/blk:r`], `${read}; ${write}`);
    assert.match(readable, /^the disk/);
    assert.match(readable, /Operation not permitted/);
    assert.match(await answers(['--device-cgroup-rule', `b ${major}:* r`], `${node} && ${read}; ${write}`), /^the disk.*Operation not permitted/s);
    assert.match(await answers(['--device-cgroup-rule', `b ${major}:${Number(minor) + 1} rwm`], `${node} && ${read}`), /Operation not permitted/);
    assert.match(await answers(['--privileged'], `rm -f /dev/blk; ${node} && ${read}`), /^the disk/);
    for (const device of ['null', 'zero', 'full', 'random', 'urandom', 'tty'])
      assert.doesNotMatch(await answers([], `head -c 1 /dev/${device}`), /not permitted/, device);
  });

  test('block io: 3 MB at 1 MB a second take their time', async (t) => {
    const loop = await loopDevice(t);
    if (loop === undefined) return;
    const read = ['--device', `${loop.path}:/dev/blk:r`];
    const script = 'dd if=/dev/blk of=/dev/null bs=65536 count=48 iflag=direct';
    const took = async (flags: string[]) => {
      const begin = Date.now();
      const { code, stderr } = await inside([...read, ...flags], script);
      assert.equal(code, 0, stderr);
      return Date.now() - begin;
    };
    assert.ok((await took(['--device-read-bps', `${loop.path}:1mb`])) > 2000);
  });
});

describe('a cgroup of its own', () => {
  test('the clone goes straight in, where there is a v2 tree', async (t) => {
    const { stdout } = await kobako(['explain', '--json', 'run', '--rootfs', `${root}:O`, '--pids-limit', '5', 'true']);
    const { ops } = JSON.parse(stdout) as { ops: { op: string; cgroup?: string; path?: string; into?: string }[] };
    const clone = ops.find(({ op }) => op === 'clone')!;
    const opened = ops.find(({ into }) => into === clone.cgroup);
    assert.match(opened?.path ?? '', v2 ? /^\/sys\/fs\/cgroup\/kobako\/\w+$/ : /^\/sys\/fs\/cgroup\/unified\/kobako\/\w+$/);
    // on v2 nothing else in the plan could have put it there
    const moves = ops.filter(({ op, path }) => op === 'cgroup-attach' || /\/(tasks|cgroup\.procs)$/.test(path ?? ''));
    assert.equal(moves.filter(({ op }) => op !== 'kill-cgroup').length, hierarchies.filter(({ version }) => version === 1).length);
    const { id, name } = await start(t, []);
    const pid = (JSON.parse((await kobako(['inspect', name])).stdout) as { State: { Pid: number } }[])[0]!.State.Pid;
    const places = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n');
    for (const { controllers } of hierarchies.filter(({ version }) => version === 1))
      assert.ok(
        places.some((place) => place.endsWith(`:${controllers.join(',')}:/kobako/${id}`)),
        places.join('\n'),
      );
    if (hierarchies.some(({ version }) => version === 2)) assert.ok(places.includes(`0::/kobako/${id}`), places.join('\n'));
  });

  test('nothing is left of it, also where the container made cgroups below', async (t) => {
    const own = `/sys/fs/cgroup/${v2 ? '' : 'pids/'}`;
    const flags = ['--privileged', '--cgroupns', 'private'];
    const script = `mkdir ${own}below ${own}below/more && echo $$ > ${own}below/more/cgroup.procs`;
    const gone = async (id: string) => {
      for (let tries = 0; tries < 400 && leftovers(id).length > 0; tries++) await new Promise((done) => setTimeout(done, 25));
      assert.deepEqual(leftovers(id), []);
    };
    // the monitor alone: nobody is there when it ends
    const alone = await start(t, [...flags, '--rm'], `${script}; sleep 1`);
    for (let tries = 0; tries < 200 && !existsSync(`${folderOf('pids', alone.id)}/below/more`); tries++) await new Promise((done) => setTimeout(done, 10));
    assert.ok(existsSync(`${folderOf('pids', alone.id)}/below/more`));
    await gone(alone.id);
    // a process of the host's pid namespace, which does not end with the first one
    const shared = await start(
      t,
      [...flags, '--rm', '--pid', 'host'],
      `${v2 ? `mkdir ${own}below && ` : ''}sh -c '${v2 ? `echo $$ > ${own}below/cgroup.procs; ` : ''}sleep 300' & sleep 0.5`,
    );
    await gone(shared.id);
  });

  test('exec follows the first process into what it has made below', { skip: onlyV2 }, async (t) => {
    const script = 'cd /sys/fs/cgroup && mkdir init && echo 1 > init/cgroup.procs && echo +pids > cgroup.subtree_control && echo ready && sleep 60';
    const { id, name } = await start(t, ['--privileged', '--cgroupns', 'private'], script);
    for (let tries = 0; tries < 200 && (await kobako(['logs', name])).stdout !== 'ready\n'; tries++) await new Promise((done) => setTimeout(done, 50));
    assert.equal(line(`${folderOf('pids', id)}/cgroup.subtree_control`), 'pids');
    const { code, stdout, stderr } = await kobako(['exec', name, 'cat', '/proc/self/cgroup']);
    assert.deepEqual([code, stdout], [0, '0::/init\n'], stderr);
    await kobako(['rm', '-f', name]);
    assert.deepEqual(leftovers(id), []);
  });

  test('inside a cgroup namespace whose root has processes: it runs, and says what it cannot limit', { skip: onlyV2 }, async (t) => {
    const outer = `/sys/fs/cgroup/kobako-test-outer-${process.pid}`;
    t.after(() => run('sh', ['-c', `find ${outer} -depth -type d -exec rmdir {} \\;`]));
    const script = `mkdir ${outer}; echo $$ > ${outer}/cgroup.procs; exec unshare -Cm sh -c 'umount /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec "$0" "$@"' "$0" "$@"`;
    const args = ['run', '--rm', '--rootfs', `${root}:O`, '--memory', '64m', '--pids-limit', '5', 'echo', 'ran'];
    const { stdout, stderr } = await run('sh', ['-c', script, `${projectDir}/bin/kobako`, ...args]);
    assert.equal(stdout, 'ran\n', stderr);
    assert.match(stderr, /WARNING: memory limit \d+: cgroup \/ does not hand down the memory controller, for it has processes of its own/);
  });
});

describe('kobako-runc', () => {
  const runc = (state: string, ...args: string[]) => run(`${projectDir}/bin/kobako-runc`, ['--root', state, ...args]);

  test('pause, update, stats', async (t) => {
    const ends: (() => Promise<unknown>)[] = [];
    // before the folder goes, which holds the state
    t.after(async () => {
      for (const end of ends.toReversed()) await end();
    });
    const folder = tempFor(t);
    const state = `${folder}/state`;
    const id = `kobako-test-runc-${process.pid}`;
    await runc(state, 'spec', '-b', folder);
    const spec = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8')) as {
      process: { terminal: boolean; args: string[] };
      root: { path: string };
      linux: { cgroupsPath?: string; resources: object };
      mounts: object[];
    };
    spec.process.terminal = false;
    spec.process.args = ['sh', '-c', 'while :; do echo x >> /var/tmp/ticks; sleep 0.02; done'];
    spec.root.path = root;
    spec.linux.cgroupsPath = `/kobako-test-${process.pid}/${id}`;
    spec.linux.resources = { ...spec.linux.resources, memory: { limit: 64 * MB, swap: 64 * MB }, cpu: { quota: 50_000, period: 100_000 } };
    spec.mounts.push({ destination: '/var/tmp', type: 'bind', source: folder, options: ['bind'] });
    const parent = hierarchies.map(({ mountPoint }) => `${mountPoint}/kobako-test-${process.pid}`);
    ends.push(() => run('rmdir', parent));
    ends.push(() => runc(state, 'delete', '-f', id));
    writeFileSync(`${folder}/config.json`, JSON.stringify(spec));
    const started = await run('sh', [
      '-c',
      `exec "$0" "$@" </dev/null >/dev/null 2>${folder}/err`,
      `${projectDir}/bin/kobako-runc`,
      '--root',
      state,
      'run',
      '-d',
      '-b',
      folder,
      id,
    ]);
    assert.equal(started.code, 0, readFileSync(`${folder}/err`, 'utf8'));
    const at = (controller: string) => `${hierarchies.find(({ controllers }) => controllers.includes(controller))!.mountPoint}${spec.linux.cgroupsPath}`;
    const status = async () => (JSON.parse((await runc(state, 'state', id)).stdout) as { status: string }).status;
    const ticks = () => readFileSync(`${folder}/ticks`, 'utf8').length;
    const later = () => new Promise((done) => setTimeout(done, 400));

    assert.equal((await runc(state, 'pause', id)).code, 0);
    assert.equal(await status(), 'paused');
    const stopped = ticks();
    await later();
    assert.equal(ticks(), stopped);
    assert.equal((await runc(state, 'resume', id)).code, 0);
    await later();
    assert.equal(await status(), 'running');
    assert.ok(ticks() > stopped);

    const update = await runc(state, 'update', '--memory', `${128 * MB}`, '--memory-swap', `${256 * MB}`, '--pids-limit', '50', '--cpu-period', '50000', id);
    assert.equal(update.code, 0, update.stderr);
    const expected = v2
      ? { 'memory/memory.max': `${128 * MB}`, 'memory/memory.swap.max': `${128 * MB}`, 'pids/pids.max': '50', 'cpu/cpu.max': '50000 50000' }
      : {
          'memory/memory.limit_in_bytes': `${128 * MB}`,
          'memory/memory.memsw.limit_in_bytes': `${256 * MB}`,
          'pids/pids.max': '50',
          'cpu/cpu.cfs_quota_us': '50000',
          'cpu/cpu.cfs_period_us': '50000',
        };
    for (const [key, value] of Object.entries(expected)) assert.equal(line(`${at(key.split('/')[0]!)}/${key.split('/')[1]}`), value, key);

    const events = JSON.parse((await runc(state, 'events', '--stats', id)).stdout) as {
      data: {
        cpu: { usage: { total: number } };
        memory: { usage: { limit: number; usage: number }; raw: Record<string, number> };
        pids: { current: number; limit: number };
      };
    };
    const { cpu, memory, pids } = events.data;
    assert.ok(cpu.usage.total > 0 && memory.usage.usage > 0 && memory.raw['inactive_file'] !== undefined, JSON.stringify(events));
    assert.deepEqual([memory.usage.limit, pids.limit, pids.current >= 1], [128 * MB, 50, true]);

    // a limit below what is used: refused on v1, which says so; a swap limit below the memory's on both
    assert.notEqual((await runc(state, 'update', '--memory', `${64 * MB}`, '--memory-swap', `${32 * MB}`, id)).code, 0);
    assert.equal(line(`${at('pids')}/pids.max`), '50');
  });
});
