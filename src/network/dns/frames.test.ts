import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, FrameReader } from './frames.ts';

const messages = [Buffer.from('a'), Buffer.alloc(0), Buffer.alloc(300, 'b'), Buffer.from('c')];
const bytes = Buffer.concat(messages.map(frame));

for (const size of [1, 2, 3, 7, 301, bytes.length]) {
  test(`messages from pieces of ${size} bytes`, () => {
    const reader = new FrameReader();
    const found: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) found.push(...reader.push(bytes.subarray(at, at + size))!);
    assert.deepEqual(found, messages);
  });
}

test('one that is too long ends it', () => {
  assert.equal(new FrameReader(299).push(bytes), undefined);
  assert.equal(new FrameReader(300).push(bytes)?.length, messages.length);
});
