import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toContainer, toHost } from './id-map.ts';

test('owners on both sides of a user namespace', () => {
  const ranges = [
    { container: 0, host: 100_000, size: 1000 },
    { container: 1000, host: 500_000, size: 1 },
  ];
  assert.deepEqual(
    [0, 999, 1000, 1001].map((id) => toHost(ranges, id)),
    [100_000, 100_999, 500_000, undefined],
  );
  assert.deepEqual(
    [100_000, 500_000, 500_001, 0].map((id) => toContainer(ranges, id)),
    [0, 1000, 500_001, 0],
  );
  assert.deepEqual([toHost([], 7), toContainer([], 7)], [7, 7]);
});
