/** Restart policies, and waiting for containers that come and go. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { until } from '../support/monitored.ts';
import { ownedEngine, type OwnedEngine } from '../support/owned-engine.ts';
import type { RestartPolicy } from '../../src/engine/types/container.ts';

const policy = (Name: RestartPolicy['Name'], MaximumRetryCount = 0) => ({ HostConfig: { RestartPolicy: { Name, MaximumRetryCount } } });
const inspect = async ({ engine }: OwnedEngine, id: string) => engine.containers.inspect(id);
const statusOf = async (owned: OwnedEngine, id: string) => (await inspect(owned, id)).State.Status;
const starts = ({ events }: OwnedEngine) => events.filter(({ Action }) => Action === 'start').length;

test('on-failure: so often and no more; the count is shown, and begins anew when somebody starts it', async (t) => {
  const owned = await ownedEngine(t);
  const id = await owned.run('exit 3', policy('on-failure', 2));
  await until('it has given up', async () => (await statusOf(owned, id)) === 'exited' && (await inspect(owned, id)).RestartCount === 2);
  assert.equal((await inspect(owned, id)).State.ExitCode, 3);
  await until('all starts are told', () => starts(owned) === 3);
  await owned.engine.containers.start(id);
  assert.ok((await inspect(owned, id)).RestartCount < 2);
  await until('it has given up again', async () => (await statusOf(owned, id)) === 'exited' && (await inspect(owned, id)).RestartCount === 2);
  const good = await owned.run('exit 0', policy('on-failure'));
  await owned.engine.containers.wait(good);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.deepEqual([await statusOf(owned, good), (await inspect(owned, good)).RestartCount], ['exited', 0]);
});

test('always: again until it is stopped, also while it waits; restarting counts as running', async (t) => {
  const owned = await ownedEngine(t);
  const { containers } = owned.engine;
  const id = await owned.run('exit 0', policy('always'));
  await until('it waits for its turn', async () => (await statusOf(owned, id)) === 'restarting');
  assert.deepEqual(((state) => [state.Running, state.Restarting])((await inspect(owned, id)).State), [true, true]);
  await assert.rejects(containers.top(id), { kind: 'conflict', message: `Container ${id} is restarting, wait until the container is running` });
  const seen = new Set<string>();
  for (const end = Date.now() + 10_000; (await inspect(owned, id)).RestartCount < 3 && Date.now() < end; await new Promise(setImmediate)) {
    seen.add(await statusOf(owned, id));
  }
  assert.ok(!seen.has('exited'), [...seen].join());
  assert.ok((await inspect(owned, id)).RestartCount >= 3);
  await containers.stop(id);
  const { RestartCount } = await inspect(owned, id);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  assert.deepEqual([await statusOf(owned, id), (await inspect(owned, id)).RestartCount], ['exited', RestartCount]);
  const killed = await owned.run('sleep 100', policy('always'));
  await containers.kill(killed);
  await containers.wait(killed);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(await statusOf(owned, killed), 'exited');
});

test('one that dies by itself comes again, with its own start time; one that is removed while it waits does not', async (t) => {
  const owned = await ownedEngine(t);
  const { containers } = owned.engine;
  const id = await owned.run('sleep 100', policy('unless-stopped'));
  const before = (await inspect(owned, id)).State;
  process.kill(before.Pid, 'SIGKILL');
  await until('another process runs', async () => ((state) => state.Pid !== 0 && state.Pid !== before.Pid)((await inspect(owned, id)).State));
  assert.ok((await inspect(owned, id)).State.StartedAt > before.StartedAt);
  const gone = await owned.run('exit 1', policy('always'));
  await until('it waits', async () => (await statusOf(owned, gone)) === 'restarting');
  await containers.remove(gone, { force: true });
  await new Promise((resolve) => setTimeout(resolve, 300));
  await assert.rejects(containers.inspect(gone), { kind: 'not-found' });
  assert.deepEqual(await containers.list({ all: true }).then((all) => all.map(({ Id }) => Id)), [id]);
});

test('stopped, killed or removed while it is being started: it has started before that', async (t) => {
  const owned = await ownedEngine(t);
  const { containers } = owned.engine;
  const ends = [
    (id: string) => containers.stop(id, { timeout: 0 }),
    (id: string) => containers.kill(id),
    (id: string) => containers.remove(id, { force: true }),
  ];
  for (const end of ends) {
    const id = await owned.create('sleep 100');
    const [started] = await Promise.all([containers.start(id), end(id)]);
    assert.equal(started, true);
    await until('it does not run', async () => !(await containers.list()).some(({ Id }) => Id === id));
  }
  const failing = await owned.create('', { Cmd: ['/nonexistent'] });
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = containers.wait(failing, { condition: 'next-exit', started: resolve });
  await promise;
  await assert.rejects(containers.start(failing), { kind: 'invalid' });
  assert.deepEqual(await waiting, { StatusCode: 127 });
});

test('another policy holds from the next end on', async (t) => {
  const owned = await ownedEngine(t);
  const { containers } = owned.engine;
  const id = await owned.run('sleep 100');
  await containers.update(id, { RestartPolicy: { Name: 'on-failure' } });
  process.kill((await inspect(owned, id)).State.Pid, 'SIGKILL');
  await until('it has come again', async () => (await inspect(owned, id)).RestartCount === 1 && (await statusOf(owned, id)) === 'running');
});

test('an engine that opens starts what should run: always what was stopped, too; unless-stopped what was not', async (t) => {
  const owned = await ownedEngine(t);
  const { containers } = owned.engine;
  const [always, unless, died, never] = [
    await owned.run('sleep 100', policy('always')),
    await owned.run('sleep 100', policy('unless-stopped')),
    await owned.run('sleep 100', policy('unless-stopped')),
    await owned.create('sleep 100', policy('always')),
  ] as const;
  await Promise.all([always, unless].map((id) => containers.stop(id, { timeout: 0 })));
  const { Pid } = (await inspect(owned, died)).State;
  await owned.engine.close();
  process.kill(Pid, 'SIGKILL');
  await until('its end is on record', () => existsSync(`${owned.state}/containers/${died}/exit.json`));
  await owned.reopen();
  await until('they run', async () => (await statusOf(owned, always)) === 'running' && (await statusOf(owned, died)) === 'running');
  assert.deepEqual([await statusOf(owned, unless), await statusOf(owned, never)], ['exited', 'created']);
});

test('waits: for the next end, for the removal, and of one that removes itself', async (t) => {
  const owned = await ownedEngine(t);
  const { containers } = owned.engine;
  const waiting = async (id: string, condition: 'next-exit' | 'removed') => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const result = containers.wait(id, { condition, started: resolve });
    await promise;
    return { result };
  };
  const id = await owned.create('exit 4');
  const next = await waiting(id, 'next-exit');
  const removal = await waiting(id, 'removed');
  await containers.start(id);
  assert.deepEqual(await next.result, { StatusCode: 4 });
  assert.deepEqual(await containers.wait(id), { StatusCode: 4 });
  const second = await waiting(id, 'next-exit');
  await containers.start(id);
  assert.deepEqual(await second.result, { StatusCode: 4 });
  await containers.remove(id);
  assert.deepEqual(await removal.result, { StatusCode: 4 });
  const own = await owned.create('exit 5', { HostConfig: { AutoRemove: true } });
  const [end, gone] = [await waiting(own, 'next-exit'), await waiting(own, 'removed')];
  await containers.start(own);
  assert.deepEqual([await end.result, await gone.result], [{ StatusCode: 5 }, { StatusCode: 5 }]);
  await assert.rejects(containers.inspect(own), { kind: 'not-found' });
  await until('it is told', () => owned.events.some(({ Action, Actor }) => Action === 'destroy' && Actor.ID === own));
  const order = owned.events.filter(({ Actor }) => Actor.ID === own).map(({ Action }) => Action);
  assert.deepEqual(order, ['create', 'start', 'die', 'destroy']);
  const stop = new AbortController();
  const given = containers.wait(await owned.run('sleep 100'), { signal: stop.signal });
  stop.abort(new Error('enough'));
  await assert.rejects(given, /enough/);
});

test('one that is looked after since its engine was opened removes itself, too', async (t) => {
  const owned = await ownedEngine(t);
  const id = await owned.run('sleep 100', { HostConfig: { AutoRemove: true } });
  const { Pid } = (await inspect(owned, id)).State;
  await owned.reopen();
  process.kill(Pid, 'SIGKILL');
  await until('it is gone', async () => (await owned.engine.containers.list({ all: true })).length === 0);
});
