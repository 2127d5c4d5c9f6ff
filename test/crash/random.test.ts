/** kill -9 at random moments, many times: after each round a fresh engine finds what must be there, and nothing else. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { LocalEngine } from '../../src/engine/contract.ts';
import { projectDir, projectNode } from '../support/paths.ts';
import { alive, childrenOf, monitorsOf, Ground, kill9, sleep, until } from './ground.ts';

const ROUNDS = Number(process.env['KOBAKO_CRASH_ROUNDS'] ?? 12);
const random = (below: number) => Math.random() * below;

/** A process that opens the engine, says so, and starts containers until it is killed. */
function starter(ground: Ground, autoRemove: boolean) {
  const source = `
    const { openEngine } = await import(${JSON.stringify(`${projectDir}/src/engine/open-engine.ts`)});
    const { writeSync } = await import('node:fs');
    const engine = openEngine(${JSON.stringify({ stateDir: ground.state, helper: ground.helper })});
    writeSync(1, 'go\\n');
    for (;;) await engine.run(${JSON.stringify(ground.options(['sleep', '300'], { autoRemove }))});`;
  return spawn(projectNode, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Everything but the bystander goes away; then there is nothing but it. */
async function onlyLeft(ground: Ground, user: LocalEngine, bystander: string, starters: readonly number[]): Promise<void> {
  // the helper that it keeps ready
  user.close();
  const engine = ground.open();
  // a helper whose starter has gone takes a moment to see it
  await until('nothing is half made', async () => (await engine.list()).every(({ state }) => state !== 'created'));
  for (const { id, state, exit } of await engine.list()) {
    assert.ok(state === 'running' || exit?.status === 137 || exit?.status === 0, `${id} is ${state}, exit ${JSON.stringify(exit)}`);
    if (id !== bystander) await engine.remove(id, { force: true });
  }
  const kept = ground.record(bystander);
  assert.ok(alive(kept.process.pid) && alive(kept.monitor.pid), 'the bystander runs');
  await until('no helper but the bystander’s', () => ground.helpers(starters).every((pid) => pid === kept.monitor.pid));
  // helpers whose starter went before they had begun remove what they had made: then it is the sweep's turn once more
  engine.close();
  ground.open().close();
  const remains = ground.remains().filter((what) => !what.includes(bystander) && !what.includes(bystander.slice(0, 24)) && what !== 'names: bystander');
  assert.deepEqual(remains, []);
}

/** How long a start takes here and now, in milliseconds: kills are to fall within it and after it. */
async function startTime(ground: Ground, engine: LocalEngine): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < 3; i++) await (await engine.run(ground.options(['true'], { autoRemove: true }))).wait();
  return (performance.now() - start) / 3;
}

async function withBystander(ground: Ground): Promise<[LocalEngine, string]> {
  const engine = ground.open();
  return [engine, (await engine.run(ground.options(['sleep', '900'], { name: 'bystander' }))).containerId];
}

describe('SIGKILL at a random moment', () => {
  for (const [name, also] of [
    ['of the starter', () => []],
    ['of the starter and of its helpers', (pid: number) => [...childrenOf(pid), ...monitorsOf(pid)]],
  ] as const)
    test(`${name}`, async (t) => {
      const ground = await Ground.of(t);
      const [engine, bystander] = await withBystander(ground);
      let ran = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const child = starter(ground, round % 2 === 1);
        await once(child.stdout, 'data');
        await sleep(random(60));
        const targets = also(child.pid!);
        for (const pid of Math.random() < 0.5 ? [child.pid!, ...targets] : [...targets, child.pid!]) kill9(pid);
        await once(child, 'exit');
        const fresh = ground.open();
        const running = (await fresh.list()).filter(({ id, state }) => id !== bystander && state === 'running');
        for (const { pid } of running) assert.ok(alive(pid));
        ran += running.length;
        fresh.close();
        await onlyLeft(ground, engine, bystander, [process.pid, child.pid!]);
      }
      t.diagnostic(`${ran} containers went on without their starter in ${ROUNDS} rounds`);
      engine.close();
    });

  test('of the helpers, in any state, under a living starter: it is told, and nothing hangs', async (t) => {
    const ground = await Ground.of(t);
    const [engine, bystander] = await withBystander(ground);
    const kept = ground.record(bystander).monitor.pid;
    const usual = await startTime(ground, engine);
    const ends = { refused: 0, lost: 0, ended: 0 };
    for (let round = 0; round < ROUNDS * 3; round++) {
      let over = false;
      const run = engine.run(ground.options(['sleep', round % 3 === 0 ? '0' : '300'], { autoRemove: round % 2 === 1 })).then(
        (running) => running.wait(),
        (error: Error) => error,
      );
      void run.then(() => (over = true));
      await sleep(random(2 * usual));
      // also one that is forked only now, as the one that was ready has just been killed
      while (!over) {
        for (const pid of monitorsOf(process.pid)) if (pid !== kept) kill9(pid);
        await sleep(1);
      }
      const end = await run;
      if (end instanceof Error) {
        assert.match(end.message, /the helper ended( by SIGKILL)? before/);
        ends.refused++;
      } else if (end.status === 0) ends.ended++;
      else {
        assert.deepEqual([end.status, end.error], [137, 'its monitor was killed']);
        ends.lost++;
      }
      if (round % 10 === 9) await onlyLeft(ground, engine, bystander, [process.pid]);
    }
    t.diagnostic(JSON.stringify(ends));
    assert.ok(ends.lost > 0, 'some were killed while they ran');
    await onlyLeft(ground, engine, bystander, [process.pid]);
    engine.close();
  });

  test('of the container’s first process: an exit like any other', async (t) => {
    const ground = await Ground.of(t);
    const [engine, bystander] = await withBystander(ground);
    const usual = await startTime(ground, engine);
    const kept = ground.record(bystander).monitor.pid;
    for (let round = 0; round < ROUNDS * 3; round++) {
      let over = false;
      const run = engine.run(ground.options(['sleep', '300'], { autoRemove: round % 2 === 1 })).then(
        (running) => running.wait(),
        (error: Error) => error,
      );
      void run.then(() => (over = true));
      await sleep(random(1.5 * usual));
      while (!over) {
        const monitors = monitorsOf(process.pid).filter((pid) => pid !== kept);
        for (const pid of monitors.flatMap(childrenOf)) kill9(pid);
        await sleep(1);
      }
      const end = await run;
      if (end instanceof Error) assert.match(end.message, /killed by signal 9|ended before|cancel/i);
      else assert.deepEqual([end.status, end.signal, end.error], [137, 9, undefined]);
      if (round % 10 === 9) await onlyLeft(ground, engine, bystander, [process.pid]);
    }
    assert.equal(existsSync(`${ground.state}/containers/${bystander}`), true);
    await onlyLeft(ground, engine, bystander, [process.pid]);
    assert.deepEqual(
      readdirSync(`${ground.state}/containers`).filter((id) => id !== bystander),
      [],
    );
    engine.close();
  });
});
