import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesFromJson, bytesToJson } from './bytes-json.ts';

test('bytes within documents come back as bytes, and all else as it was', () => {
  const value = { a: Buffer.from([0, 255]), list: [new Uint8Array([1]), 'x', null], like: { $bytes: 'AA==', more: 1 }, number: { $bytes: 7 } };
  assert.deepEqual(bytesFromJson(bytesToJson(value)), { ...value, list: [Buffer.from([1]), 'x', null] });
  assert.deepEqual(bytesFromJson(bytesToJson(Buffer.from('ab').subarray(1))), Buffer.from('b'));
});
