import assert from 'node:assert/strict';
import { test } from 'node:test';
import { milliseconds } from './duration.ts';

test('durations as Go writes them', () => {
  const cases: [string, number][] = [
    ['5s', 5000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['250ms', 250],
    ['1500us', 1.5],
    ['0', 0],
    ['-1s', -1000],
  ];
  for (const [text, expected] of cases) assert.equal(milliseconds(text), expected, text);
});

test('what is none is refused by name', () => {
  for (const text of ['', '5', 'nope', '5x', 's', '5s6', '5 s', '999999h']) {
    assert.throws(() => milliseconds(text), { message: `invalid value ${JSON.stringify(text)} for flag -interval: not a duration as 5s, 1m30s or 500ms` });
  }
});
