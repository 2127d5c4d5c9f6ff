/** The monitor and whoever started it: it is not held up by one that is stopped, and does not hold up one that goes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { before, test } from 'node:test';
import { projectDir, projectNode } from '../support/paths.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { engineFor, shell } from '../support/monitored.ts';

let sh: ReturnType<typeof shell>;
before(async () => {
  sh = shell(await busyboxRootfs());
});

function program(state: string, source: string) {
  const open = `const { openEngine } = await import(${JSON.stringify(`${projectDir}/src/engine/open-engine.ts`)});
    const engine = openEngine({ stateDir: ${JSON.stringify(state)} });`;
  return spawn(projectNode, ['--input-type=module', '-e', open + source], { stdio: ['ignore', 'pipe', 'inherit'] });
}

test('a program ends after close: the containers that nobody waits for go on, one that is waited for is', async (t) => {
  const { engine, state } = engineFor(t);
  const options = (script: string) => JSON.stringify({ ...sh(script), detach: false });
  const child = program(
    state,
    `const free = await engine.run(${options('sleep 60')});
     const held = await engine.run(${options('sleep 1; exit 6')});
     const wait = held.wait();
     engine.close();
     console.log(free.containerId);
     wait.then(({ status }) => console.log(status));`,
  );
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += String(chunk)));
  const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
  const [code, signal] = (await once(child, 'close')) as [number, string];
  clearTimeout(late);
  const [id, status] = text.trim().split('\n');
  assert.deepEqual([code, signal, status], [0, null, '6']);
  assert.equal((await engine.find(id!)).state, 'running');
});

test('a starter that is stopped: the container ends, others are told at once, and it is when it goes on', async (t) => {
  const { engine, state } = engineFor(t);
  const child = program(
    state,
    `const running = await engine.run(${JSON.stringify({ ...sh('sleep 0.5; seq 100000; exit 3') })});
     console.log(running.containerId);
     console.log((await running.wait()).status);
     engine.close();`,
  );
  const [id] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGSTOP');
  assert.equal((await engine.wait(String(id).trim())).status, 3);
  child.kill('SIGCONT');
  const [status] = (await once(child.stdout, 'data')) as [Buffer];
  assert.equal(String(status).trim(), '3');
  await once(child, 'close');
});

test('a program that removes or stops what it has started in the background lives until that is done', async (t) => {
  const { engine, state } = engineFor(t);
  const options = JSON.stringify({ ...sh('sleep 60'), detach: true });
  const child = program(
    state,
    `const [removed, stopped] = [await engine.run(${options}), await engine.run(${options})];
     await engine.remove(removed.containerId, { force: true });
     await engine.stop(stopped.containerId, 0);
     console.log(stopped.containerId);
     engine.close();`,
  );
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += String(chunk)));
  assert.deepEqual(await once(child, 'close'), [0, null]);
  assert.deepEqual(
    (await engine.list()).map(({ id, state: now }) => [id, now]),
    [[text.trim(), 'exited']],
  );
});
