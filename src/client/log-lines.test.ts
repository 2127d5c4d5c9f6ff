import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogLine } from '../engine/containers-contract.ts';
import { framed } from '../../test/support/frames.ts';
import { framedLines, rawLines } from './log-lines.ts';

const TIME = '2026-01-01T00:00:00.000000001Z';

/** In pieces of a few bytes. */
async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all(lines: AsyncIterable<LogLine>): Promise<LogLine[]> {
  const out: LogLine[] = [];
  for await (const line of lines) out.push(line);
  return out;
}

test('frames, however they are cut: text with spaces, without a newline, with details', async () => {
  const bytes = Buffer.concat([
    framed('stdout', `${TIME}  a  b\n`),
    framed('stderr', `${TIME} k+1=%C3%BC%2C%3D,l=,m=%E0 piece`),
    framed('stdout', `${TIME}  \n`),
  ]);
  const wanted = [
    { stream: 'stdout', log: 'a  b\n', time: TIME },
    { stream: 'stderr', log: 'piece', time: TIME, attrs: { 'k 1': 'ü,=', l: '', m: '%E0' } },
    { stream: 'stdout', log: '\n', time: TIME },
  ];
  for (const size of [1, 7, 8, 9, 1000]) assert.deepEqual(await all(framedLines(pieces(bytes, size))), wanted);
});

test('lines of a terminal; the last may have no end', async () => {
  const bytes = Buffer.from(`${TIME}  one\r\n${TIME} a=b two\r\n${TIME}  rest`);
  for (const size of [1, 30, 1000]) {
    assert.deepEqual(
      (await all(rawLines(pieces(bytes, size)))).map(({ log, attrs }) => [log, attrs]),
      [
        ['one\r\n', undefined],
        ['two\r\n', { a: 'b' }],
        ['rest', undefined],
      ],
    );
  }
});

test('what is no log of Docker’s', async () => {
  for (const bytes of [Buffer.from('plain text'), Buffer.from([1, 0, 0, 0, 0xff, 0, 0, 0])])
    await assert.rejects(all(framedLines(pieces(bytes, 100))), { kind: 'unavailable' });
  await assert.rejects(all(framedLines(pieces(framed('stdout', 'no time\n').subarray(0), 100))), { kind: 'unavailable' });
});
