import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyOf } from './keys.ts';

test('a key is of what is in it, in whatever order its members are', () => {
  assert.equal(keyOf({ a: 1, b: [2, 'x'] }), keyOf({ b: [2, 'x'], a: 1, c: undefined }));
  assert.notEqual(keyOf({ a: 1 }), keyOf({ a: '1' }));
  assert.notEqual(keyOf(['a', 'b']), keyOf(['ab']));
  assert.notEqual(keyOf('a', 'b'), keyOf(['a', 'b']));
  assert.notEqual(keyOf([undefined]), keyOf([]));
  assert.match(keyOf(null), /^sha256:[0-9a-f]{64}$/);
});
