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

test('pieces of any size, in memory that is used again', () => {
  const sent = [0, 1, 4, 5, 300, 0, 70_000, 2].map((size, index) => Buffer.alloc(size, index));
  const bytes = Buffer.concat(sent.map((each) => frame(each)));
  for (const size of [1, 2, 3, 5, 7, 64, 1000, 65_536, bytes.length]) {
    const unframer = new Unframer(100_000);
    const memory = Buffer.alloc(size);
    const got: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      const length = bytes.copy(memory, 0, at, at + size);
      got.push(...unframer.push(memory.subarray(0, length)).map((each) => Buffer.from(each)));
      unframer.keep();
      memory.fill(0xff);
    }
    assert.deepEqual(got, sent, `in pieces of ${size}`);
  }
});
