import assert from 'node:assert/strict';
import { test } from 'node:test';
import { letGo } from './memory.ts';

test('what is let go is gone; what others may have a part of stays', () => {
  const large = Buffer.allocUnsafe(1 << 20);
  const middle = large.subarray(10, 20);
  letGo(middle);
  assert.equal(middle.length, 10);
  letGo(large.subarray(1000));
  assert.equal(large.length, typeof ArrayBuffer.prototype.transfer === 'function' ? 0 : 1 << 20);

  const pooled = Array.from({ length: 100 }, () => Buffer.allocUnsafe(4096));
  for (const small of pooled) letGo(small);
  assert.ok(pooled.every((small) => small.length === 4096));
});
