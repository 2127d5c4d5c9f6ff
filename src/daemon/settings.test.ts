import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daemonSettings } from './settings.ts';

const settings = (args: readonly string[], file = '{}') => daemonSettings(args, {}, () => file);

test('userns-remap: a flag, or the file', () => {
  assert.equal(settings([]).usernsRemap, '');
  assert.equal(settings(['--userns-remap', 'default']).usernsRemap, 'default');
  assert.equal(settings([], '{"userns-remap": "ann:people"}').usernsRemap, 'ann:people');
  assert.throws(() => settings([], '{"userns-remap": 7}'), /userns-remap in the configuration file must be a string/);
});

test('how long leases wait after a start: a flag, or the file; whole seconds up to a day', () => {
  assert.equal(settings([]).leaseGrace, undefined);
  assert.equal(settings(['--lease-grace', '0']).leaseGrace, 0);
  assert.equal(settings(['--lease-grace=86400']).leaseGrace, 86_400);
  assert.equal(settings([], '{"lease-grace": 7}').leaseGrace, 7);
  for (const text of ['-1', '1.5', '86401', 'x', '']) assert.throws(() => settings([`--lease-grace=${text}`]), /^EngineError: invalid lease-grace/, text);
  assert.throws(() => settings([], '{"lease-grace": [1]}'), /invalid lease-grace \[1\]: it is a whole number of seconds from 0 to 86400/);
  assert.throws(() => settings(['--lease-grace', '1'], '{"lease-grace": 7}'), /specified both as a flag and in the configuration file/);
});
