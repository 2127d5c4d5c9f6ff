import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ago, binarySize, bytes, humanSize, integer, nanoCpus, signalNumber } from './units.ts';

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
    [3 * minute - 1, '2 minutes'],
    [hour - 1, '59 minutes'],
    [hour, 'About an hour'],
    [hour + 29 * minute + 59 * second, 'About an hour'],
    [hour + 30 * minute, '2 hours'],
    [3 * hour - 1, '3 hours'],
    [47 * hour, '47 hours'],
    [48 * hour, '2 days'],
    [7 * day, '7 days'],
    [13 * day, '13 days'],
    [14 * day, '2 weeks'],
    [20 * day, '2 weeks'],
    [59 * day, '8 weeks'],
    [60 * day, '2 months'],
    [90 * day, '3 months'],
    [729 * day, '24 months'],
    [730 * day, '2 years'],
    [800 * day, '2 years'],
    [35 * 366 * day, '35 years'],
  ];
  for (const [milliseconds, text] of cases) assert.equal(ago(milliseconds), text);
});

test('sizes for people, in steps of 1000', () => {
  const cases: [bytes: number, four: string, three: string][] = [
    [0, '0B', '0B'],
    [-1, '-1B', '-1B'],
    [999, '999B', '999B'],
    [1000, '1kB', '1kB'],
    [1024, '1.024kB', '1.02kB'],
    [1_000_000, '1MB', '1MB'],
    [1_048_576, '1.049MB', '1.05MB'],
    [2e6, '2MB', '2MB'],
    [3.42e9, '3.42GB', '3.42GB'],
    [5.372e12, '5.372TB', '5.37TB'],
    [2.22e15, '2.22PB', '2.22PB'],
    [1_000_000_000_000_000_000, '1EB', '1EB'],
    [999_600, '999.6kB', '1e+03kB'],
    [999_960, '1000kB', '1e+03kB'],
  ];
  for (const [bytes, four, three] of cases) assert.deepEqual([humanSize(bytes), humanSize(bytes, 3)], [four, three], String(bytes));
});

test('sizes for people, in steps of 1024', () => {
  const cases: [number, string][] = [
    [0, '0B'],
    [1023, '1023B'],
    [1024, '1KiB'],
    [1_048_576, '1MiB'],
    [2 * 1024 ** 2, '2MiB'],
    [3.42 * 1024 ** 3, '3.42GiB'],
    [5.372 * 1024 ** 4, '5.372TiB'],
    [2.22 * 1024 ** 5, '2.22PiB'],
    [1023.99 * 1024, '1024KiB'],
  ];
  for (const [bytes, text] of cases) assert.equal(binarySize(bytes), text);
});
