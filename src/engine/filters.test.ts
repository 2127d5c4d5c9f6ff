import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pattern } from './filters.ts';
import { logAttributes } from './log-attributes.ts';

const NAME = `${'a'.repeat(60)}!`;

test('a pattern is the very text, or an expression; what is none matches nothing', () => {
  assert.equal(pattern(['^/web$'])('/web'), true);
  assert.equal(pattern(['web', 'db.*'])('/my-db'), true);
  assert.equal(pattern(['(web'])('/(web'), false);
  assert.equal(pattern(['(web'])('(web'), true);
});

test('no expression of a client keeps the engine busy', () => {
  assert.equal(pattern(['^(a+)+$'])(NAME), false);
  const config = { Labels: { [NAME]: '1', b: '2' }, Env: [], Image: '', Entrypoint: null, Cmd: null };
  const hostConfig = { LogConfig: { Type: 'json-file', Config: { 'labels-regex': '^((a+)+|b)$' } } };
  assert.equal(logAttributes({ id: '', name: '', config, hostConfig, imageId: '' }), ',"attrs":{"b":"2"}');
});
