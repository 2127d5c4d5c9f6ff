import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextDelay } from './supervise.ts';

test('the wait doubles from 100 ms up to a minute, and begins anew after ten good seconds', () => {
  const delays: number[] = [];
  for (let delay: number | undefined; delays.length < 12;) delays.push((delay = nextDelay(delay, 0)));
  assert.deepEqual(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
  assert.equal(nextDelay(6400, 9_999), 12_800);
  assert.equal(nextDelay(6400, 10_000), 100);
});
