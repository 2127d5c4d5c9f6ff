import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundedPattern } from './bounded-pattern.ts';

test('an expression is found in a text, or not', () => {
  assert.equal(boundedPattern('^/?web$')('web'), true);
  assert.equal(boundedPattern('^/?web$')('web2'), false);
  assert.equal(boundedPattern('^(web|db)-[0-9]+$')('db-12'), true);
  assert.equal(boundedPattern('^(web|db)-[0-9]+$')('db-'), false);
  assert.equal(boundedPattern('^com\\.(example|docker)\\..*(?:a|b){2,3}$')('com.docker.x.ab'), true);
  assert.equal(boundedPattern('^[0-9a-f]{64}$')('0'.repeat(64)), true);
  for (const none of ['(a', '(a*)*\\1', '(?=a+)b*']) assert.throws(() => boundedPattern(none), SyntaxError);
});

test('one that would be at it for years by trying is found, or not, at once', () => {
  const text = 'a'.repeat(60);
  assert.equal(boundedPattern('^(a+)+$')(`${text}!`), false);
  assert.equal(boundedPattern(`${'(a|a)'.repeat(40)}b`)(text), false);
  assert.equal(boundedPattern(`${'a?'.repeat(60)}${text}b`)(text), false);
  assert.equal(boundedPattern(`${'a?'.repeat(60)}${text}`)(text), true);
  assert.equal(boundedPattern('^(.*a){12}$')(`${text}!`), false);
});
