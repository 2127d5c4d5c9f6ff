/** Many runs, one after the other and at once: nothing stays, nothing grows, nothing is taken twice. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { kobako } from '../support/kobako.ts';
import { projectDir, projectNode } from '../support/paths.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { tempFor } from '../support/temp.ts';
import { Ground, until } from './ground.ts';

const RUNS = Number(process.env['KOBAKO_RUNS'] ?? 600);
/** Runners that an engine keeps ready. */
const SPARES = 2;
const fds = () => readdirSync('/proc/self/fd').length;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;
function memory(): { heap: number; rss: number } {
  gc();
  gc();
  const { heapUsed, heapTotal, rss } = process.memoryUsage();
  // what V8 has set aside for itself comes and goes
  return { heap: heapUsed, rss: rss - heapTotal };
}

test(`${RUNS} runs in a row leave no file, mount, process or cgroup, and no memory`, async (t) => {
  const ground = await Ground.of(t);
  const engine = ground.open();
  const run = async () => assert.equal((await (await engine.run(ground.options(['true'], { detach: false, autoRemove: true }))).wait()).status, 0);
  const start = performance.now();
  const part = RUNS / 6;
  const marks: { heap: number; rss: number; fds: number }[] = [];
  for (let i = 1; i <= RUNS; i++) {
    await run();
    if (i % part === 0) marks.push({ ...memory(), fds: fds() });
  }
  t.diagnostic(`${((performance.now() - start) / RUNS).toFixed(2)} ms a run`);
  const grown = (what: 'heap' | 'rss') => marks.slice(1).map((mark, at) => mark[what] - marks[at]![what]);
  const [heap, rss] = [grown('heap'), grown('rss')];
  const kib = (sizes: readonly number[]) => sizes.map((size) => size >> 10).join(', ');
  t.diagnostic(`each ${part} runs: heap ${kib(heap)} KiB more, RSS without V8's heap ${kib(rss)} KiB more`);
  // What leaks leaks in every part; V8, which compiles and settles for hundreds of runs, does not.
  assert.ok(Math.min(...heap) < part * 2048, `heap grew by at least ${Math.min(...heap)} bytes each ${part} runs`);
  assert.ok(rss.reduce((a, b) => a + b) < 32 << 20, `RSS without V8's heap grew by ${kib(rss)} KiB`);
  // connections to runners that wait for plans may be there at one moment and not at another
  await until(`no more than ${marks[0]!.fds + SPARES} fds`, () => fds() <= marks[0]!.fds + SPARES);
  engine.close();
  await until('the helper that was kept ready has gone', () => ground.helpers().length === 0);
  assert.deepEqual(ground.remains(), []);
});

test('40 runs through the command line leave nothing', async (t) => {
  const env = { ...process.env, KOBAKO_STATE_DIR: tempFor(t) };
  const root = await busyboxRootfs();
  for (let i = 0; i < 40; i++) {
    const { code, stdout, stderr } = await kobako(['run', '--rm', '--rootfs', `${root}:O`, 'echo', String(i)], { env });
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `${i}\n`, stderr: '' });
  }
  for (const folder of ['containers', 'sockets']) assert.deepEqual(readdirSync(`${env['KOBAKO_STATE_DIR']}/${folder}`), []);
});

test('20 runs at once, by four engines in four processes on one state, all with the same parent cgroup', async (t) => {
  const ground = await Ground.of(t);
  const source = `
    const { openEngine } = await import(${JSON.stringify(`${projectDir}/src/engine/open-engine.ts`)});
    const engine = openEngine(${JSON.stringify({ stateDir: ground.state, helper: ground.helper })});
    const options = ${JSON.stringify(ground.options(['sh', '-c', 'sleep 0.1; exit 7'], { detach: false, cgroupParent: '/kobako', autoRemove: true }))};
    for (let round = 0; round < 3; round++) {
      const exits = await Promise.all(Array.from({ length: 5 }, async () => (await (await engine.run(options)).wait()).status));
      console.log(exits.join());
      engine.close();
    }`;
  const children = Array.from({ length: 4 }, () => spawn(projectNode, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] }));
  await Promise.all(
    children.map(async (child) => {
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += String(chunk)));
      const [code] = (await once(child, 'close')) as [number];
      assert.deepEqual([code, text], [0, '7,7,7,7,7\n'.repeat(3)]);
    }),
  );
  assert.deepEqual(ground.remains(), []);
  assert.ok(existsSync(ground.state));
});

test('a name is one container’s, whoever asks first; and free again after it', async (t) => {
  const ground = await Ground.of(t);
  const engines = [ground.open(), ground.open(), ground.open()];
  for (let round = 0; round < 5; round++) {
    const tries = await Promise.allSettled(Array.from({ length: 9 }, (_, i) => engines[i % 3]!.run(ground.options(['sleep', '60'], { name: 'one' }))));
    const won = tries.filter((each) => each.status === 'fulfilled');
    const lost = tries.filter((each) => each.status === 'rejected');
    assert.equal(won.length, 1);
    for (const { reason } of lost)
      assert.match((reason as Error).message, /^Conflict\. The container name "\/one" is already in use by container "[0-9a-f]{64}"\./);
    assert.equal((await engines[2]!.list()).length, 1);
    await engines[round % 3]!.remove('one', { force: true });
    assert.deepEqual(ground.remains(), []);
  }
  // also in processes
  const source = `
    const { openEngine } = await import(${JSON.stringify(`${projectDir}/src/engine/open-engine.ts`)});
    const engine = openEngine(${JSON.stringify({ stateDir: ground.state, helper: ground.helper })});
    await engine.run(${JSON.stringify(ground.options(['sleep', '60'], { name: 'two' }))}).then(() => console.log('won'), (error) => console.log(error.kind));
    engine.close();`;
  const said = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const child = spawn(projectNode, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += String(chunk)));
      await once(child, 'close');
      return text.trim();
    }),
  );
  assert.deepEqual(said.sort(), [...Array<string>(5).fill('conflict'), 'won']);
  await engines[0]!.remove('two', { force: true });
  // a run that fails gives its name back
  await assert.rejects(engines[0]!.run(ground.options(['/no/such/program'], { name: 'three' })));
  assert.deepEqual(ground.remains(), []);
  for (const engine of engines) engine.close();
});
