import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { built, machine, opsOf } from '../../test/support/planner.ts';
import { ATTR, RESOLVE, TREE } from '../kernel/constants.ts';
import type { SpecialMount } from './contract.ts';
import { viewTrees } from './early-trees.ts';
import { addMount } from './mounts.ts';
import type { Mount } from './spec.ts';

const planned = (special: SpecialMount, mount: Partial<Mount> = {}, kind: 'dir' | 'file' = 'dir') =>
  built((builder) => {
    const whole: Mount = { destination: '/data', type: 'bind', source: '/v/_data/sub', options: ['rbind'], ...mount };
    const all = new Map([['/data', special]]);
    const trees = viewTrees(builder, [whole], all);
    addMount(
      { builder, machine: { ...machine(), kind: () => kind }, cgroup: undefined, root: 'root', bundle: '/b', trees, special: all, kernelMounts: [] },
      whole,
    );
  }).ops;

describe('part of a volume', () => {
  const part: SpecialMount = { source: { kind: 'folder', path: '/v/_data' }, subpath: 'sub/part' };
  test('is looked up below the volume by the monitor, and copied by its fd', () => {
    const ops = planned(part);
    const [volume, found] = opsOf(ops, 'open');
    assert.deepEqual([volume!.side, volume!.path, found!.side, found!.path, found!.dir], ['monitor', '/v/_data', 'monitor', 'sub/part', volume!.into]);
    assert.equal(found!.resolve, RESOLVE.BENEATH | RESOLVE.NO_MAGICLINKS);
    const [tree] = opsOf(ops, 'open-tree');
    assert.deepEqual([tree!.dir, tree!.path, tree!.flags], [found!.into, '', TREE.CLONE | TREE.CLOEXEC | TREE.EMPTY_PATH | TREE.RECURSIVE]);
    assert.ok(!ops.some((op) => op.op === 'open-tree' && op.path !== ''), 'no path to it is looked up again');
  });
  test('may be a file', () => {
    assert.equal(opsOf(planned(part, {}, 'file'), 'ensure-file').length, 1);
    assert.equal(opsOf(planned(part), 'ensure-dir').length, 1);
  });
  test('read-only before it is attached', () => {
    const [attributes] = opsOf(planned(part, { options: ['rbind', 'rro'] }), 'mount-setattr');
    assert.deepEqual([attributes!.side, attributes!.set, attributes!.recursive], ['monitor', ATTR.RDONLY, 1]);
  });
});

describe('a volume of a file system of its own', () => {
  const nfs: SpecialMount = { source: { kind: 'file-system', type: 'nfs', device: ':/export', options: [] }, subpath: undefined };
  const mount = { type: 'nfs', source: ':/export', options: ['addr=10.0.0.1', 'vers=4', 'noatime', 'rro', 'hard'] };
  test('is made by the monitor, in the network of the host, and attached nowhere else', () => {
    const ops = planned(nfs, mount);
    const made = ops.slice(
      0,
      ops.findIndex(({ op }) => op === 'fsmount'),
    );
    assert.ok(made.every(({ side }) => side === 'monitor'));
    assert.deepEqual(
      opsOf(ops, 'fs-set').map(({ key, value }) => [key, value]),
      [
        ['source', ':/export'],
        ['addr', '10.0.0.1'],
        ['vers', '4'],
      ],
    );
    assert.deepEqual(
      opsOf(ops, 'fs-flag').map(({ key }) => key),
      ['hard'],
    );
    assert.equal(opsOf(ops, 'fsmount')[0]!.attrs, ATTR.NOATIME | ATTR.RDONLY);
    assert.equal(opsOf(ops, 'move-mount').length, 1);
  });
  test('or a part of it', () => {
    const ops = planned({ ...nfs, subpath: 'a/b' }, mount);
    assert.equal(opsOf(ops, 'open')[0]!.dir, opsOf(ops, 'fsmount')[0]!.into);
    assert.equal(opsOf(ops, 'open')[0]!.path, 'a/b');
  });
});

describe('an image', () => {
  const image: SpecialMount = { source: { kind: 'layers', lower: ['/top', { kind: 'erofs', index: '/i', device: '/d' }], file: false }, subpath: 'etc' };
  const mount = { type: 'overlay', source: 'image', options: ['ro'] };
  test('is put together at its place, copied, and taken away from there', () => {
    const ops = planned(image, mount);
    const order = ops.flatMap(({ op }) => (['mount', 'open-tree', 'umount', 'move-mount'].includes(op) ? [op] : []));
    // the place for layers, the EROFS, the overlay; the view; nothing left of them; the view is attached
    assert.deepEqual(order, ['move-mount', 'mount', 'mount', 'open-tree', 'umount', 'move-mount']);
    const [found] = opsOf(ops, 'open').filter(({ path }) => path === 'etc');
    assert.equal(found!.resolve, RESOLVE.BENEATH | RESOLVE.NO_MAGICLINKS);
    assert.deepEqual(
      opsOf(ops, 'mount-setattr').map(({ set }) => set),
      [ATTR.RDONLY],
    );
    assert.deepEqual(opsOf(ops, 'change-dir').at(-1)!.dir, 'root');
  });
  test('a file of it covers a file', () => {
    const file: SpecialMount = { source: { kind: 'layers', lower: ['/top'], file: true }, subpath: 'etc/passwd' };
    const ops = planned(file, mount);
    assert.deepEqual(
      opsOf(ops, 'ensure-dir').map(({ path }) => path),
      ['/'],
    );
    assert.equal(opsOf(ops, 'ensure-file')[0]!.path, '/data');
  });
});
