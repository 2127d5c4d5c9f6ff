import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import { linuxFileLocks } from '../kernel/linux/file-lock.ts';
import { tempFor } from '../../test/support/temp.ts';
import type { NetworkRecord } from './contract.ts';
import { NetworkStore } from './network-store.ts';

const record = (name: string, id: string, more: Partial<NetworkRecord> = {}): NetworkRecord => ({
  id: id.padEnd(64, '0'),
  name,
  created: `2026-01-01T00:00:0${id.charCodeAt(0) % 10}Z`,
  driver: 'bridge',
  ipv4: true,
  ipv6: false,
  internal: false,
  attachable: false,
  ipam: { driver: 'default', options: null, config: [] },
  options: {},
  labels: {},
  ...more,
});

const open = (t: TestContext, owned: boolean, dir = `${tempFor(t)}/networks`) => ({
  dir,
  store: new NetworkStore({ dir, owned, locks: linuxFileLocks, predefined: () => [record('bridge', 'f')] }),
});

for (const owned of [true, false])
  describe(owned ? 'networks of one process' : 'networks of several processes', () => {
    test('kept, found, removed', (t) => {
      const { dir, store } = open(t, owned);
      assert.deepEqual(
        store.all().map(({ name }) => name),
        ['bridge'],
      );
      store.save(record('lan', 'ab'));
      store.save(record('ab', 'ac'));
      // a process that comes later reads the same
      const { store: later } = open(t, owned, dir);
      assert.deepEqual(
        later.all().map(({ name }) => name),
        ['bridge', 'lan', 'ab'],
      );
      // the whole id, the name, the beginning of an id
      assert.equal(later.find('ab').name, 'ab');
      assert.equal(later.find('ab0').name, 'lan');
      assert.equal(later.find('f'.padEnd(64, '0')).name, 'bridge');
      assert.throws(() => later.find('a'), { kind: 'invalid', message: 'network a is ambiguous (2 matches found based on ID prefix)' });
      assert.throws(() => later.find('nope'), { kind: 'not-found', message: 'network nope not found' });
      assert.deepEqual([later.isPredefined(record('bridge', 'f')), later.isPredefined(record('lan', 'ab'))], [true, false]);
      later.remove(record('lan', 'ab').id);
      assert.equal(open(t, owned, dir).store.search('lan'), undefined);
    });

    test('what is no document of a network is none', (t) => {
      const { dir, store } = open(t, owned);
      mkdirSync(dir, { recursive: true });
      writeFileSync(`${dir}/${'1'.repeat(64)}.json`, '{');
      writeFileSync(`${dir}/${'2'.repeat(64)}.json`, JSON.stringify(record('other', '3')));
      writeFileSync(`${dir}/${'4'.repeat(64)}.json.0a`, JSON.stringify(record('part', '4')));
      writeFileSync(`${dir}/.0123456789ab`, '');
      assert.equal(store.all().length, 1);
      store.tidy();
      assert.ok(!readdirSync(dir).includes('.0123456789ab'));
    });

    test('what was given out last', (t) => {
      const { dir, store } = open(t, owned);
      store.gave('x', 4, 7n);
      store.gave('x', 6, 1n << 100n);
      assert.deepEqual([store.last('x', 4), store.last('x', 6), store.last('y', 4)], [7n, 1n << 100n, undefined]);
      assert.equal(open(t, owned, dir).store.last('x', 4), owned ? undefined : 7n);
      store.remove('x');
      assert.equal(store.last('x', 4), undefined);
    });

    test('changes come one after another, also after one that failed', async (t) => {
      const { dir, store } = open(t, owned);
      const other = owned ? store : open(t, false, dir).store;
      const seen: string[] = [];
      const slow = store.change(async () => {
        seen.push('first');
        await new Promise((resolve) => setTimeout(resolve, 30));
        seen.push('first ends');
        throw new Error('no');
      });
      const quick = other.change(() => void seen.push('second'));
      await assert.rejects(slow, /no/);
      await quick;
      assert.deepEqual(seen, ['first', 'first ends', 'second']);
    });

    test('a predefined one as it came to be', (t) => {
      const { dir, store } = open(t, owned);
      const mine = record('bridge', 'f', { options: { a: 'mine' } });
      assert.deepEqual(store.settle(mine, owned), mine);
      assert.equal(statSync(`${dir}/${mine.id}.json`).mode & 0o777, 0o600);
      const theirs = record('bridge', 'f', { options: { a: 'theirs' } });
      // who owns the folder decides; else whoever came first
      assert.deepEqual(open(t, owned, dir).store.settle(theirs, owned), owned ? theirs : mine);
      assert.deepEqual(open(t, owned, dir).store.all(), [owned ? theirs : mine]);
      assert.deepEqual(readdirSync(dir), [`${mine.id}.json`]);
    });
  });
