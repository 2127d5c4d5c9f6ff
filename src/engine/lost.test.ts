import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { endGroup, sweep } from './lost.ts';
import type { EngineParts } from './parts.ts';

/** A group whose process takes so many kills. */
function groupOf(kills: number) {
  const group = { left: true, killed: 0 };
  const driver = {
    hierarchies: [{}],
    folder: () => '/group',
    freeze: async () => {},
    kill: () => void group.killed++,
    remove: () => {
      if (group.killed >= kills) group.left = false;
    },
  };
  return { group, parts: { cgroups: { driver, files: { exists: () => group.left } } } as unknown as EngineParts };
}

test('what dies at once has been ended at once', () => {
  const { group, parts } = groupOf(2);
  void endGroup(parts, '/c');
  assert.deepEqual(group, { left: false, killed: 2 });
});

test('while a process does not die others go on, and it is killed until it has', async () => {
  const { group, parts } = groupOf(Infinity);
  const ended = endGroup(parts, '/c');
  await delay(1);
  assert.equal(group.left, true);
  const { killed } = group;
  assert.ok(killed < 30, `${killed} kills before anybody else came to work`);
  await delay(100);
  assert.ok(group.killed > killed);
  // whoever needs it gone waits for the same: nothing goes on that would end the next group of this name
  const other = endGroup(parts, '/c');
  group.left = false;
  await Promise.all([ended, other]);
  Object.assign(group, { left: true, killed: 0 });
  await delay(50);
  assert.equal(group.killed, 0);
  const again = endGroup(parts, '/c');
  assert.ok(group.killed > 0);
  group.left = false;
  await again;
});

test('what cannot be swept ends no program: the next sweep tries again', async () => {
  let tried = 0;
  const remove = () => {
    tried++;
    throw new Error('input/output error');
  };
  const store = { tidy: () => {}, startLocks: () => [], all: () => [{ id: 'c', mounts: [] }], lost: () => false, abandoned: () => true, remove };
  const live = { isClean: () => true };
  // an unhandled rejection would fail this test
  sweep({ store, live, owned: true, volumes: {}, sandboxes: { ended: () => {} } } as unknown as EngineParts);
  await delay(10);
  assert.equal(tried, 1);
});
