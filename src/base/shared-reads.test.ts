import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedReads } from './shared-reads.ts';

test('memory goes when all of its pieces are done, and no more can come', () => {
  const [first, second] = [new Uint8Array(100_000), new Uint8Array(100_000)];
  const reads = new SharedReads();
  const [a, b, c] = [first.subarray(0, 10), first.subarray(10), second.subarray(0, 10)];
  reads.came(a);
  reads.done(a);
  assert.equal(a.length, 10); // more of it may come
  reads.came(b);
  reads.came(c);
  assert.equal(b.length, 99_990); // somebody has it
  reads.done(b);
  assert.deepEqual([a.length, b.length, first.length], [0, 0, 0]);
  reads.done(c);
  assert.equal(c.length, 10);
  reads.came(new Uint8Array(1));
  assert.equal(c.length, 0);
});
