import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SmallTree } from './small-tree.ts';
import type { FileStat } from './synced-tree.ts';

const FOLDER = 2 ** 31 + 0o755;
const LINK = 2 ** 27 + 0o777;
const stat = (path: string, more: Partial<FileStat> = {}): FileStat => ({ path, mode: 0o644, size: 0, modTime: 1, linkname: '', ...more });

/** One round: what is asked for is sent in two pieces. Gives what was asked for. */
function round(tree: SmallTree, files: readonly (readonly [FileStat, string?])[]): string[] {
  const asked: string[] = [];
  for (const [told, content = ''] of files) {
    const id = tree.tell(told.mode === 0o644 ? { ...told, size: told.size || content.length } : told);
    if (id === undefined) continue;
    asked.push(told.path);
    tree.data(id, Buffer.from(content.slice(0, 1)));
    tree.data(id, Buffer.from(content.slice(1)));
    assert.equal(tree.pending, 1);
    tree.data(id, Buffer.alloc(0));
  }
  assert.equal(tree.pending, 0);
  tree.finish();
  return asked;
}

test('files come once, and again when they have changed; links lead to them', () => {
  const tree = new SmallTree();
  const files = [
    [stat('d', { mode: FOLDER })],
    [stat('d/real'), 'FROM a'],
    [stat('d/same', { linkname: 'd/real' })],
    [stat('link', { mode: LINK, linkname: 'd/../d/./real' })],
    [stat('top', { mode: LINK, linkname: '/../../link' })],
    [stat('round', { mode: LINK, linkname: 'round' })],
    [stat('nowhere', { mode: LINK, linkname: 'x' })],
  ] as const;
  assert.deepEqual(round(tree, files), ['d/real']);
  const before = tree.files();
  for (const path of ['d/real', 'd/same', 'link', 'top', './d//real']) assert.deepEqual(before(path), { text: 'FROM a', size: 6 }, path);
  assert.deepEqual(before('d'), { text: '', size: 0 });
  for (const path of ['round', 'nowhere', 'x', 'd/x', 'd/real/x', '']) assert.equal(before(path), undefined, path);
  assert.equal(tree.bytes, 6);
  assert.deepEqual(round(tree, files), []);
  assert.deepEqual(round(tree, [[stat('d', { mode: FOLDER })], [stat('d/real', { modTime: 2 }), 'FROM b']]), ['d/real']);
  assert.deepEqual([tree.files()('d/real')?.text, tree.files()('link'), before('d/real')?.text], ['FROM b', undefined, 'FROM a']);
});

test('of what is too large only the size is known; what is broken off changes nothing', () => {
  const tree = new SmallTree();
  assert.deepEqual(round(tree, [[stat('f'), 'text'], [stat('large', { size: 2 ** 20 + 1 })], [stat('endless', { size: 2 ** 60 })]]), ['f']);
  assert.deepEqual(tree.files()('large'), { text: '', size: 2 ** 20 + 1 });
  for (let index = 0; index < 6; index++) tree.tell(stat(`${index}`, { size: 2 ** 20 }));
  assert.equal(tree.pending, 4);
  tree.abandon();
  assert.deepEqual([tree.files()('f')?.text, tree.files()('0'), tree.pending], ['text', undefined, 0]);
});

test('a client that breaks the rules is told so; one that sends more than it said is not believed', () => {
  const tree = new SmallTree();
  tree.tell(stat('f'));
  assert.throws(() => tree.tell(stat('f')), { kind: 'invalid', message: '"f" comes twice' });
  assert.throws(() => tree.data(7, Buffer.from('x')), { kind: 'invalid', message: /was not asked for/ });
  const id = tree.tell(stat('g', { size: 2 }))!;
  tree.data(id, Buffer.alloc(100, 'x'));
  tree.data(id, Buffer.alloc(100, 'x'));
  tree.data(id, Buffer.alloc(0));
  tree.finish();
  assert.deepEqual(tree.files()('g'), { text: 'xx', size: 2 });
});
