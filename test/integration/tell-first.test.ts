/** A monitor tells of the end before it gives back what the container had. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, mkdirSync, openSync, readdirSync, readlinkSync, writeFileSync, writeSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { LinuxPlanRunner } from '../../src/kernel/linux/helper.ts';
import { processStart } from '../../src/kernel/linux/process.ts';
import { CLONE_NEW } from '../../src/kernel/constants.ts';
import { TOKENS, type Plan } from '../../src/plan/ops.ts';
import { PlanBuilder } from '../../src/runtime/builder.ts';
import { addMonitor } from '../../src/runtime/stdio.ts';
import { helperMissing } from '../support/helper.ts';
import { monitorOf, until } from '../support/monitored.ts';
import { ownedEngine, type OwnedEngine } from '../support/owned-engine.ts';
import { MONITOR } from '../support/planner.ts';
import { projectDir } from '../support/paths.ts';
import { runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const QUIET = { ...MONITOR, socket: '', log: undefined, spillDir: '' };

interface Gated {
  readonly gate: string;
  readonly exitPath: string;
  readonly hold: boolean;
  /** Something is removed at the end that is not there. */
  readonly fails: boolean;
}

/** Cleaning up after it has told ends when a byte comes through the fifo. */
function gated({ gate, exitPath, hold, fails }: Gated): Plan {
  const builder = new PlanBuilder();
  builder.monitor('open', { into: 'gate', path: gate, flags: constants.O_RDWR, mode: 0, resolve: 0 });
  builder.monitor('clone', { flags: CLONE_NEW.mount });
  builder.container('wait', { token: TOKENS.ready });
  builder.container('exec', { argv: ['/bin/true'], env: [], path: '' });
  if (hold) builder.monitor('hold-mounts', {});
  builder.monitor('post', { token: TOKENS.ready });
  addMonitor(builder, { kind: 'inherit' }, { ...QUIET, waitStart: false, exitPath });
  builder.cleanup('tell-exit', {});
  builder.cleanup('read-byte', { slot: 'gate' });
  if (fails) builder.cleanup('rmdir', { path: `${gate}.none`, retryMs: 0 });
  return { ops: builder.ops };
}

async function ended(t: TestContext, { hold = false, fails = false } = {}) {
  const folder = tempFor(t);
  const [gate, exitPath] = [`${folder}/gate`, `${folder}/exit.json`];
  await runOk('mkfifo', [gate]);
  const fd = openSync(gate, constants.O_RDWR);
  const open = () => void writeSync(fd, 'x');
  t.after(() => {
    open();
    closeSync(fd);
  });
  const running = new LinuxPlanRunner(`${projectDir}/dist/kobako-helper`).run(gated({ gate, exitPath, hold, fails }));
  assert.equal((await running.exited).status, 0);
  assert.ok(existsSync(exitPath));
  return { running, open };
}

/** Mount namespaces that a process holds by an fd. */
function held(pid: number): string[] {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  return links.filter((link) => link.startsWith('mnt:'));
}

test('the end is told first, then whether all could be given back', async (t) => {
  const missing = helperMissing();
  if (missing !== undefined) return t.skip(missing);
  for (const fails of [false, true]) {
    const { running, open } = await ended(t, { fails });
    assert.equal(await Promise.race([running.clean, new Promise((resolve) => setTimeout(resolve, 100, 'not yet'))]), 'not yet');
    open();
    assert.equal(await running.clean, !fails);
    await running.closed;
  }
});

test('mounts are held until then where the plan says so', async (t) => {
  const missing = helperMissing();
  if (missing !== undefined) return t.skip(missing);
  for (const hold of [false, true]) {
    const { running, open } = await ended(t, { hold });
    assert.equal(held(running.pid).length, hold ? 1 : 0);
    if (hold) assert.notEqual(held(running.pid)[0], readlinkSync('/proc/self/ns/mnt'));
    open();
    await running.closed;
  }
});

/** A container that has ended, one of whose cgroups cannot be removed yet; its monitor is then killed. */
async function interrupted(t: TestContext, { engine, run, state }: OwnedEngine) {
  const id = await run('sleep 60');
  const group = ['memory', 'cpuacct', 'devices'].map((name) => `/sys/fs/cgroup/${name}/kobako/${id}`).find((path) => existsSync(path));
  // on v2 what is below is killed
  if (group === undefined) return void t.skip('no cgroup v1');
  const sleeper = spawn('sleep', ['60'], { stdio: 'ignore' });
  t.after(() => sleeper.kill('SIGKILL'));
  mkdirSync(`${group}/below`);
  writeFileSync(`${group}/below/cgroup.procs`, String(sleeper.pid));
  const monitor = monitorOf(state, id);
  const waited = engine.containers.wait(id);
  await engine.containers.kill(id);
  assert.equal((await waited).StatusCode, 137);
  process.kill(monitor, 'SIGKILL');
  await until('the monitor has gone', () => !existsSync(`/proc/${monitor}`));
  const gone = once(sleeper, 'exit');
  sleeper.kill('SIGKILL');
  await gone;
  assert.ok(existsSync(`${group}/below`));
  return { id, group };
}

test('wait does not wait for cgroups; whoever removes the container does, also after its monitor was killed', async (t) => {
  const owned = await ownedEngine(t);
  const left = await interrupted(t, owned);
  if (left === undefined) return;
  await owned.engine.containers.remove(left.id);
  assert.ok(!existsSync(left.group));
});

test('what a killed monitor had not given back goes with the next start of the engine', async (t) => {
  const owned = await ownedEngine(t);
  const left = await interrupted(t, owned);
  if (left === undefined) return;
  await owned.reopen();
  assert.ok(!existsSync(left.group));
});

test('what a killed monitor had not given back is no hindrance to the next start of its container', async (t) => {
  const owned = await ownedEngine(t);
  const left = await interrupted(t, owned);
  if (left === undefined) return;
  assert.equal(await owned.engine.containers.start(left.id), true);
  assert.ok(!existsSync(`${left.group}/below`));
});

test('one that starts again, or goes, as soon as its end is told', async (t) => {
  const { engine, run } = await ownedEngine(t);
  const id = await run('exit 3');
  for (let round = 0; round < 20; round++) {
    await engine.containers.wait(id);
    assert.equal(await engine.containers.start(id), true);
  }
  assert.equal((await engine.containers.wait(id)).StatusCode, 3);
  await engine.containers.remove(id);
  for (const name of readdirSync('/sys/fs/cgroup')) assert.ok(!existsSync(`/sys/fs/cgroup/${name}/kobako/${id}`), name);
});

test('an end that has been written but not been heard of is not that of the next start', async (t) => {
  const { engine, events, run, state } = await ownedEngine(t);
  const id = await run('sleep 60');
  const { Pid } = (await engine.containers.inspect(id)).State;
  const monitor = monitorOf(state, id);
  process.kill(Pid, 'SIGKILL');
  // nothing else gets its turn in this process until the monitor has said all
  while (processStart(monitor) !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  assert.equal(await engine.containers.start(id), true);
  const { Running, StartedAt } = (await engine.containers.inspect(id)).State;
  assert.ok(Running);
  assert.deepEqual(
    events.filter(({ Action }) => Action === 'die' || Action === 'start').map(({ Action }) => Action),
    ['start', 'die', 'start'],
  );
  await engine.containers.kill(id);
  assert.equal((await engine.containers.wait(id)).StatusCode, 137);
  assert.ok((await engine.containers.inspect(id)).State.FinishedAt > StartedAt);
});
