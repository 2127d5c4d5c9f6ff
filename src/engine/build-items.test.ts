import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchName } from './build-items.ts';

test('names match as filepath.Match has it, and soon', () => {
  const yes: readonly (readonly [string, string])[] = [
    ['*', ''],
    ['*.txt', 'a.txt'],
    ['a?c', 'abc'],
    ['[a-c]x', 'bx'],
    ['[^a]x', 'bx'],
    ['\\*', '*'],
    ['a*b*c', 'aXXbYYc'],
    ['[\\]]', ']'],
    ['ä?', 'äö'],
  ];
  const no: readonly (readonly [string, string])[] = [
    ['*.txt', 'a.tx'],
    ['a?c', 'ac'],
    ['[a-c]x', 'dx'],
    ['[^a]x', 'ax'],
    ['\\*', 'a'],
    ['[a', 'a'],
    ['', 'a'],
  ];
  for (const [pattern, name] of yes) assert.ok(matchName(pattern, name), `${pattern} ${name}`);
  for (const [pattern, name] of no) assert.ok(!matchName(pattern, name), `${pattern} ${name}`);
  assert.ok(!matchName(`${'*a'.repeat(50)}b`, 'a'.repeat(5000)));
});
