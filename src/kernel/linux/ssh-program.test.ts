import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { tempFor } from '../../../test/support/temp.ts';
import { processStart } from './process.ts';
import { sshConnection } from './ssh-program.ts';

/** With a script for ssh: the connection, and what is signalled from then on. */
function connectBy(t: TestContext, script: string) {
  const bin = tempFor(t);
  writeFileSync(`${bin}/ssh`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const before = process.env['PATH'];
  process.env['PATH'] = `${bin}:${before}`;
  t.after(() => (process.env['PATH'] = before));
  const socket = sshConnection({ host: 'box', user: undefined, port: undefined }, 'true');
  t.after(() => socket.destroy());
  const kill = t.mock.method(process, 'kill');
  return { socket, signalled: () => kill.mock.calls.map((call) => call.arguments[0]) };
}

test('programs that have ended are not signalled: their number may be anybody’s by then', async (t) => {
  const { socket, signalled } = connectBy(t, 'echo unread; exit 0');
  const children = () => readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
  assert.match(children(), /^\d+ $/);
  const closed = once(socket, 'close');
  for (let tries = 0; children() !== '' && tries < 500; tries++) await delay(10);
  assert.equal(children(), '');
  await closed;
  assert.deepEqual(signalled(), []);
});

test('those that run end with the connection', async (t) => {
  const { socket, signalled } = connectBy(t, 'echo $$; exec sleep 1000');
  const [said] = (await once(socket, 'data')) as [Buffer];
  const pid = Number(said.toString());
  assert.ok(processStart(pid));
  socket.destroy();
  await once(socket, 'close');
  assert.equal(signalled().length, 1);
  for (let tries = 0; processStart(pid) && tries < 500; tries++) await delay(10);
  assert.equal(processStart(pid), undefined);
});
