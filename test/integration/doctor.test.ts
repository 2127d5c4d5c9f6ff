/** `kobako system doctor` on this machine. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import type { Finding } from '../../src/engine/doctor.ts';
import { kobako } from '../support/kobako.ts';
import { tempFor } from '../support/temp.ts';

test('what it finds, as a table and as JSON; folders that a killed process left', async (t) => {
  const folder = tempFor(t);
  const flags = ['--data-root', `${folder}/data`, '--exec-root', `${folder}/state`];
  mkdirSync(`${folder}/data/containers/.999999999.1-${'a'.repeat(64)}`, { recursive: true });
  mkdirSync(`${folder}/state/sockets/${'b'.repeat(24)}`, { recursive: true });
  const json = await kobako(['system', 'doctor', '--format', 'json', ...flags]);
  const found = JSON.parse(json.stdout) as Finding[];
  const statusOf = (name: string) => found.find((each) => each.name === name)?.status;
  assert.equal(statusOf('half-made containers'), 'warning');
  assert.equal(statusOf('leftover sockets'), 'warning');
  assert.equal(statusOf('leftover mounts'), 'ok');
  // tests run here: whatever else it finds, containers can be made
  for (const name of ['kernel', 'capabilities', 'namespaces', 'seccomp', 'overlayfs']) assert.notEqual(statusOf(name), 'problem', name);
  assert.equal(json.code, found.some(({ status }) => status === 'problem') ? 1 : 0);
  const table = await kobako(['system', 'doctor', ...flags]);
  assert.match(table.stdout, /^CHECK +STATUS +DETAIL\n/);
  assert.match(table.stdout, /^half-made containers +warning +1: /m);
  assert.match(table.stdout, /^half-made containers: start the engine once/m);
  assert.equal((await kobako(['system', 'doctor', '--format', 'xml'])).code, 1);
});
