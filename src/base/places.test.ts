import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placesOf } from './places.ts';

test('no two engines on different folders share what they sweep', () => {
  const of = (stateDir?: string, dataRoot?: string, env = {}) => Object.values(placesOf({ stateDir, dataRoot }, env));
  assert.deepEqual(of(), ['/run/kobako', '/var/lib/kobako', '/var/lib/kobako']);
  assert.deepEqual(of(undefined, '/d'), ['/d/run', '/d', '/d']);
  assert.deepEqual(of('/s'), ['/s', '/var/lib/kobako', '/s']);
  assert.deepEqual(of('/s', '/d'), ['/s', '/d', '/d']);
  assert.deepEqual(of(undefined, undefined, { KOBAKO_STATE_DIR: '/s', KOBAKO_DATA_ROOT: '' }), ['/s', '/var/lib/kobako', '/s']);
  assert.deepEqual(of('/given', undefined, { KOBAKO_STATE_DIR: '/s', KOBAKO_DATA_ROOT: '/d' }), ['/given', '/d', '/d']);
});
