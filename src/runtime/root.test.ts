import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ATTR, MS, O, O_DIRECTORY, TREE } from '../kernel/constants.ts';
import { built, machine, opsOf } from '../../test/support/planner.ts';
import type { RootSource } from './contract.ts';
import { addPivot, addReadonlyRoot, addRoot, openRootFolder } from './root.ts';

const root = (source: RootSource, trees: string[] = [], propagation?: string) =>
  built((builder) => {
    openRootFolder(builder, source);
    for (const tree of trees) builder.container('open-tree', { into: tree, path: '/x', flags: 1 });
    addRoot(builder, source, propagation, machine(), { layers: trees });
  }).ops;
const overlay = { kind: 'overlay', lower: ['/top:1', '/back\\slash'], mountPoint: '/state/root' } as const;
const data = (source: RootSource, trees?: string[]) => Object.fromEntries(opsOf(root(source, trees), 'fs-set').map(({ key, value }) => [key, value]));

describe('the root', () => {
  test('its folder is opened once; no later step names it by a path', () => {
    for (const source of [{ kind: 'dir', path: '/images/r' }, overlay] as const) {
      const ops = root(source);
      const at = source.kind === 'dir' ? source.path : source.mountPoint;
      assert.deepEqual(
        opsOf(ops, 'open').map(({ path, flags }) => [path, flags]),
        [[at, O.PATH | O_DIRECTORY | O.CLOEXEC]],
      );
      assert.equal(
        ops.slice(1).some((op) => 'path' in op && op.path.startsWith(at)),
        false,
      );
    }
  });
  test('a folder: a recursive copy, over itself', () => {
    const ops = root({ kind: 'dir', path: '/images/r' });
    assert.deepEqual(
      ops.map(({ op }) => op),
      ['open', 'propagation', 'open-tree', 'move-mount', 'close'],
    );
    assert.equal(opsOf(ops, 'open-tree')[0]!.flags, TREE.CLONE | TREE.CLOEXEC | TREE.RECURSIVE | TREE.EMPTY_PATH);
  });
  test('a folder that was copied early is a slave of where it came from', () => {
    const ops = root({ kind: 'dir', path: '/images/r' }, ['t']);
    assert.deepEqual(
      opsOf(ops, 'mount-setattr').map(({ slot, propagation, recursive }) => [slot, propagation, recursive]),
      [['t', MS.SLAVE, 1]],
    );
  });
  test('an overlay on a tmpfs of its own; paths escaped', () => {
    assert.deepEqual(data(overlay), {
      source: 'overlay',
      mode: '755',
      lowerdir: '/top\\:1:/back\\\\slash',
      upperdir: 'upper',
      workdir: 'work',
      redirect_dir: 'off',
      metacopy: 'off',
    });
    assert.equal(opsOf(root(overlay), 'change-dir').length, 1);
  });
  test('an overlay on layers given: no tmpfs, absolute paths', () => {
    const given = { ...overlay, upper: { dir: '/u', work: '/w' } };
    assert.deepEqual(data(given), {
      source: 'overlay',
      lowerdir: '/top\\:1:/back\\\\slash',
      upperdir: '/u',
      workdir: '/w',
      redirect_dir: 'off',
      metacopy: 'off',
    });
    assert.equal(opsOf(root(given), 'change-dir').length, 0);
  });
  test('layers copied early lie on the tmpfs, in their order', () => {
    const options = (source: RootSource) => opsOf(root(source, ['a', 'b']), 'mount').map((op) => op.data);
    assert.deepEqual(options({ ...overlay, userMarks: true }), ['lowerdir=0:1,upperdir=upper,workdir=work,userxattr']);
    const given = root({ ...overlay, upper: { dir: '/u', work: '/w' }, userMarks: true }, ['a', 'b']);
    assert.deepEqual(
      opsOf(given, 'symlink').map(({ target, path }) => [target, path]),
      [
        ['/u', 'upper'],
        ['/w', 'work'],
      ],
    );
  });
  test('pivot_root, or chroot when asked for; read-only at last', () => {
    assert.deepEqual(
      built((builder) => addPivot(builder, 'r', false)).ops.map(({ op }) => op),
      ['pivot-root'],
    );
    assert.deepEqual(
      built((builder) => addPivot(builder, 'r', true)).ops.map(({ op }) => op),
      ['chroot'],
    );
    assert.deepEqual(
      opsOf(built((builder) => addReadonlyRoot(builder, 'r')).ops, 'mount-setattr').map(({ set, recursive }) => [set, recursive]),
      [[ATTR.RDONLY, 0]],
    );
  });
});
