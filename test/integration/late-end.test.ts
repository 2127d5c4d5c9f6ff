import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineFor, monitorOf, shell } from '../support/monitored.ts';
import { busyboxRootfs } from '../support/rootfs.ts';

test('a container whose end does not come although it was killed: who removes it does not wait for ever', async (t) => {
  const stopped: number[] = [];
  t.after(() => stopped.forEach((pid) => process.kill(pid, 'SIGCONT')));
  const { engine, state } = engineFor(t);
  const { containerId } = await engine.run(shell(await busyboxRootfs())('sleep 60'));
  const monitor = monitorOf(state, containerId);
  process.kill(monitor, 'SIGSTOP');
  stopped.push(monitor);
  const message = `cannot remove container "${containerId}": could not kill container: tried to kill container, but did not receive an exit event`;
  await assert.rejects(engine.remove(containerId, { force: true }), { message });
  process.kill(stopped.pop()!, 'SIGCONT');
  await engine.remove(containerId, { force: true });
  assert.deepEqual(await engine.list(), []);
});
