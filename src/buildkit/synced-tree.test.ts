import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { tempFor } from '../../test/support/temp.ts';
import { goMode, GO_SYMLINK } from './go-mode.ts';
import { SyncedTree, type FileStat } from './synced-tree.ts';

const TIME = 1_700_000_000_123_456_000;
const END = new Uint8Array(0);

function treeFor(t: TestContext): SyncedTree {
  const root = `${tempFor(t)}/tree`;
  mkdirSync(root);
  return new SyncedTree(root);
}

const stat = (path: string, mode: number, more: Partial<FileStat> = {}): FileStat => ({ path, mode, size: 0, modTime: TIME, linkname: '', ...more });
const folder = (path: string): FileStat => stat(path, goMode('directory', 0o755));
const file = (path: string, content: string, more: Partial<FileStat> = {}): FileStat => stat(path, 0o640, { size: content.length, ...more });
const link = (path: string, to: string): FileStat => stat(path, GO_SYMLINK + 0o777, { linkname: to, size: to.length });

/** A whole round; gives which files' content was asked for. */
function round(tree: SyncedTree, entries: readonly (readonly [FileStat, string?])[]): string[] {
  const asked: string[] = [];
  for (const [entry, content = ''] of entries) {
    const id = tree.tell(entry);
    if (id === undefined) continue;
    asked.push(entry.path);
    tree.data(id, Buffer.from(content));
    tree.data(id, END);
  }
  tree.finish();
  return asked;
}

test('a folder becomes what the client has, and only what changed is asked for again', (t) => {
  const tree = treeFor(t);
  const first = [
    [folder('d')],
    [file('d/a', 'one'), 'one'],
    [file('d/hard', 'one', { linkname: 'd/a' })],
    [link('d/l', '../../etc')],
    [file('empty', '')],
  ] as const;
  assert.deepEqual(round(tree, first), ['d/a']);
  assert.equal(readFileSync(`${tree.root}/d/hard`, 'utf8'), 'one');
  assert.equal(lstatSync(`${tree.root}/d/hard`).ino, lstatSync(`${tree.root}/d/a`).ino);
  assert.equal(readlinkSync(`${tree.root}/d/l`), '../../etc');
  assert.equal(lstatSync(`${tree.root}/d/a`).mode & 0o7777, 0o640);
  assert.equal(Math.round(lstatSync(`${tree.root}/d/a`).mtimeMs), Math.round(TIME / 1e6));
  assert.equal(Math.round(lstatSync(`${tree.root}/d`).mtimeMs), Math.round(TIME / 1e6));
  assert.equal(readFileSync(`${tree.root}/empty`, 'utf8'), '');
  assert.deepEqual(round(tree, first), []);
  const second = [[folder('d')], [file('d/a', 'two', { modTime: TIME + 1e9 }), 'two'], [file('new', 'x'), 'x']] as const;
  assert.deepEqual(round(tree, second), ['d/a', 'new']);
  assert.deepEqual(readdirSync(tree.root, { recursive: true }).map(String).toSorted(), ['d', 'd/a', 'new']);
  assert.equal(readFileSync(`${tree.root}/d/a`, 'utf8'), 'two');
});

test('a folder, a file and a link take each other’s place; what a link led to stays untouched', (t) => {
  const tree = treeFor(t);
  const outside = tempFor(t);
  writeFileSync(`${outside}/f`, 'safe');
  round(tree, [[folder('x')], [file('x/f', 'in'), 'in']]);
  round(tree, [[link('x', outside)]]);
  round(tree, [[folder('x')], [file('x/f', 'again'), 'again']]);
  assert.equal(readFileSync(`${outside}/f`, 'utf8'), 'safe');
  assert.equal(readFileSync(`${tree.root}/x/f`, 'utf8'), 'again');
  round(tree, [[file('x', 'now a file'), 'now a file']]);
  assert.equal(readFileSync(`${tree.root}/x`, 'utf8'), 'now a file');
});

test('names that lead out, come twice or before their folder are refused', (t) => {
  const bad: readonly (readonly FileStat[])[] = [
    [file('../x', 'x')],
    [file('/etc/x', 'x')],
    [file('a/../b', 'x')],
    [file('a//b', 'x')],
    [file('.', 'x')],
    [file('', 'x')],
    [file('a\0b', 'x')],
    [file('n'.repeat(256), 'x')],
    [file('a/b', 'x')],
    [file('a', ''), file('a/b', 'x')],
    [link('a', '/etc'), file('a/passwd', 'x')],
    [link('a', '')],
    [file('a', ''), file('a', '')],
    [folder('a'), file('a', '')],
  ];
  for (const entries of bad) {
    const tree = treeFor(t);
    assert.throws(
      () => {
        for (const entry of entries) tree.tell(entry);
      },
      { kind: 'invalid' },
      JSON.stringify(entries),
    );
    tree.abandon();
  }
  const tree = treeFor(t);
  tree.tell(file('h', 'x', { linkname: '../../etc/passwd' }));
  assert.throws(() => tree.finish(), /is no file of the context/);
});

test('content that was not asked for is refused, and too many files at once', (t) => {
  const tree = treeFor(t);
  assert.throws(() => tree.data(0, Buffer.from('x')), /was not asked for/);
  for (let i = 0; i < 257; i++) tree.tell(file(`f${i}`, 'x'));
  for (let i = 0; i < 256; i++) tree.data(i, Buffer.from('x'));
  assert.throws(() => tree.data(256, Buffer.from('x')), /come at once/);
  tree.abandon();
  assert.deepEqual(readdirSync(tree.root), []);
});

test('after a round that was broken off the next one asks for what is missing', (t) => {
  const tree = treeFor(t);
  const first = tree.tell(file('a', 'aa'))!;
  const second = tree.tell(file('b', 'bb'))!;
  tree.data(first, Buffer.from('aa'));
  tree.data(first, END);
  tree.data(second, Buffer.from('b'));
  tree.abandon();
  assert.equal(existsSync(`${tree.root}/b`), false);
  assert.deepEqual(
    round(tree, [
      [file('a', 'aa'), 'aa'],
      [file('b', 'bb'), 'bb'],
    ]),
    ['b'],
  );
  assert.equal(readFileSync(`${tree.root}/b`, 'utf8'), 'bb');
});

test('devices, pipes and sockets are left out', (t) => {
  const tree = treeFor(t);
  round(tree, [[stat('fifo', 2 ** 25 + 0o644)], [stat('null', 2 ** 26 + 2 ** 21 + 0o666)]]);
  assert.deepEqual(readdirSync(tree.root), []);
});

test('what was in a folder that goes is known no more, whatever takes its place and however the round ends', (t) => {
  const tree = treeFor(t);
  const first = [[folder('d')], [folder('d-e')], [file('d-e/c', 'c'), 'c'], [folder('d/sub')], [file('d/sub/a', 'a'), 'a'], [file('e', 'e'), 'e']] as const;
  assert.deepEqual(round(tree, first), ['d-e/c', 'd/sub/a', 'e']);
  // a name for another file
  assert.deepEqual(round(tree, [[file('e', 'e')], [file('d', 'e', { linkname: 'e' })]]), []);
  assert.deepEqual(readdirSync(tree.root).toSorted(), ['d', 'e']);
  assert.deepEqual(round(tree, first), ['d-e/c', 'd/sub/a']);
  // a link into it
  tree.tell(file('d', '', { modTime: TIME + 1e9 }));
  tree.tell(file('f', 'a', { linkname: 'd/sub/a' }));
  assert.throws(() => tree.finish(), /"f" is a link to "d\/sub\/a", which is no file of the context/);
  tree.abandon();
  assert.deepEqual(round(tree, first), ['d/sub/a']);
  // a round that is broken off
  tree.tell(file('d', 'more', { modTime: TIME + 1e9 }));
  tree.abandon();
  assert.deepEqual(round(tree, first), ['d/sub/a']);
  assert.deepEqual(readdirSync(tree.root, { recursive: true }).map(String).toSorted(), ['d', 'd-e', 'd-e/c', 'd/sub', 'd/sub/a', 'e']);
});
