import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyReader } from './body-reader.ts';

function read(text: string, size: number): { body: string; rest: string; done: boolean } {
  const reader = bodyReader({ kind: 'chunked' })!;
  const bytes = Buffer.from(text, 'latin1');
  let body = '';
  let used = 0;
  while (!reader.done && used < bytes.length) {
    used += reader.feed(bytes.subarray(used, used + size), (piece) => {
      body += piece.toString('latin1');
    });
  }
  return { body, rest: text.slice(used), done: reader.done };
}

test('chunks in pieces of any size; what follows the body is not touched', () => {
  const text = '5\r\nhello\r\nA;name="x y"\r\n0123456789\r\n001 \r\n\n\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\nGET / HTTP/1.1';
  for (let size = 1; size <= text.length; size++)
    assert.deepEqual(read(text, size), { body: 'hello0123456789\n', rest: 'GET / HTTP/1.1', done: true }, String(size));
});

test('a length', () => {
  const reader = bodyReader({ kind: 'length', length: 5 })!;
  const got: string[] = [];
  const feed = (text: string): number => reader.feed(Buffer.from(text), (piece) => got.push(piece.toString()));
  assert.equal(feed('he'), 2);
  assert.equal(reader.done, false);
  assert.equal(feed('llo, more'), 3);
  assert.equal(reader.done, true);
  assert.deepEqual(got, ['he', 'llo']);
  assert.equal(bodyReader({ kind: 'none' }), undefined);
});

test('what is no chunk is refused', () => {
  const bad = [
    '\r\n',
    'g\r\n',
    '-1\r\n',
    '+5\r\n',
    '0x5\r\n',
    ' 5\r\nhello',
    '5\nhello\r\n',
    '5\r\nhelloX\r\n',
    '5\r\nhello\n',
    '5 x\r\n',
    '1234567890123\r\n',
    '5;\u0001\r\n',
    `5;${'x'.repeat(5000)}`,
    `0\r\n${`A: ${'b'.repeat(4000)}\r\n`.repeat(5)}`,
    '0\r\nA: b\n\r\n',
  ];
  for (const text of bad)
    for (const size of [1, 3, text.length]) assert.throws(() => read(text, size), { name: 'HttpProblem' }, JSON.stringify(text.slice(0, 50)));
});
