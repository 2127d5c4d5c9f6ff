/** kobako-runc killed at any moment, and two at once: `delete --force` finds what is left, and nothing else is needed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { cgroupFolders, inTestCgroup, Oci, ociPrograms } from '../support/oci.ts';
import { projectDir } from '../support/paths.ts';

const program = (await ociPrograms()).find(({ ours }) => ours)!;

/** A virtual machine takes ten times as long. */
const STEPS = process.env['KOBAKO_VM'] ? 4 : 8;

/** Processes that have a text in their environment. */
function marked(text: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}

/** Starts a command and kills it with SIGKILL after a time; says whether it had ended by then. */
async function killedAfter(oci: Oci, args: readonly string[], milliseconds: number): Promise<boolean> {
  const [command, ...prefix] = program.command;
  const child = spawn(command!, [...prefix, '--root', oci.root, ...args], { cwd: oci.bundle, stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds); // its launcher has become it
  await ended;
  clearTimeout(timer);
  return child.signalCode === null;
}

async function nothingLeft(oci: Oci, id: string, mark: string): Promise<void> {
  assert.equal((await oci.call(['state', id])).code, 1);
  assert.equal(existsSync(`${oci.root}/${id}`), false);
  // the helper sees that it is alone a moment later
  for (let tries = 0; tries < 100 && (marked(mark).length > 0 || cgroupFolders(id).length > 0); tries++) await new Promise((done) => setTimeout(done, 50));
  assert.deepEqual([marked(mark), cgroupFolders(id)], [[], []]);
}

describe('killed with SIGKILL', () => {
  test('while it creates', async (t) => {
    const oci = await Oci.for(t, program);
    const typical = await timeOf(oci);
    let [early, late] = [0, 0];
    for (let step = 0; step < STEPS * 2; step++) {
      const id = oci.id();
      const mark = `MARK=${id}`;
      oci.configure((config) => {
        inTestCgroup(id)(config);
        config.process.env.push(mark);
      });
      if (await killedAfter(oci, ['create', id], typical * (0.4 + (step * 0.4) / STEPS))) late++;
      else early++;
      const { code, stderr } = await oci.call(['delete', '--force', id]);
      assert.equal(code, 0, stderr);
      await nothingLeft(oci, id, mark);
      await oci.ok('create', id);
      await oci.ok('delete', id);
    }
    t.diagnostic(`killed ${early} times before the end, ${late} times too late`);
    assert.ok(early > 0);
  });

  test('while it starts: the container is created or running, and can be told which', async (t) => {
    const oci = await Oci.for(t, program);
    for (let step = 0; step < STEPS; step++) {
      const id = oci.id();
      oci.configure(inTestCgroup(id));
      await oci.ok('create', id);
      await killedAfter(oci, ['start', id], 30 + (step * 120) / STEPS);
      const { status } = await oci.state(id);
      const started = await oci.call(['start', id]);
      if (status === 'created') assert.equal(started.code, 0, started.stderr);
      else assert.match(started.stderr, /cannot start an already running container/);
      assert.equal((await oci.state(id)).status, 'running');
      await oci.ok('delete', '--force', id);
    }
  });

  test('while it deletes', async (t) => {
    const oci = await Oci.for(t, program);
    for (let step = 0; step < STEPS; step++) {
      const id = oci.id();
      const mark = `MARK=${id}`;
      oci.configure((config) => {
        inTestCgroup(id)(config);
        config.process.env.push(mark);
      });
      await oci.ok('create', id);
      await oci.ok('start', id);
      await killedAfter(oci, ['delete', '--force', id], 30 + (step * 120) / STEPS);
      assert.equal((await oci.call(['delete', '--force', id])).code, 0);
      await nothingLeft(oci, id, mark);
    }
  });

  test('in the foreground: the container goes on, and can be deleted', async (t) => {
    const oci = await Oci.for(t, program);
    const id = oci.id();
    const mark = `MARK=${id}`;
    oci.configure((config) => {
      inTestCgroup(id)(config);
      config.process.env.push(mark);
    });
    const [command, ...prefix] = program.command;
    const child = spawn(command!, [...prefix, '--root', oci.root, 'run', id], { cwd: oci.bundle, stdio: 'ignore' });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    for (let tries = 0; tries < 200 && !(await oci.call(['state', id])).stdout.includes('"running"'); tries++)
      await new Promise((done) => setTimeout(done, 50));
    child.kill('SIGKILL');
    await ended;
    assert.equal((await oci.state(id)).status, 'running');
    await oci.ok('delete', '--force', id);
    await nothingLeft(oci, id, mark);
  });
});

test('of several creates with one id one wins, and the others leave its container alone', async (t) => {
  const oci = await Oci.for(t, program);
  const id = oci.id();
  oci.configure(inTestCgroup(id));
  const results = await Promise.all(Array.from({ length: 5 }, () => oci.call(['create', id])));
  assert.deepEqual(results.map(({ code }) => code).toSorted(), [0, 1, 1, 1, 1]);
  for (const { code, stderr } of results) if (code === 1) assert.match(stderr, /container with given ID already exists/);
  assert.equal((await oci.state(id)).status, 'created');
  const starts = await Promise.all(Array.from({ length: 3 }, () => oci.call(['start', id])));
  assert.equal(starts.filter(({ code }) => code === 0).length, 1);
  assert.equal((await oci.state(id)).status, 'running');
});

test('a created container that is half claimed is told as such, and deleted with force only', async (t) => {
  const oci = await Oci.for(t, program, (config) => (config.hooks = { createRuntime: [{ path: '/bin/sleep', args: ['sleep', '2'] }] }));
  const id = oci.id();
  const created = oci.call(['create', id]);
  for (let tries = 0; tries < 200 && !existsSync(`${oci.root}/${id}/state.json`); tries++) await new Promise((done) => setTimeout(done, 10));
  assert.equal((await oci.state(id)).status, 'creating');
  const refused = await oci.call(['delete', id]);
  assert.deepEqual([refused.code, /that is not stopped: creating/.test(refused.stderr)], [1, true]);
  assert.equal((await created).code, 0);
  assert.equal((await oci.state(id)).status, 'created');
});

/** How long a create takes here, at its best. */
async function timeOf(oci: Oci): Promise<number> {
  let best = Infinity;
  for (let tries = 0; tries < 3; tries++) {
    const id = oci.id();
    const begun = performance.now();
    await oci.ok('create', id);
    best = Math.min(best, performance.now() - begun);
    await oci.ok('delete', id);
  }
  assert.ok(globSync(`${projectDir}/dist/kobako-helper`).length === 1);
  return best;
}
