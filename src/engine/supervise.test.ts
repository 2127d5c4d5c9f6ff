import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './parts.ts';
import { nextDelay, watch } from './supervise.ts';

test('the wait doubles from 100 ms up to a minute, and begins anew after ten good seconds', () => {
  const delays: number[] = [];
  for (let delay: number | undefined; delays.length < 12;) delays.push((delay = nextDelay(delay, 0)));
  assert.deepEqual(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
  assert.equal(nextDelay(6400, 9_999), 12_800);
  assert.equal(nextDelay(6400, 10_000), 100);
});

test('what goes wrong after the end of a container that somebody else started ends no program that looks after it', async () => {
  let looked = false;
  const load = () => {
    looked = true;
    throw new Error('input/output error');
  };
  const store = { paths: () => ({ socket: '/nowhere' }), exit: () => ({ status: 0 }), load };
  // an unhandled rejection would fail this test
  watch({ store, live: { began: () => {} } } as unknown as EngineParts, { id: 'c', config: {} } as ContainerRecord);
  for (let tries = 0; !looked && tries < 500; tries++) await delay(10);
  assert.equal(looked, true);
  await delay(10);
});
