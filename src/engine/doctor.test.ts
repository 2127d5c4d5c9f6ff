import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DoctorFacts } from '../kernel/linux/doctor-facts.ts';
import { tempFor } from '../../test/support/temp.ts';
import { diagnose, findings, type CgroupFacts, type Leftovers } from './doctor.ts';

const HEALTHY: DoctorFacts = {
  kernel: '6.18.1-x',
  capabilities: (1n << 41n) - 1n,
  filesystems: new Set(['overlay', 'erofs']),
  modules: new Set(['bridge', 'veth', 'nf_tables']),
  namespaces: new Set(['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts']),
  maxUserNamespaces: 1000,
  seccomp: true,
  openFiles: Infinity,
  inotifyInstances: 128,
  inotifyWatches: 100_000,
  keys: 1_000_000,
  processes: 4_194_304,
  disk: { free: 10 * 2 ** 30, total: 20 * 2 ** 30, inodes: 0 },
  mounts: [],
};
const V2: CgroupFacts = { kind: 'v2', controllers: new Set(['cpu', 'cpuset', 'memory', 'pids', 'io']) };
const NOTHING: Leftovers = { cgroups: [], sockets: [], halfMade: [] };

test('a healthy machine', () => {
  assert.deepEqual(
    findings(HEALTHY, V2, NOTHING).filter(({ status, mend }) => status !== 'ok' || mend !== ''),
    [],
  );
});

const CASES: readonly (readonly [string, Partial<DoctorFacts>, CgroupFacts | undefined, Partial<Leftovers>, status: string, name: string, detail: RegExp])[] = [
  ['an old kernel', { kernel: '5.4.0-1-amd64' }, V2, {}, 'problem', 'kernel', /openat2/],
  ['one that is not quite new', { kernel: '5.10.0' }, V2, {}, 'warning', 'kernel', /mapped/],
  ['no erofs from files', { kernel: '6.6.0' }, V2, {}, 'warning', 'erofs', /unpacked/],
  ['no capability', { capabilities: (1n << 41n) - 1n - (1n << 21n) }, V2, {}, 'problem', 'capabilities', /^missing: CAP_SYS_ADMIN$/],
  ['no namespace', { namespaces: new Set(['user']) }, V2, {}, 'problem', 'namespaces', /cgroup, ipc, mnt, net, pid, uts/],
  ['no user namespaces', { maxUserNamespaces: 0 }, V2, {}, 'warning', 'user namespaces', /uidmap/],
  ['no seccomp', { seccomp: false }, V2, {}, 'problem', 'seccomp', /./],
  ['no overlay', { filesystems: new Set(['erofs']) }, V2, {}, 'problem', 'overlayfs', /./],
  ['no cgroups', {}, undefined, {}, 'problem', 'cgroups', /nothing can be limited/],
  [
    'no pids',
    {},
    { kind: 'v1', controllers: new Set(['cpu', 'cpuset', 'memory', 'blkio', 'devices', 'freezer']) },
    {},
    'warning',
    'cgroups',
    /v1, without pids/,
  ],
  ['no veth', { modules: new Set(['bridge', 'nf_tables']) }, V2, {}, 'warning', 'veth', /./],
  ['few files', { openFiles: 1024 }, V2, {}, 'warning', 'open files', /1024/],
  ['few inotify instances', { inotifyInstances: 8 }, V2, {}, 'warning', 'inotify instances', /8/],
  ['few keys', { keys: 200 }, V2, {}, 'warning', 'keyrings', /200/],
  ['little disk', { disk: { free: 2 ** 30, total: 2 ** 34, inodes: 10 ** 6 } }, V2, {}, 'warning', 'disk', /1\.0 GiB of 16\.0 GiB/],
  ['no disk', { disk: { free: 1000, total: 2 ** 34, inodes: 10 ** 6 } }, V2, {}, 'problem', 'disk', /0\.0 GiB/],
  ['no inodes', { disk: { free: 2 ** 34, total: 2 ** 34, inodes: 10 } }, V2, {}, 'problem', 'disk', /10 inodes/],
  ['mounts', { mounts: ['/data/x'] }, V2, {}, 'warning', 'leftover mounts', /1: \/data\/x/],
  ['cgroups', {}, V2, { cgroups: ['a', 'b', 'c', 'd'] }, 'warning', 'leftover cgroups', /^4: a, b, c …$/],
  ['sockets', {}, V2, { sockets: ['s'] }, 'warning', 'leftover sockets', /s/],
  ['half made', {}, V2, { halfMade: ['.1.2-x'] }, 'warning', 'half-made containers', /x/],
];

for (const [title, facts, cgroups, left, status, name, detail] of CASES) {
  test(title, () => {
    const bad = findings({ ...HEALTHY, ...facts }, cgroups, { ...NOTHING, ...left }).filter(
      (each) => each.status !== 'ok' && (each.name === name || each.name !== 'erofs'),
    );
    assert.deepEqual(
      bad.map((each) => [each.name, each.status]),
      [[name, status]],
    );
    assert.match(bad[0]!.detail, detail);
    assert.notEqual(bad[0]!.mend, '');
  });
}

test('this machine is looked at, with folders that are not there yet', (t) => {
  const folder = tempFor(t);
  const all = diagnose({ stateDir: `${folder}/state`, dataRoot: `${folder}/data/deep` });
  assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
  assert.ok(all.length > 15);
  for (const name of ['leftover mounts', 'leftover sockets', 'half-made containers']) assert.equal(all.find((each) => each.name === name)?.status, 'ok', name);
});
