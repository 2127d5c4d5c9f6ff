import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { withTemp } from '../../test/support/temp.ts';
import { BuildCache, type StepRecord } from './cache.ts';
import { keyOf } from './keys.ts';

const record = (name: string): StepRecord => ({
  key: keyOf(name),
  description: name,
  layer: { diffId: keyOf('layer', name), descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: keyOf('layer', name), size: 1 } },
  size: 10,
  createdAt: 1000,
  usageCount: 1,
});

test('records outlive the process; what is damaged or half written is none', () =>
  withTemp((folder) => {
    const cache = new BuildCache(folder);
    const [one, two] = [record('one'), record('two')];
    cache.put(one);
    cache.put(two);
    cache.touch(two);
    assert.equal(cache.find(two.key)?.usageCount, 2);
    cache.flush();
    const later = new BuildCache(folder);
    assert.deepEqual(later.find(one.key), one);
    assert.equal(later.find(two.key)?.usageCount, 2);
    later.setUsed(one.key, 5000);
    assert.deepEqual(
      later
        .list()
        .map(({ description, lastUsedAt }) => [description, lastUsedAt === 5000])
        .toSorted(),
      [
        ['one', true],
        ['two', false],
      ],
    );
    // of another key: a copy under a wrong name
    writeFileSync(`${folder}/${'0'.repeat(64)}`, JSON.stringify(one));
    writeFileSync(`${folder}/${'1'.repeat(64)}`, '{');
    writeFileSync(`${folder}/.1-0`, '{');
    assert.equal(later.find(`sha256:${'0'.repeat(64)}`), undefined);
    assert.equal(later.list().length, 2);
    later.sweep();
    later.touch(one);
    later.remove(one.key);
    later.flush();
    assert.equal(later.find(one.key), undefined);
    // what another process has written since, and removed
    cache.put({ ...two, usageCount: 7 });
    assert.equal(later.find(two.key)?.usageCount, 7);
    later.touch(two);
    cache.remove(two.key);
    later.flush();
    assert.equal(later.find(two.key), undefined);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('.')),
      [],
    );
  }));
