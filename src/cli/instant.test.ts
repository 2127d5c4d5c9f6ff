import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import { instant } from './instant.ts';

test('points in time: durations ago, Unix time, dates of any length', () => {
  const now = 1_700_000_000_000;
  assert.equal(instant('10m', now), 1_699_999_400_000_000_000n);
  assert.equal(instant('1.5s', now), 1_699_999_998_500_000_000n);
  assert.equal(instant('-1s', now), 1_700_000_001_000_000_000n);
  assert.equal(instant('0', now), 0n);
  assert.equal(instant('1700000000', now), 1_700_000_000_000_000_000n);
  assert.equal(instant('1.000000001', now), 1_000_000_001n);
  assert.equal(instant('2023-11-14T22:13:20Z'), 1_700_000_000_000_000_000n);
  assert.equal(instant('2023-11-14T22:13:20.123456789Z'), 1_700_000_000_123_456_789n);
  assert.equal(instant('2023-11-14T23:13:20+01:00'), 1_700_000_000_000_000_000n);
  const local = BigInt(new Date(2023, 10, 14, 22, 13).getTime()) * 1_000_000n;
  assert.equal(instant('2023-11-14T22:13'), local);
  assert.equal(instant('2023-11-14'), BigInt(new Date(2023, 10, 14).getTime()) * 1_000_000n);
  for (const bad of ['', 'yesterday', '2023-11', '2023-13-01', '1h x']) assert.throws(() => instant(bad), EngineError, bad);
});
