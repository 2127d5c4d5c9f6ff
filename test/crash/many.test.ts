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
  // V8 goes on compiling for hundreds of runs
  for (let i = 0; i < RUNS / 2; i++) await run();
  const [fdsBefore, before] = [fds(), memory()];
  for (let i = 0; i < RUNS / 2; i++) await run();
  t.diagnostic(`${((performance.now() - start) / RUNS).toFixed(2)} ms a run`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const after = memory();
  t.diagnostic(
    `after ${RUNS / 2} more runs: heap ${(after.heap - before.heap) >> 10} KiB more, RSS without V8's heap ${(after.rss - before.rss) >> 10} KiB more`,
  );
  // 2 KiB a run would be a leak
  assert.ok(after.heap - before.heap < RUNS * 1024, `heap grew by ${after.heap - before.heap} bytes`);
  assert.ok(after.rss - before.rss < 32 << 20, `RSS without V8's heap grew by ${after.rss - before.rss} bytes`);
  assert.ok(fds() <= fdsBefore, `${fds()} fds, ${fdsBefore} before`);
  engine.close();
  await until('the helper that was kept ready has gone', () => ground.helpers().length === 0);
  assert.deepEqual(ground.remains(), []);
});

test('100 runs through the command line leave nothing', async (t) => {
  const env = { ...process.env, KOBAKO_STATE_DIR: tempFor(t) };
  const root = await busyboxRootfs();
  for (let i = 0; i < 100; i++) {
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
