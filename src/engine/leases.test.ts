import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../base/errors.ts';
import { tempFor } from '../../test/support/temp.ts';
import { until } from '../../test/support/monitored.ts';
import type { LeasedKind } from './lease-objects.ts';
import { LeaseStore } from './lease-store.ts';
import { LEASE_LABEL } from './leases-contract.ts';
import { LeaseTable } from './leases.ts';

/** Objects that only remember, and an engine's leases of them. */
class Ground {
  readonly folder: string;
  /** `TYPE/ID` and the lease. */
  readonly objects = new Map<string, string>();
  readonly removed: string[] = [];
  /** What cannot be removed. */
  readonly inUse = new Set<string>();
  table: LeaseTable;

  constructor(t: TestContext) {
    this.folder = `${tempFor(t)}/leases`;
    this.table = this.open();
    t.after(() => this.table.close());
  }

  open(restartGrace = 0.05): LeaseTable {
    this.table = new LeaseTable({ store: new LeaseStore(this.folder), kinds: () => this.#kinds(), restartGrace });
    this.table.restore();
    return this.table;
  }

  files(): string[] {
    return existsSync(this.folder) ? readdirSync(this.folder) : [];
  }

  #kinds(): LeasedKind[] {
    return (['container', 'network', 'volume'] as const).map((type) => ({
      type,
      list: async (label) => {
        const [, wanted] = label.split('=');
        const all = [...this.objects].filter(([name, lease]) => name.startsWith(`${type}/`) && (wanted === undefined || lease === wanted));
        return all.map(([name, lease]) => ({ id: name.slice(type.length + 1), lease }));
      },
      remove: async (id) => {
        const name = `${type}/${id}`;
        await sleep(1);
        if (this.inUse.has(name)) throw new EngineError('conflict', `${name} is in use`);
        if (!this.objects.delete(name)) throw new EngineError('not-found', `no such ${type}`);
        this.removed.push(name);
      },
    }));
  }
}

const stateOf = async (table: LeaseTable) => (await table.list()).map(({ State }) => State);
const conflict = (message: RegExp) => ({ kind: 'conflict', message });

test('its end removes containers, then networks, then volumes, and nothing of others', async (t) => {
  const ground = new Ground(t);
  const { table, objects } = ground;
  const lease = await table.acquire();
  const other = await table.acquire();
  assert.match(lease.id, /^[0-9a-f]{32}$/);
  assert.deepEqual(lease.labels, { [LEASE_LABEL]: lease.id });
  for (const name of ['volume/v', 'network/n', 'container/a', 'container/b']) objects.set(name, lease.id);
  objects.set('container/other', other.id).set('volume/free', '');
  table.check(lease.labels);
  assert.deepEqual(
    (await table.list()).map(({ Id, State, Grace, Objects }) => [Id, State, Grace, Objects.map(({ Type, Id: id }) => `${Type}/${id}`)]),
    [
      [lease.id, 'held', 0, ['container/a', 'container/b', 'network/n', 'volume/v']],
      [other.id, 'held', 0, ['container/other']],
    ],
  );
  await lease.end();
  assert.deepEqual(ground.removed.slice(0, 2).toSorted(), ['container/a', 'container/b']);
  assert.deepEqual(ground.removed.slice(2), ['network/n', 'volume/v']);
  assert.deepEqual([...objects.keys()].toSorted(), ['container/other', 'volume/free']);
  assert.deepEqual(ground.files(), [`${other.id}.json`]);
  assert.equal(lease.lost.aborted, true);
  await lease.end(); // once more is nothing
});

test('nothing new is under a lease that has ended, or never was', async (t) => {
  const { table } = new Ground(t);
  const lease = await table.acquire();
  const ending = lease.end();
  assert.throws(() => table.check(lease.labels), conflict(/^lease "[0-9a-f]{32}" has ended, or never was$/));
  await ending;
  for (const id of [lease.id, '', '../../etc/passwd', '0'.repeat(32)]) assert.throws(() => table.check({ [LEASE_LABEL]: id }), conflict(/or never was$/));
  table.check({ other: 'label' });
  table.check(null);
});

test('the owner goes: at once, or when nobody has come back in time', async (t) => {
  const ground = new Ground(t);
  const { table, objects } = ground;
  const lease = await table.acquire();
  objects.set('container/a', lease.id);
  lease.release();
  assert.deepEqual([lease.lost.aborted, (lease.lost.reason as EngineError).kind], [true, 'cancelled']);
  assert.throws(() => table.check(lease.labels), conflict(/has ended/));
  await until('it has gone', () => objects.size === 0 && ground.files().length === 0);
  const patient = await table.acquire({ grace: 1 });
  objects.set('container/b', patient.id);
  patient.release();
  assert.deepEqual(await stateOf(table), ['waiting']);
  table.check(patient.labels);
  const again = await table.acquire({ id: patient.id });
  assert.equal(again.grace, 1);
  assert.deepEqual(await stateOf(table), ['held']);
  patient.release(); // it is another's by now
  await patient.end();
  await sleep(1100);
  assert.equal(objects.size, 1, 'who came back in time has lost nothing');
  again.release();
  await until('it has gone', () => objects.size === 0 && ground.files().length === 0);
});

test('it is taken over from an owner that is there', async (t) => {
  const { table } = new Ground(t);
  const lease = await table.acquire();
  const other = await table.acquire({ id: lease.id, grace: 7 });
  assert.match(String((lease.lost.reason as Error).message), /has been taken over$/);
  assert.deepEqual([other.id, other.grace, other.lost.aborted], [lease.id, 7, false]);
  await assert.rejects(table.acquire({ id: 'nothing' }), { kind: 'not-found', message: 'No such lease: nothing' });
  await assert.rejects(table.end('nothing'), { kind: 'not-found', message: 'No such lease: nothing' });
  for (const grace of [-1, 0.5, 86_401, Number.NaN]) await assert.rejects(table.acquire({ grace }), { kind: 'invalid' });
});

test('what is in use is told, and removed when it is no more', async (t) => {
  const ground = new Ground(t);
  const lease = await ground.table.acquire();
  ground.objects.set('network/n', lease.id).set('volume/v', lease.id);
  ground.inUse.add('network/n');
  await assert.rejects(lease.end(), conflict(/will be removed later: network n: network\/n is in use$/));
  assert.deepEqual([...ground.objects.keys()], ['network/n'], 'the volume has gone all the same');
  assert.deepEqual(await stateOf(ground.table), ['ending']);
  await assert.rejects(ground.table.acquire({ id: lease.id }), conflict(/has ended$/));
  ground.inUse.clear();
  await until('the network has gone', () => ground.objects.size === 0 && ground.files().length === 0);
});

test('the next engine: leases wait for their owners, removals go on', async (t) => {
  const ground = new Ground(t);
  const [kept, lost, ended] = [await ground.table.acquire(), await ground.table.acquire(), await ground.table.acquire()];
  for (const [index, { id }] of [kept, lost, ended].entries()) ground.objects.set(`container/${index}`, id);
  ground.inUse.add('container/2');
  await assert.rejects(ended.end(), conflict(/is in use/));
  await ground.table.close();
  assert.equal((kept.lost.reason as EngineError).kind, 'unavailable');
  kept.release(); // as its connection ends: nothing ends with it any more
  await assert.rejects(lost.end(), { kind: 'unavailable' });
  assert.equal(ground.files().length, 3);
  ground.inUse.clear();
  const table = ground.open(0.5);
  await until('what was ended goes at once', () => !ground.objects.has('container/2'));
  const again = await table.acquire({ id: kept.id });
  await until('nobody came back', () => !ground.objects.has('container/1'));
  assert.deepEqual([...ground.objects.keys()], ['container/0']);
  await again.end();
  assert.deepEqual(ground.files(), []);
});

test('files that are none, leases that lost theirs, labels that are no ids', async (t) => {
  const ground = new Ground(t);
  await ground.table.close();
  const stray = 'a'.repeat(32);
  ground.objects.set('container/stray', stray).set('container/strange', '../../x').set('container/without', '');
  mkdirSync(ground.folder, { recursive: true });
  for (const [name, text] of [
    ['half.json.new', '{'],
    [`${'b'.repeat(32)}.json`, '{"id":"../../x","createdAt":1,"grace":0}'],
    [`${'c'.repeat(32)}.json`, 'null'],
  ] as const)
    writeFileSync(`${ground.folder}/${name}`, text);
  ground.open();
  await until('the stray has gone', () => !ground.objects.has('container/stray') && ground.files().length === 0);
  assert.deepEqual([...ground.objects.keys()], ['container/strange', 'container/without']);
});

test('an engine that does not own its data root has none', async (t) => {
  const table = new LeaseTable({ store: undefined, kinds: () => [], restartGrace: 0 });
  table.restore();
  t.after(() => table.close());
  const message = /^leases need an engine that owns its data root/;
  for (const work of [() => table.acquire(), () => table.list(), () => table.end('x'), async () => table.check({ [LEASE_LABEL]: 'x' })])
    await assert.rejects(work, { kind: 'unavailable', message });
  table.check({});
});
