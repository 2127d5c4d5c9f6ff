/** kill -9 of anything, at chosen moments: nothing leaks, no container is lost, how it ended is known. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { before, describe, test } from 'node:test';
import { DEFAULT_RUN } from '../../src/engine/contract.ts';
import { kobako } from '../support/kobako.ts';
import { projectDir, projectNode } from '../support/paths.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { tempFor } from '../support/temp.ts';
import { processStart } from '../../src/kernel/linux/process.ts';
import { alive, childrenOf, commandOf, Ground, kill9, LOST, pick, pids, until } from './ground.ts';

let root: string;
before(async () => {
  root = await busyboxRootfs();
});

describe('kill -9', () => {
  test('of the command line: the container goes on, and its log and exit code are kept', async (t) => {
    const env = { ...process.env, KOBAKO_STATE_DIR: tempFor(t) };
    const name = 'crash';
    t.after(() => kobako(['rm', '-f', name], { env }));
    const child = spawn(`${projectDir}/bin/kobako`, ['run', '--name', name, '--rootfs', `${root}:O`, 'sh', '-c', 'echo one; sleep 12; echo two; exit 5'], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.match((await kobako(['ps'], { env })).stdout, /crash/);
    assert.equal((await kobako(['wait', name], { env })).stdout.trim(), '5');
    assert.equal((await kobako(['logs', name], { env })).stdout, 'one\ntwo\n');
  });

  test('of the monitor: the container goes with it, everybody who waits is told 137, and all is removed', async (t) => {
    const ground = await Ground.of(t);
    const [engine, other] = [ground.open(), ground.open()];
    const running = await engine.run(ground.options(['sleep', '60']));
    const waits = [running.wait(), engine.wait(running.containerId), other.wait(running.containerId)];
    await new Promise((resolve) => setTimeout(resolve, 100));
    kill9(ground.record(running.containerId).monitor.pid);
    for (const exit of await Promise.all(waits)) assert.deepEqual(pick(exit), LOST);
    await until('the process has gone', () => !alive(running.pid));
    const info = await other.find(running.containerId);
    assert.deepEqual([info.state, info.exit?.status, info.exit?.error], ['exited', 137, LOST.error]);
    assert.deepEqual(
      ground.remains().filter((what) => !/^(containers|names):/.test(what)),
      [],
    );
    await other.remove(running.containerId);
    assert.deepEqual(ground.remains(), []);
    engine.close();
    other.close();
  });

  test('of the monitor, where the kernel kills nobody: another user by now, and no pid namespace', async (t) => {
    const ground = await Ground.of(t);
    const engine = ground.open();
    const mark = `86${process.pid}`;
    const script = `sleep ${mark}1 & (setsid sleep ${mark}2 &); exec su guest -c 'exec sleep ${mark}3'`;
    const running = await engine.run(ground.options(['sh', '-c', script], { namespaces: { ...DEFAULT_RUN.namespaces, pid: { kind: 'host' } } }));
    const left = () => pids().filter((pid) => commandOf(pid).startsWith(`sleep ${mark}`));
    await until('all three run', () => left().length === 3);
    kill9(ground.record(running.containerId).monitor.pid);
    engine.close();
    // a fresh engine, that nobody has told
    const fresh = ground.open();
    assert.deepEqual(
      (await fresh.list()).map(({ state, exit }) => [state, exit?.status]),
      [['exited', 137]],
    );
    await until('none of them runs', () => left().length === 0);
    assert.deepEqual(
      ground.remains().filter((what) => !/^(containers|names):/.test(what)),
      [],
    );
    fresh.close();
  });

  test('of an exec’s monitor: its process ends, its user is told, the container goes on', async (t) => {
    const ground = await Ground.of(t);
    const engine = ground.open();
    const { containerId } = await engine.run(ground.options(['sleep', '60']));
    const exec = await engine.exec(containerId, { args: ['sleep', '50'] }, { stdout: new PassThrough() });
    const monitor = ground.helpers().find((pid) => childrenOf(pid).includes(exec.pid));
    assert.ok(monitor !== undefined);
    kill9(monitor);
    assert.deepEqual(pick(await exec.wait()), LOST);
    await until('its process has gone', () => !alive(exec.pid));
    assert.equal((await engine.find(containerId)).state, 'running');
    assert.deepEqual(
      readdirSync(`${ground.state}/sockets`).map((name) => name.length),
      [24],
      'the socket of the exec is gone, that of the container is not',
    );
    engine.close();
  });

  test('of the starter of an exec: another process learns how it ended, once and for all', async (t) => {
    const ground = await Ground.of(t);
    const engine = ground.open();
    const { containerId } = await engine.run(ground.options(['sleep', '60']));
    const source = `
      const { openEngine } = await import(${JSON.stringify(`${projectDir}/src/engine/open-engine.ts`)});
      const engine = openEngine(${JSON.stringify({ stateDir: ground.state, helper: ground.helper })});
      const exec = await engine.exec(${JSON.stringify(containerId)}, { args: ['sh', '-c', 'sleep 1; exit 9'] });
      console.log(exec.execId);
      setInterval(() => {}, 1000);`;
    const starter = spawn(projectNode, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [id] = (await once(starter.stdout, 'data')) as [Buffer];
    starter.kill('SIGKILL');
    const exec = String(id).trim();
    assert.equal((await engine.wait(containerId, exec)).status, 9, 'asked while it ran');
    assert.equal((await engine.wait(containerId, exec)).status, 9, 'and after it');
    await assert.rejects(engine.wait(containerId, 'f00f00f00f00'), /No such exec instance/);
    await assert.rejects(engine.wait(containerId, '../../exit'), /No such exec instance/);
    engine.close();
  });
});

test('what killed processes were making or removing is swept; what living ones work at is not', async (t) => {
  const ground = await Ground.of(t);
  ground.open().close();
  const id = 'a'.repeat(64);
  const [dead, living] = ['999999.1', `${process.pid}.${processStart(process.pid)}`];
  for (const owner of [dead, living]) mkdirSync(`${ground.state}/containers/.${owner}-${id}/root`, { recursive: true });
  mkdirSync(`${ground.state}/containers/.${dead}-gone-${id}`, { recursive: true });
  mkdirSync(`${ground.state}/sockets`, { recursive: true });
  mkdirSync(`${ground.state}/names`, { recursive: true });
  writeFileSync(`${ground.state}/sockets/${'b'.repeat(24)}`, '');
  symlinkSync(`${id}@${dead}`, `${ground.state}/names/stale`);
  symlinkSync(`${id}@${living}`, `${ground.state}/names/held`);
  const engine = ground.open();
  assert.deepEqual(ground.remains().sort(), [`containers: .${living}-${id}`, 'names: held']);
  await assert.rejects(engine.run(ground.options(['true'], { name: 'held' })), /The container name "\/held" is already in use by container "a{64}"/);
  engine.close();
  assert.ok(existsSync(`${ground.state}/containers`));
});
