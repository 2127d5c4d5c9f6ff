import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ATTR, MS, TREE } from '../kernel/constants.ts';
import { built, containerInput, machine, opsOf } from '../../test/support/planner.ts';
import type { CgroupParts } from './contract.ts';
import { openTrees } from './early-trees.ts';
import { addMount, bindSource } from './mounts.ts';
import { namespacesOf } from './namespaces.ts';
import type { Mount, Spec } from './spec.ts';

const add = (mount: Partial<Mount>, cgroup?: Partial<CgroupParts>) =>
  built((builder) =>
    addMount(
      { builder, machine: machine(), cgroup: cgroup as CgroupParts | undefined, root: 'root', bundle: '/bundle', trees: new Map(), kernelMounts: [] },
      { destination: '/data', ...mount },
    ),
  );
const bind = (options: string[], source = '/src') => add({ type: 'bind', source, options }).ops;

describe('bind mounts', () => {
  test('a copy of the source, to a folder or file found inside the root', () => {
    assert.deepEqual(
      bind([]).map(({ op }) => op),
      ['open-tree', 'ensure-dir', 'move-mount', 'close', 'close'],
    );
    assert.deepEqual(
      bind([], '/file').map(({ op }) => op),
      ['open-tree', 'ensure-file', 'move-mount', 'close', 'close'],
    );
    assert.equal(opsOf(bind(['rbind']), 'open-tree')[0]!.flags, TREE.CLONE | TREE.CLOEXEC | TREE.RECURSIVE);
    assert.equal(opsOf(bind(['bind']), 'open-tree')[0]!.flags, TREE.CLONE | TREE.CLOEXEC);
  });
  const attributes: [options: string[], expected: [set: number, clear: number, propagation: number, recursive: number][]][] = [
    [[], []],
    [['ro'], [[ATTR.RDONLY, 0, 0, 0]]],
    [['rro'], [[ATTR.RDONLY, 0, 0, 1]]],
    [
      ['ro', 'rnosuid'],
      [
        [ATTR.RDONLY, 0, 0, 0],
        [ATTR.NOSUID, 0, 0, 1],
      ],
    ],
    [['rw', 'noatime'], [[ATTR.NOATIME, ATTR.RDONLY | ATTR.ATIME, 0, 0]]],
    [['rprivate'], [[0, 0, MS.PRIVATE, 1]]],
    [
      ['slave', 'shared'],
      [
        [0, 0, MS.SLAVE, 0],
        [0, 0, MS.SHARED, 0],
      ],
    ],
  ];
  for (const [options, expected] of attributes) {
    test(options.join(',') || 'nothing', () => {
      const found = opsOf(bind(options), 'mount-setattr').map((op) => [op.set, op.clear, op.propagation, op.recursive]);
      assert.deepEqual(found, expected);
    });
  }
  test('attributes come before it is attached, propagation after', () => {
    const ops = bind(['ro', 'rslave']);
    assert.deepEqual(ops.map(({ op }) => op).slice(0, 5), ['open-tree', 'mount-setattr', 'ensure-dir', 'move-mount', 'mount-setattr']);
  });
  test('a relative source is the bundle’s; one that is not there is named', () => {
    const from = (source: string) => bindSource({ bundle: '/bundle', machine: machine() }, { destination: '/x', source });
    assert.equal(from('a/b'), '/bundle/a/b');
    assert.equal(from('/a'), '/a');
    assert.throws(() => from('/missing'), { kind: 'invalid', message: 'bind mount /missing to /x: /missing: no such file or directory' });
    assert.equal(from('/proc/7/root/dev/shm'), '/proc/7/root/dev/shm', 'never looked at from here');
  });
});

describe('file systems', () => {
  test('tmpfs: options as data, attributes at once, the mode of what it covers', () => {
    const { ops } = add({ type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'size=1m', 'noswap'] });
    assert.deepEqual(
      opsOf(ops, 'fs-set').map(({ key, value }) => [key, value]),
      [
        ['source', 'tmpfs'],
        ['size', '1m'],
      ],
    );
    assert.deepEqual(
      opsOf(ops, 'fs-flag').map(({ key }) => key),
      ['noswap'],
    );
    assert.equal(opsOf(ops, 'fsmount')[0]!.attrs, ATTR.NOSUID);
    assert.deepEqual(
      opsOf(ops, 'copy-up').map(({ root, path, contents }) => [root, path, contents]),
      [['root', '/data', 0]],
    );
  });
  test('tmpfs with a mode keeps it; with tmpcopyup it is filled', () => {
    assert.equal(opsOf(add({ type: 'tmpfs', options: ['mode=700'] }).ops, 'copy-up').length, 0);
    assert.equal(opsOf(add({ type: 'tmpfs', options: ['tmpcopyup'] }).ops, 'copy-up')[0]!.contents, 1);
  });
  test('the source of proc and its like is a label, of others nothing', () => {
    const source = (type: string) => opsOf(add({ type, source: 'label' }).ops, 'fs-set').map(({ value }) => value);
    for (const type of ['proc', 'sysfs', 'devpts', 'mqueue']) assert.deepEqual(source(type), ['label'], type);
    assert.deepEqual(source('cgroup9'), []);
  });
});

describe('cgroup mounts', () => {
  const v1 = ['memory', 'cpu'].map((name) => ({ name, type: 'cgroup', data: [], hostPath: `/sys/fs/cgroup/${name}/x` }) as const);
  test('none where there are no control groups: a warning', () => {
    assert.match(add({ type: 'cgroup' }).warnings[0]!, /no control groups/);
  });
  test('v2: one bind of its own folder', () => {
    const { ops } = add({ type: 'cgroup', options: ['ro'] }, { hierarchies: [{ name: '', type: 'cgroup2', data: [], hostPath: '/sys/fs/cgroup/x' }] });
    assert.deepEqual(
      opsOf(ops, 'open-tree').map(({ path }) => path),
      ['/sys/fs/cgroup/x'],
    );
    assert.equal(opsOf(ops, 'mount-setattr')[0]!.set, ATTR.RDONLY);
  });
  test('v1: a tmpfs with a folder for each, read-only when all are there', () => {
    const { ops } = add({ type: 'cgroup', options: ['ro', 'nosuid'] }, { hierarchies: v1 });
    assert.deepEqual(
      opsOf(ops, 'ensure-dir').map(({ path }) => path),
      ['/data'],
    );
    const [tmpfs] = opsOf(ops, 'fsmount');
    const places = (name: 'mkdir' | 'move-mount') => opsOf(ops, name).flatMap(({ dir, path }) => (dir === tmpfs!.into ? [path] : []));
    assert.deepEqual(
      [places('mkdir'), places('move-mount')],
      [
        ['memory', 'cpu'],
        ['memory', 'cpu'],
      ],
    );
    assert.equal(tmpfs!.attrs, ATTR.NOSUID);
    const last = opsOf(ops, 'mount-setattr').at(-1)!;
    assert.deepEqual([last.slot, last.set], [tmpfs!.into, ATTR.RDONLY]);
    assert.equal(opsOf(ops, 'mount-setattr').filter(({ set }) => set === (ATTR.RDONLY | ATTR.NOSUID)).length, 2);
  });
});

describe('trees that the monitor copies before clone', () => {
  const maps = { uidMappings: [{ containerID: 0, hostID: 1, size: 9 }], gidMappings: [{ containerID: 0, hostID: 2, size: 9 }] };
  const trees = (mounts: Mount[], change: (spec: Spec) => void = () => {}, more: Parameters<typeof containerInput>[1] = {}) => {
    const input = containerInput(change, more);
    return built((builder) => openTrees(builder, input, namespacesOf(input.spec.linux, input.machine), new Map(), mounts));
  };
  const userns = (spec: Spec) => {
    spec.linux!.namespaces!.push({ type: 'user' });
    Object.assign(spec.linux!, maps);
  };
  const data = (options: string[] = [], own: Partial<Mount> = {}): Mount => ({ destination: '/d', type: 'bind', source: '/src', options, ...own });
  test('none without a user namespace and without maps', () => assert.deepEqual(trees([data()]).ops, []));
  test('in a user namespace every bind and the root', () => {
    assert.deepEqual(
      opsOf(trees([data(['ro'])], userns).ops, 'open-tree').map(({ side, path }) => [side, path]),
      [
        ['monitor', '/src'],
        ['monitor', '/images/root'],
      ],
    );
  });
  test('maps of its own: a user namespace that is let go at once', () => {
    const { ops } = trees([data(['rbind', 'ridmap'], maps), data([], maps)]);
    assert.deepEqual(
      opsOf(ops, 'user-namespace').map(({ uidMap, gidMap }) => [Buffer.from(uidMap).toString(), Buffer.from(gidMap).toString()]),
      [['0 1 9\n', '0 2 9\n']],
    );
    assert.deepEqual(
      opsOf(ops, 'mount-setattr').map(({ set, recursive }) => [set, recursive]),
      [
        [ATTR.IDMAP, 1],
        [ATTR.IDMAP, 0],
      ],
    );
    assert.equal(opsOf(ops, 'close').length, 1);
  });
  test('the container’s own maps, and the root’s where that is asked for and can be', () => {
    const root = { kind: 'overlay', lower: ['/a', '/b'], mountPoint: '/m', idmap: true } as const;
    const { ops } = trees([data(['idmap'])], userns, { root });
    assert.equal(opsOf(ops, 'user-namespace').length, 1, 'one for all');
    assert.equal(opsOf(ops, 'mount-setattr').length, 3);
    const cannot = trees([], userns, { root, machine: machine({ idmap: (path) => path !== '/b' }) });
    assert.equal(opsOf(cannot.ops, 'mount-setattr').length, 1);
    assert.match(cannot.warnings[0]!, /cannot map the owners of \/b/);
  });
  test('the root’s layer for writes as one tree; an error where its owners cannot be mapped', () => {
    const root = { kind: 'overlay', lower: ['/a'], upper: { dir: '/w/1/diff', work: '/w/1/work' }, mountPoint: '/m', idmap: true } as const;
    const { ops } = trees([], userns, { root });
    assert.deepEqual(
      opsOf(ops, 'open-tree').map(({ path }) => path),
      ['/a', '/w/1'],
    );
    assert.equal(opsOf(ops, 'mount-setattr').filter(({ set }) => set === ATTR.IDMAP).length, 2);
    const cannot = machine({ idmap: (path) => path !== '/w/1' });
    assert.throws(() => trees([], userns, { root, machine: cannot }), { kind: 'unavailable', message: /cannot map the owners of \/w\/1/ });
  });
  test('below another process’s root: by its pidfd', () => {
    const { ops } = trees([{ destination: '/dev/shm', type: 'bind', source: '/proc/7/root/dev/shm', options: ['rbind', 'nosuid'] }]);
    assert.deepEqual(
      ops.map(({ op }) => op),
      ['pidfd-open', 'tree-of', 'close', 'mount-setattr'],
    );
    const [op] = opsOf(ops, 'tree-of');
    assert.deepEqual([op!.path, op!.flags], ['/dev/shm', TREE.RECURSIVE]);
  });
  const refused: [Mount, RegExp][] = [
    [data(['idmap']), /idmap needs uidMappings and gidMappings/],
    [data([], { uidMappings: maps.uidMappings }), /go together/],
    [data([], { uidMappings: [], gidMappings: [] }), /empty id mapping/],
    [{ destination: '/t', type: 'tmpfs', options: ['idmap'] }, /only a bind mount can be idmapped/],
  ];
  for (const [mount, message] of refused) test(message.source, () => assert.throws(() => trees([mount]), { kind: 'invalid', message }));
});
