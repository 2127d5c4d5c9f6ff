import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bytes, Column } from './columns.ts';

test('a column grows, and lets go of what it outgrew and, when it is told to, of the rest', () => {
  const column = new Column((length) => new Uint32Array(length));
  const arrays = new Set<Uint32Array>();
  for (let value = 0; value < 1000; value++) {
    column.push(value);
    arrays.add(column.array);
  }
  assert.deepEqual(
    [...column.array.subarray(0, column.length)],
    Array.from({ length: 1000 }, (_, value) => value),
  );
  assert.deepEqual(
    [...arrays].map(({ length }) => length),
    [0, 0, 0, 0, 1024],
  );
  column.release();
  assert.equal(column.array.length, 0);
});

test('byte strings do the same', () => {
  const bytes = new Bytes();
  const first = bytes.buffer;
  const at = Array.from({ length: 1000 }, (_, number) => bytes.push(`name ${number}`));
  assert.equal(bytes.buffer.toString('latin1', at[999], bytes.length), 'name 999');
  assert.equal(bytes.buffer.toString('latin1', 0, at[1]), 'name 0');
  assert.deepEqual([first.length, bytes.buffer.length > bytes.length], [0, true]);
  bytes.release();
  assert.equal(bytes.buffer.length, 0);
});
