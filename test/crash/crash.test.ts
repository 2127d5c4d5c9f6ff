/** kill -9 of anything: nothing leaks, no container is lost. And many runs in a row leave nothing. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { DEFAULT_RUN } from '../../src/engine/contract.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { kobako } from '../support/kobako.ts';
import { projectDir } from '../support/paths.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { tempFor } from '../support/temp.ts';

let root: string;
before(async () => {
  root = await busyboxRootfs();
});

async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`not within 10 s: ${what}`);
}

const alive = (pid: number) => existsSync(`/proc/${pid}`) && !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

describe('kill -9', () => {
  test('of the command line: the container goes on, and its log and exit code are kept', async (t) => {
    const env = { ...process.env, KOBAKO_STATE_DIR: tempFor(t) };
    const name = 'crash';
    t.after(() => kobako(['rm', '-f', name], { env }));
    const child = spawn(`${projectDir}/bin/kobako`, ['run', '--name', name, '--rootfs', `${root}:O`, 'sh', '-c', 'echo one; sleep 2; echo two; exit 5'], {
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

  test('of the monitor: the container goes with it, and the next command sweeps', async (t) => {
    const state = tempFor(t);
    const engine = openEngine({ stateDir: state });
    t.after(() => engine.close());
    const running = await engine.run({ ...DEFAULT_RUN, rootfs: { path: root, overlay: true }, args: ['sleep', '60'], detach: true, autoRemove: true });
    const record = JSON.parse(readFileSync(`${state}/containers/${running.containerId}/container.json`, 'utf8')) as {
      monitor: { pid: number };
      maker: { pid: number };
      cgroupsPath: string;
    };
    process.kill(record.monitor.pid, 'SIGKILL');
    await until('the container is gone', () => !alive(running.pid));
    await assert.rejects(running.wait());
    // another process, since this one is its maker and lives
    const env = { ...process.env, KOBAKO_STATE_DIR: state };
    assert.equal((await kobako(['rm', '-f', running.containerId], { env })).code, 0);
    assert.equal(existsSync(`/sys/fs/cgroup/pids${record.cgroupsPath}`), false);
    assert.equal(existsSync(`/sys/fs/cgroup${record.cgroupsPath}`), false);
    assert.deepEqual(readdirSync(`${state}/containers`), []);
  });
});

test('200 runs in a row leave no file, mount, process or cgroup, and no memory', async (t) => {
  const state = tempFor(t);
  const engine = openEngine({ stateDir: state });
  const options = { ...DEFAULT_RUN, rootfs: { path: root, overlay: true }, args: ['/bin/true'], autoRemove: true };
  const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length;
  const fds = () => readdirSync('/proc/self/fd').length;
  const once = async () => assert.equal((await (await engine.run(options)).wait()).status, 0);
  for (let i = 0; i < 50; i++) await once();
  const [mountsBefore, fdsBefore] = [mounts(), fds()];
  const memory = process.memoryUsage().rss;
  for (let i = 0; i < 200; i++) await once();
  assert.equal(mounts(), mountsBefore);
  assert.ok(fds() <= fdsBefore + 3, `${fds()} fds, ${fdsBefore} before`);
  assert.ok(process.memoryUsage().rss - memory < 64 << 20, 'memory grew by more than 64 MiB');
  assert.deepEqual(readdirSync(`${state}/containers`), []);
  engine.close();
  assert.equal(
    existsSync('/sys/fs/cgroup/pids/kobako') && readdirSync('/sys/fs/cgroup/pids/kobako', { withFileTypes: true }).some((entry) => entry.isDirectory()),
    false,
  );
});
