import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { tempFor } from '../../test/support/temp.ts';
import type { VolumeRecord } from './contract.ts';
import { openVolumeStore } from './store.ts';

const record = (name: string, more: Partial<VolumeRecord> = {}): VolumeRecord => ({
  name,
  createdAt: '2026-01-01T00:00:00Z',
  labels: null,
  options: null,
  ...more,
});
const open = (t: TestContext, lives: (owner: string) => boolean = () => true) => {
  const dir = `${tempFor(t)}/volumes`;
  return { dir, store: openVolumeStore(dir, { self: () => '1.2', lives }) };
};

test('a volume appears whole, once, and goes at once', async (t) => {
  const { dir, store } = open(t);
  assert.deepEqual(store.list(), []);
  assert.equal(store.create(record('ab', { labels: { a: 'b' } })), true);
  assert.equal(store.create(record('ab')), false, 'the first one stays');
  assert.deepEqual(store.load('ab'), record('ab', { labels: { a: 'b' } }));
  assert.equal(statSync(store.mountpoint('ab')).mode & 0o7777, 0o755);
  assert.deepEqual(readdirSync(dir), ['ab'], 'nothing of the second');
  writeFileSync(`${store.mountpoint('ab')}/file`, 'x');
  store.create(record('aa'));
  assert.deepEqual(
    store.list().map(({ name }) => name),
    ['aa', 'ab'],
  );
  assert.equal(store.remove('ab'), true);
  assert.equal(store.load('ab'), undefined);
  assert.equal(store.remove('ab'), false);
  await store.settled();
  assert.deepEqual(readdirSync(dir), ['aa']);
});

test('what is no name is no volume, wherever it leads', (t) => {
  const { dir, store } = open(t);
  store.create(record('ab'));
  for (const name of ['..', '.', '', '../volumes/ab', 'ab/../ab', '.1.2-new-x']) {
    assert.equal(store.load(name), undefined, name);
    assert.equal(store.remove(name), false, name);
  }
  assert.ok(existsSync(`${dir}/ab`));
});

test('a record that is pending is settled', (t) => {
  const { store } = open(t);
  store.create(record('ab', { pending: { container: 'c', maker: '1.2' } }));
  store.settle('ab');
  store.settle('ab');
  assert.deepEqual(store.load('ab'), record('ab'));
});

test('tidy removes what killed processes left, and nothing else', async (t) => {
  const { dir, store } = open(t, (owner) => owner !== '66.6');
  store.create(record('ab'));
  for (const name of ['.66.6-new-x', '.66.6-gone-y', '.1.2-new-z']) mkdirSync(`${dir}/${name}/_data`, { recursive: true });
  store.tidy();
  await store.settled();
  assert.deepEqual(readdirSync(dir).toSorted(), ['.1.2-new-z', 'ab']);
});

test('whoever may not look finds no volumes', { skip: process.getuid?.() === 0 ? false : 'only root can become another user' }, (t) => {
  const { dir, store } = open(t);
  store.create(record('ab'));
  chmodSync(dir, 0o700);
  process.seteuid!(65534);
  try {
    assert.deepEqual(store.list(), []);
    store.tidy();
  } finally {
    process.seteuid!(0);
  }
});
