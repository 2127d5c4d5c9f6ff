import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomHex } from './random-hex.ts';

test('each is new, also over the end of what was taken from the kernel at once', () => {
  const all = Array.from({ length: 500 }, (_, index) => randomHex(index % 2 === 0 ? 32 : 6));
  assert.equal(new Set(all).size, all.length);
  for (const [index, text] of all.entries()) assert.match(text, index % 2 === 0 ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{12}$/);
  const zeros = all.join('').match(/0/g)!.length / all.join('').length;
  assert.ok(zeros > 0.04 && zeros < 0.09, String(zeros));
});
