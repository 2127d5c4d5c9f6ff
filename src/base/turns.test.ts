import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Turns } from './turns.ts';

test('so much at a time, in order; what fails makes room as well', async () => {
  const turns = new Turns(2);
  const ends: PromiseWithResolvers<string>[] = [];
  const begun: number[] = [];
  const work = (at: number) =>
    turns.run(() => {
      begun.push(at);
      return (ends[at] = Promise.withResolvers<string>()).promise;
    });
  const results = [0, 1, 2, 3, 4].map(work);
  await turn();
  assert.deepEqual(begun, [0, 1]);
  ends[1]!.reject(new Error('failed'));
  await assert.rejects(results[1]!, /failed/);
  assert.deepEqual(begun, [0, 1, 2]);
  ends[0]!.resolve('zero');
  ends[2]!.resolve('two');
  assert.deepEqual(await Promise.all([results[0], results[2]]), ['zero', 'two']);
  await turn();
  assert.deepEqual(begun, [0, 1, 2, 3, 4]);
  for (const at of [3, 4]) ends[at]!.resolve('');
  await Promise.all([results[3], results[4]]);
  // all places are free again
  const last = [5, 6].map(work);
  await turn();
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5, 6]);
  for (const at of [5, 6]) ends[at]!.resolve('');
  await Promise.all(last);
});
