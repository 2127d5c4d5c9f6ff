import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pieces } from './pieces.ts';

test('all bytes are there, in their order, whatever their pieces', () => {
  const pieces = new Pieces();
  const sent: Buffer[] = [];
  for (const length of [1, 3, 5000, 0, 4095, 4095, 2, 70_000, 1]) {
    const piece = Buffer.alloc(length, sent.length + 1);
    sent.push(piece);
    pieces.add(piece);
  }
  const all = Buffer.concat(sent);
  assert.equal(pieces.size, all.length);
  assert.ok(Buffer.concat(pieces.take()).equals(all));
  assert.equal(pieces.size, 0);
  assert.deepEqual(pieces.take(), []);
});

test('single bytes do not cost a buffer each', () => {
  const pieces = new Pieces();
  // as they come: views of what was read from the connection
  const read = Buffer.alloc(65_536, 7);
  for (let at = 0; at < 1 << 20; at++) pieces.add(read.subarray(at % read.length, (at % read.length) + 1));
  const all = pieces.take();
  assert.ok(all.length < 64, `${all.length} buffers`);
  assert.equal(Buffer.concat(all).length, 1 << 20);
});
