import assert from 'node:assert/strict';
import { test } from 'node:test';
import { largestFirst } from './image-pull.ts';

test('the largest layer comes first, and those of a size stay in their order', () => {
  const jobs = [3, 10, 3, 7].map((size, index) => ({ index, descriptor: { size } }));
  assert.deepEqual(
    largestFirst(jobs).map(({ index }) => index),
    [1, 3, 0, 2],
  );
});
