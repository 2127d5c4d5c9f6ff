import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tabulate } from './table.ts';

test('columns as wide as their widest cell and at least ten', () => {
  assert.equal(tabulate('A\tB\tC\n1\ta long cell\tx\n'), 'A         B             C\n1         a long cell   x\n');
  assert.equal(tabulate('größe-ünïcode\t1\nx\t2'), 'größe-ünïcode   1\nx               2');
  assert.equal(tabulate('日本語日本語日本\t1\nx\t2'), '日本語日本語日本   1\nx                  2');
  assert.equal(tabulate('a\tb', { minWidth: 20, padding: 1 }), `a${' '.repeat(19)}b`);
  assert.equal(tabulate(''), '');
});

test('a line without a column ends its block', () => {
  assert.equal(tabulate('a very long cell\tx\nno tab\nb\ty'), 'a very long cell   x\nno tab\nb         y');
  assert.equal(tabulate('a\tlonger than ten\tx\nb\ty\nc\td\tz'), 'a         longer than ten   x\nb         y\nc         d         z');
  assert.equal(tabulate('a\t\nb\t'), 'a         \nb         ');
});

test('many lines take no time to speak of', () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => `${i}\t${i}\t${i}`);
  assert.equal(tabulate(rows.join('\n')).split('\n').length, 20_000);
});
