import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goTime, parseTime, rfc3339 } from './go-time.ts';

const at = (text: string) => parseTime(text)!;

test('read', () => {
  assert.deepEqual(at('2026-11-25T21:41:16.000000009Z'), { seconds: 1_795_642_876, nanoseconds: 9 });
  assert.deepEqual(at('2026-11-25T22:41:16.5+01:00'), { seconds: 1_795_642_876, nanoseconds: 500_000_000 });
  assert.deepEqual(at('0001-01-01T00:00:00Z'), { seconds: -62_135_596_800, nanoseconds: 0 });
  for (const text of ['', 'x', '2026-13-01T00:00:00Z', '2026-11-25']) assert.equal(parseTime(text), undefined, text);
});

test('as Go’s Time prints itself', () => {
  assert.equal(goTime(at('2026-11-25T21:41:16Z'), 'UTC'), '2026-11-25 21:41:16 +0000 UTC');
  assert.equal(goTime(at('2026-11-25T21:41:16.120Z'), 'UTC'), '2026-11-25 21:41:16.12 +0000 UTC');
  assert.equal(goTime(at('2026-07-25T21:41:16Z'), 'Europe/Berlin'), '2026-07-25 23:41:16 +0200 CEST');
  assert.equal(goTime(at('2026-11-25T04:00:00Z'), 'America/New_York'), '2026-11-24 23:00:00 -0500 EST');
  assert.equal(goTime(at('2026-11-25T04:00:00Z'), 'Asia/Kolkata'), '2026-11-25 09:30:00 +0530 IST');
  assert.equal(goTime(at('2026-11-25T04:00:00Z'), 'America/Sao_Paulo'), '2026-11-25 01:00:00 -0300 -03');
  assert.equal(goTime(at('0001-01-01T00:00:00Z'), 'UTC'), '0001-01-01 00:00:00 +0000 UTC');
});

test('RFC 3339', () => {
  assert.equal(rfc3339(at('2026-11-25T21:41:16.5Z'), { zone: 'UTC' }), '2026-11-25T21:41:16Z');
  assert.equal(rfc3339(at('2026-11-25T21:41:16.5Z'), { zone: 'Europe/Berlin', nanoseconds: true }), '2026-11-25T22:41:16.500000000+01:00');
});
