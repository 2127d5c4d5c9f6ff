import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import { encodePlan } from '../plan/encode.ts';
import type { Op } from '../plan/ops.ts';
import { PlanBuilder } from './builder.ts';
import type { ErofsLayer, RootSource } from './contract.ts';
import { lowerdirOf, stackedRoot, withUserMarks } from './layers.ts';

type Overlay = Extract<RootSource, { kind: 'overlay' }>;
const erofs = (name: string): ErofsLayer => ({ kind: 'erofs', index: `/layers/${name}/index`, device: `/layers/${name}/tar` });
const overlay = (lower: Overlay['lower'], upper?: Overlay['upper']): Overlay => ({
  kind: 'overlay',
  lower,
  mountPoint: '/c/root',
  ...(upper === undefined ? {} : { upper }),
});

function planOf(source: Overlay): { ops: readonly Op[]; root: string } {
  const builder = new PlanBuilder();
  const root = stackedRoot(builder, source, { path: source.mountPoint });
  return { ops: builder.ops, root };
}

/** Operations without what is for people. */
const bare = (ops: readonly Op[]) => ops.map(({ side: _side, why: _why, subject: _subject, ...rest }) => rest);

describe('lowerdir', () => {
  test('of folders, escaped', () => {
    assert.equal(lowerdirOf(overlay(['/a', '/b:c', '/d\\e'])), '/a:/b\\:c:/d\\\\e');
  });

  test('not with an EROFS layer, and not where a string is longer than fsconfig takes', () => {
    assert.equal(lowerdirOf(overlay(['/a', erofs('b')])), undefined);
    const path = (length: number) => `/${'x'.repeat(length - 1)}`;
    assert.equal(lowerdirOf(overlay([path(255)])), path(255));
    assert.equal(lowerdirOf(overlay([path(256)])), undefined);
    assert.equal(lowerdirOf(overlay([path(128), path(127)])), undefined);
    assert.equal(lowerdirOf(overlay(['/a'], { dir: path(256), work: '/w' })), undefined);
    assert.equal(lowerdirOf(overlay(['/a'], { dir: '/u', work: path(256) })), undefined);
  });
});

describe('a stacked root', () => {
  test('names everything shortly and mounts it from there', () => {
    const { ops, root } = planOf(overlay([erofs('top'), '/layers/low'], { dir: '/w/dir', work: '/w/work' }));
    const dir = 'tmpfs.1';
    assert.deepEqual(bare(ops).slice(4), [
      { op: 'close', slot: 'fs.0' },
      { op: 'move-mount', from: dir, path: '/c/root' },
      { op: 'mkdir', dir, path: '0', mode: 0o755 },
      { op: 'symlink', target: '/layers/top/index', dir, path: '0.index' },
      { op: 'symlink', target: '/layers/top/tar', dir, path: '0.tar' },
      { op: 'mount', dir, source: '0.index', path: '0', type: 'erofs', flags: 1, data: 'device=0.tar' },
      { op: 'symlink', target: '/layers/low', dir, path: '1' },
      { op: 'symlink', target: '/w/dir', dir, path: 'upper' },
      { op: 'symlink', target: '/w/work', dir, path: 'work' },
      { op: 'mkdir', dir, path: 'root', mode: 0o755 },
      {
        op: 'mount',
        dir,
        source: 'overlay',
        path: 'root',
        type: 'overlay',
        flags: 0,
        data: 'lowerdir=0:1,upperdir=upper,workdir=work,redirect_dir=off,metacopy=off',
      },
      { op: 'open', into: root, dir, path: 'root', flags: 0o12200000, mode: 0, resolve: 4 },
      { op: 'close', slot: dir },
    ]);
  });

  test('without a layer for writes they go to the tmpfs', () => {
    const made = bare(planOf(overlay([erofs('a')])).ops).filter((op) => op.op === 'mkdir') as { path: string }[];
    assert.deepEqual(
      made.map(({ path }) => path),
      ['0', 'upper', 'work', 'root'],
    );
  });

  test('layers that are mounted already are attached, in their order', () => {
    const builder = new PlanBuilder();
    stackedRoot(builder, overlay([erofs('a'), '/b']), { dir: 'folder', path: '' }, { layers: ['tree-a', 'tree-b'] });
    const attached = builder.ops.filter((op) => op.op === 'move-mount').map((op) => ('from' in op ? [op.from, op.dir, op.path] : []));
    assert.deepEqual(attached, [
      ['tmpfs.1', 'folder', ''],
      ['tree-a', 'tmpfs.1', '0'],
      ['tree-b', 'tmpfs.1', '1'],
    ]);
    assert.deepEqual(
      builder.ops.filter((op) => op.op === 'mount').map((op) => ('type' in op ? op.type : '')),
      ['overlay'],
    );
  });

  test('for a user namespace its folders for writes are on one mount, with its marks', () => {
    const builder = new PlanBuilder();
    const source = { ...overlay(['/a'], { dir: '/w/1/diff', work: '/w/1/work' }), userLower: ['/a', '/marks'] };
    stackedRoot(builder, withUserMarks(source) as Overlay, { path: '/c/root' }, { layers: ['tree-a', 'tree-marks'], upper: 'tree-w' });
    const attached = builder.ops.filter((op) => op.op === 'move-mount').map((op) => [op.from, op.path]);
    assert.deepEqual(attached.slice(1), [
      ['tree-a', '0'],
      ['tree-marks', '1'],
      ['tree-w', 'writes'],
    ]);
    assert.equal(builder.ops.find((op) => op.op === 'mount')?.data, 'lowerdir=0:1,upperdir=writes/diff,workdir=writes/work,userxattr');
    assert.ok(!builder.ops.some((op) => op.op === 'symlink'));
  });

  test('500 layers fit into a page and a few slots; more are refused', () => {
    const { ops } = planOf(overlay(Array.from({ length: 500 }, (_, index) => erofs(`${index}`))));
    const last = ops.findLast((op) => op.op === 'mount')!;
    assert.ok(last.op === 'mount' && last.data.length < 4096);
    assert.ok(encodePlan({ ops: [{ op: 'clone', side: 'monitor', flags: 0 }, ...ops] }).length > 0);
    const refused = (lower: Overlay['lower'], pattern: RegExp) =>
      assert.throws(
        () => planOf(overlay(lower)),
        (error: Error) => error instanceof EngineError && error.kind === 'invalid' && pattern.test(error.message),
      );
    refused(
      Array.from({ length: 501 }, (_, index) => `/${index}`),
      /overlayfs takes 500 at most/,
    );
    refused([], /no layers/);
  });
});
