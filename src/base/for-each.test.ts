import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { forEach } from './for-each.ts';

test('results in the order of the items, no more than `limit` at once', async () => {
  let now = 0;
  let most = 0;
  const results = await forEach(
    [30, 1, 20, 2, 10],
    async (ms) => {
      most = Math.max(most, ++now);
      await sleep(ms);
      now--;
      return ms * 2;
    },
    { limit: 2 },
  );
  assert.deepEqual(results, [60, 2, 40, 4, 20]);
  assert.equal(most, 2);
});

test('the first failure is thrown when nothing is at work any more', async () => {
  let ended = false;
  let begun = 0;
  const work = async (item: number, signal: AbortSignal) => {
    begun++;
    if (item === 1) throw new Error('first');
    await sleep(10_000, undefined, { signal }).catch(() => {});
    await sleep(5);
    ended = true;
    throw new Error('second');
  };
  await assert.rejects(forEach([0, 1, 2, 3], work, { limit: 2 }), /first/);
  assert.ok(ended);
  assert.equal(begun, 2, 'what had not begun is left');
});

test("the caller's signal reaches the work", async () => {
  const stop = new AbortController();
  const done = forEach([0], async (_, signal) => sleep(10_000, undefined, { signal }), { signal: stop.signal });
  stop.abort();
  await assert.rejects(done, /abort/);
});
