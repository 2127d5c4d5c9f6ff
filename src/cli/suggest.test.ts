import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance } from '../base/edit-distance.ts';
import { suggestions } from './suggest.ts';

const WORDS = ['run', 'exec', 'ps', 'images', 'image', 'import', 'inspect', 'container', 'stop', 'start', 'stats'];

test('how far apart two words are', () => {
  const cases: [string, string, number][] = [
    ['', '', 0],
    ['stop', 'stop', 0],
    ['stpo', 'stop', 2],
    ['imags', 'images', 1],
    ['rum', 'run', 1],
    ['sart', 'start', 1],
    ['', 'ps', 2],
    ['kitten', 'sitting', 3],
  ];
  for (const [a, b, distance] of cases) assert.deepEqual([editDistance(a, b), editDistance(b, a)], [distance, distance], `${a} ${b}`);
  assert.ok(editDistance('ps', 'container') > 2);
  assert.ok(editDistance('a'.repeat(100_000), 'b') > 2);
});

test('what may have been meant: the beginning of a word, or two edits away; the nearest first', () => {
  assert.deepEqual(suggestions('imags', WORDS), ['images', 'image']);
  assert.deepEqual(suggestions('ima', WORDS), ['images', 'image']);
  assert.deepEqual(suggestions('STOPP', WORDS), ['stop']);
  assert.deepEqual(suggestions('stat', WORDS), ['stats', 'start', 'stop']);
  assert.deepEqual(suggestions('xyzzy', WORDS), []);
  assert.deepEqual(suggestions('', WORDS), []);
});
