import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, Unframer } from './grpc-frames.ts';

test('messages come out of pieces of any size', () => {
  const messages = ['', 'a', 'two', 'x'.repeat(300)];
  const bytes = Buffer.concat(messages.map((each) => frame(Buffer.from(each))));
  for (let size = 1; size <= bytes.length; size++) {
    const unframer = new Unframer(1000);
    const got: string[] = [];
    for (let at = 0; at < bytes.length; at += size) got.push(...unframer.push(bytes.subarray(at, at + size)).map(String));
    assert.deepEqual(got, messages, String(size));
  }
});

test('frames that are too long or compressed are refused', () => {
  assert.throws(() => new Unframer(10).push(frame(Buffer.alloc(11))), { code: 8 });
  const compressed = frame(Buffer.from('x'));
  compressed[0] = 1;
  assert.throws(() => new Unframer(10).push(compressed), { code: 12 });
});
