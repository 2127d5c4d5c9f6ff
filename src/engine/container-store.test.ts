import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { tempFor } from '../../test/support/temp.ts';
import { completeConfig, completeHostConfig } from './container-document.ts';
import type { ContainerRecord } from './container-record.ts';
import { ContainerStore } from './container-store.ts';
import { processId } from './process-id.ts';
import { lostExit } from './lost.ts';

const GONE = { pid: 999_999_999, start: '1' };
const HERE = processId(process.pid);

function storeFor(t: TestContext): { store: ContainerStore; state: string } {
  const state = tempFor(t);
  return { store: new ContainerStore(state), state };
}
const record = (more: Partial<ContainerRecord> = {}): ContainerRecord => ({
  id: 'a'.repeat(64),
  name: 'one',
  createdAt: 0,
  rootfs: '/',
  config: completeConfig({ Cmd: ['sh'] }, {}, 'a'.repeat(64)),
  hostConfig: completeHostConfig(),
  endpoints: {},
  cgroupsPath: '/kobako/a',
  maker: HERE,
  ...more,
});

test('a container appears whole, goes whole, and takes its name and sockets along', async (t) => {
  const { store, state } = storeFor(t);
  assert.throws(() => store.create(record(), 'one', () => assert.fail('the disk is full')), /the disk is full/);
  assert.deepEqual([readdirSync(`${state}/containers`), readdirSync(`${state}/names`)], [[], []]);
  store.create(record(), 'one', (dir) => writeFileSync(`${dir}/hosts`, ''));
  assert.equal(store.find('one').id, record().id);
  assert.ok(existsSync(`${store.paths(record().id).dir}/hosts`));
  const other = record({ id: 'b'.repeat(64) });
  assert.throws(() => store.create(other, 'one', () => {}), { kind: 'conflict', message: /"\/one" is already in use by container "a{64}"/ });
  for (const path of [store.socket(record().id), store.execSocket(record().id, 'abc'), store.execSocket(other.id, 'abc')]) writeFileSync(path, '');
  await store.remove(record());
  assert.deepEqual([readdirSync(`${state}/containers`), readdirSync(`${state}/names`)], [[], []]);
  assert.deepEqual(readdirSync(`${state}/sockets`), [`${'b'.repeat(12)}abc`]);
  store.create(other, 'one', () => {});
  assert.equal(store.find('one').id, other.id);
});

test('who is dead and who lives decides what a container is', async (t) => {
  const { store } = storeFor(t);
  const is = async (more: Partial<ContainerRecord>, exit = false) => {
    const each = record(more);
    store.create(each, undefined, () => {});
    if (exit) store.saveExit(each.id, lostExit());
    const found = [store.info(each).state, store.lost(each) ? 'lost' : '', store.abandoned(each) ? 'abandoned' : ''].join(' ').trim();
    await store.remove(each);
    return found;
  };
  const [dead, lives, removed] = [{ maker: GONE }, { maker: HERE }, { hostConfig: completeHostConfig({ AutoRemove: true }) }];
  assert.equal(await is(lives), 'created');
  assert.equal(await is(dead), 'created', 'to be started some day');
  assert.equal(await is({ ...dead, pending: true }), 'created  abandoned', 'it was to start at once');
  assert.equal(await is({ ...dead, monitor: HERE }), 'created', 'its helper still winds up');
  assert.equal(await is({ ...dead, monitor: HERE, process: HERE, ...removed }), 'running');
  assert.equal(await is({ ...dead, monitor: HERE, process: GONE, ...removed }), 'running', 'until its record is written');
  assert.equal(await is({ ...dead, monitor: HERE, process: GONE }, true), 'exited');
  assert.equal(await is({ ...dead, monitor: GONE, process: GONE, ...removed }, true), 'exited  abandoned');
  assert.equal(await is({ ...lives, monitor: GONE, process: GONE, ...removed }, true), 'exited');
  assert.equal(await is({ ...lives, monitor: GONE, process: GONE }), 'exited lost');
  assert.equal(await is({ ...lives, monitor: GONE, process: HERE }), 'running lost');
});

test('how a container ended is written once; the OOM killer is read from the reports', (t) => {
  const { store } = storeFor(t);
  store.create(record(), undefined, () => {});
  const { exit: path } = store.paths(record().id);
  writeFileSync(path, '{"status":3,"signal":0,"pid":1,"startedAt":"1","exitedAt":"2","reports":{"oom":"oom_kill 1"}}');
  assert.equal(store.saveExit(record().id, lostExit()).status, 3);
  assert.equal(store.exit(record().id)?.oomKilled, true);
  assert.deepEqual(readdirSync(store.paths(record().id).dir).sort(), ['container.json', 'exit.json', 'root']);
});

test('what is remembered is on disk where others read it, else with the next change', async (t) => {
  const state = tempFor(t);
  const own = new ContainerStore(state, { owned: true });
  const onDisk = () => new ContainerStore(state).load(record().id);
  own.create(record(), undefined, () => {});
  own.remember(record({ name: 'two' }));
  assert.deepEqual([own.load(record().id)?.name, onDisk()?.name], ['two', 'one']);
  own.change(record().id, { paused: true });
  assert.deepEqual([onDisk()?.name, onDisk()?.paused], ['two', true]);
  new ContainerStore(state).remember(record({ name: 'three' }));
  assert.equal(onDisk()?.name, 'three');
  await own.remove(record());
  assert.throws(() => own.remember(record()), { kind: 'not-found', message: `No such container: ${record().id}` });
});

test('what is saved ahead is on disk at once, and known here when it is so; changes meanwhile stay, and so does a removal', async (t) => {
  const state = tempFor(t);
  const own = new ContainerStore(state, { owned: true });
  const onDisk = () => new ContainerStore(state).load(record().id);
  own.create(record(), undefined, () => {});
  const arrive = own.saveAhead(own.load(record().id)!, { startedAt: 'now' });
  assert.deepEqual([own.load(record().id)?.startedAt, onDisk()?.startedAt], [undefined, 'now']);
  assert.equal(arrive()?.startedAt, 'now');
  assert.equal(own.load(record().id)?.startedAt, 'now');
  const again = own.saveAhead(own.load(record().id)!, { startedAt: 'later' });
  own.change(record().id, { paused: true });
  assert.deepEqual([again()?.startedAt, own.load(record().id)?.paused], ['later', true]);
  assert.deepEqual([onDisk()?.startedAt, onDisk()?.paused], ['later', true]);
  const late = own.saveAhead(own.load(record().id)!, { startedAt: 'never' });
  await own.remove(record());
  assert.equal(late(), undefined);
});
