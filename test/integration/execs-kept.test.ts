/** How long the engine knows of execs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownedEngine } from '../support/owned-engine.ts';

const gone = (id: string) => ({ kind: 'not-found', message: `No such exec instance: ${id}` });

test('of those that nobody starts the last thousand are kept; those that run are none of them', async (t) => {
  const { engine, run } = await ownedEngine(t);
  const container = await run('sleep 100');
  const create = async () => (await engine.execs.create(container, { Cmd: ['sleep', '100'] })).Id;
  const running = await create();
  await engine.execs.start(running, { detach: true });
  const [first, second] = [await create(), await create()];
  for (let i = 0; i < 999; i++) await create();
  await assert.rejects(engine.execs.start(first, { detach: true }), gone(first));
  assert.equal((await engine.execs.inspect(second)).Running, false);
  assert.equal((await engine.execs.inspect(running)).Running, true);
  assert.equal((await engine.containers.inspect(container)).ExecIDs!.length, 1001);
});

test('they go with their container', async (t) => {
  const { engine, run } = await ownedEngine(t);
  const [one, other] = [await run('sleep 100'), await run('sleep 100')];
  const [waits, runs, stays] = await Promise.all([one, one, other].map(async (id) => (await engine.execs.create(id, { Cmd: ['sleep', '100'] })).Id));
  await engine.execs.start(runs!, { detach: true });
  await engine.containers.remove(one, { force: true });
  for (const id of [waits!, runs!]) await assert.rejects(engine.execs.inspect(id), gone(id));
  assert.equal((await engine.execs.inspect(stays!)).ContainerID, other);
});
