import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ago, bytes, integer, nanoCpus, signalNumber } from './units.ts';

describe('sizes', () => {
  const good: [string, number][] = [
    ['0', 0],
    ['1024', 1024],
    ['1k', 1024],
    ['1K', 1024],
    ['64m', 64 << 20],
    ['64MB', 64 << 20],
    ['64MiB', 64 << 20],
    ['1.5g', 1.5 * 2 ** 30],
    ['2 t', 2 * 2 ** 40],
    ['7b', 7],
    ['1p', 2 ** 50],
    ['0.1k', 102],
  ];
  for (const [text, value] of good) test(text, () => assert.equal(bytes(text), value));
  for (const text of ['', 'x', '-1', '1e3', '0x10', '9999p', 'm', '1.m']) test(`refused: ${text}`, () => assert.throws(() => bytes(text), { kind: 'invalid' }));
  test('docker’s words', () => {
    assert.throws(() => bytes('x'), { message: "invalid size: 'x'" });
    assert.throws(() => bytes('1q'), { message: "invalid suffix: 'q'" });
  });
});

describe('whole numbers', () => {
  test('read', () => assert.deepEqual([integer('5', 'f'), integer('+5', 'f'), integer('-5', 'f', -5), integer('0', 'f')], [5, 5, -5, 0]));
  for (const text of ['', 'x', '1.5', ' 1', '1 ', '0x1', '99999999999999999999', '-1'])
    test(`refused: ${JSON.stringify(text)}`, () => assert.throws(() => integer(text, 'f'), { kind: 'invalid' }));
  test('Go’s words', () =>
    assert.throws(() => integer('x', 'pids-limit'), {
      message: 'invalid argument "x" for "--pids-limit" flag: strconv.ParseInt: parsing "x": invalid syntax',
    }));
});

test('processors', () => {
  assert.deepEqual(['1', '0.5', '1.000000001', '0'].map(nanoCpus), [1e9, 5e8, 1_000_000_001, 0]);
  assert.throws(() => nanoCpus('1.0000000001'), /value is too precise/);
  for (const text of ['', '-1', 'x', '1/2', '1e1']) assert.throws(() => nanoCpus(text), /failed to parse/, text);
});

test('signals', () => {
  assert.deepEqual(['KILL', 'sigterm', 'SIGINT', '9', '64', 'RTMIN', 'rtmin+3', 'SIGRTMAX-1'].map(signalNumber), [9, 15, 2, 9, 64, 34, 37, 63]);
  for (const text of ['', '0', '65', 'NOPE', '-9', 'RTMAX+1']) assert.throws(() => signalNumber(text), { message: `invalid signal: ${text}` });
});

test('how long ago', () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  const cases: [number, string][] = [
    [-5, 'Less than a second'],
    [999, 'Less than a second'],
    [second, '1 second'],
    [59 * second, '59 seconds'],
    [minute, 'About a minute'],
    [59 * minute, '59 minutes'],
    [hour, 'About an hour'],
    [47 * hour, '47 hours'],
    [13 * day, '13 days'],
    [20 * day, '2 weeks'],
    [90 * day, '3 months'],
    [800 * day, '2 years'],
  ];
  for (const [milliseconds, text] of cases) assert.equal(ago(milliseconds), text);
});
