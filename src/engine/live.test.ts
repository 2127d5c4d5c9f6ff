import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerExit } from './contract.ts';
import { LiveContainers } from './live.ts';

const EXIT = { status: 0 } as ContainerExit;

test('who waits until an end is cleaned up waits for that of a run that has ended, not for one that goes on', async () => {
  const live = new LiveContainers();
  const [first, second] = [Promise.withResolvers<boolean>(), Promise.withResolvers<boolean>()];
  live.leaves('a', first.promise);
  assert.deepEqual([live.leaving('a'), live.isClean('a')], [undefined, false]);
  live.ended('a', EXIT);
  let left = false;
  const all = live.left().then(() => (left = true));
  assert.ok(live.leaving('a') !== undefined && !left);
  first.resolve(true);
  await all;
  assert.deepEqual([live.leaving('a'), live.isClean('a')], [undefined, true]);

  live.leaves('a', second.promise);
  assert.deepEqual([live.leaving('a'), live.isClean('a')], [undefined, false]);
  await live.left();
  live.ended('a', EXIT);
  second.resolve(false);
  await live.left();
  assert.deepEqual([live.leaving('a'), live.isClean('a')], [undefined, false]);
});
