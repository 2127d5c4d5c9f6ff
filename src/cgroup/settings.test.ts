import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ioWeight, settingsV2, sharesToWeight } from './settings-v2.ts';
import { settingsV1 } from './settings-v1.ts';

test('shares become weights on runc’s curve, block io weights linearly', () => {
  const weights = [1, 2, 10, 100, 512, 1023, 1024, 2048, 10_000, 262_143, 262_144, 1e9].map(sharesToWeight);
  assert.deepEqual(weights.slice(0, 2), [1, 1]);
  assert.equal(sharesToWeight(1024), 100);
  assert.deepEqual(weights.slice(-2), [10000, 10000]);
  assert.deepEqual(
    weights,
    weights.toSorted((a, b) => a - b),
  );
  assert.deepEqual([10, 500, 1000].map(ioWeight), [1, 4950, 10000]);
});

test('numbers of any size: Go’s unlimited ones come as bigint', () => {
  const big = 9223372036854771712n as unknown as number;
  assert.deepEqual(
    settingsV1({ memory: { limit: big, swap: big } }).map(({ value }) => value),
    ['9223372036854771712', '9223372036854771712'],
  );
  assert.equal(settingsV2({ memory: { limit: big, swap: big } })[0]!.value, '0');
  assert.equal(settingsV2({ memory: { limit: 1e8, swap: big } })[0]!.value, '9223372036754771712');
  assert.deepEqual(settingsV1({ memory: { swappiness: 18446744073709551615n as unknown as number } }), []);
});
