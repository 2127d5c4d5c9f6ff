/** Volumes on an engine in this process, with each way of keeping layers, and over a socket. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { apiRoutes } from '../../src/api/routes.ts';
import { connectEngine } from '../../src/client/engine.ts';
import { DEFAULT_RUN } from '../../src/engine/contract.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { linuxFileLocks } from '../../src/kernel/linux/file-lock.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { serveRoutes } from '../support/api-ground.ts';
import { tempFor } from '../support/temp.ts';
import { volumeGround } from '../support/volume-ground.ts';
import { volumesSuite } from './volumes.suite.ts';

const local = (options: { readonly owner: boolean; readonly storageDriver?: 'overlay' }) => async () => {
  const folder = tempFor({ after: () => {} });
  const engine = openEngine({ stateDir: `${folder}/state`, dataRoot: `${folder}/data`, ...options });
  return { engine, dataRoot: `${folder}/data`, close: () => engine.close() };
};

volumesSuite('volumes in this process', local({ owner: true }));
volumesSuite('volumes in this process, beside others, on overlay', local({ owner: false, storageDriver: 'overlay' }));
volumesSuite('volumes over HTTP', async () => {
  const { engine, dataRoot, close } = await local({ owner: true })();
  const hooks: (() => unknown)[] = [];
  const routes = apiRoutes.filter(({ path }) => path !== '/_ping');
  const client = connectEngine(await serveRoutes({ after: (hook) => hooks.push(hook) }, routes, engine));
  return {
    engine: client,
    dataRoot,
    close: async () => {
      await client.close();
      for (const hook of hooks) await hook();
      await close();
    },
  };
});

test('a plan with volumes that are not there makes none; a run by plain options does', async (t) => {
  const { engine, dataRoot, close } = await local({ owner: false })();
  t.after(close);
  const mount = { options: [], create: false } as const;
  const options = {
    ...DEFAULT_RUN,
    rootfs: { path: await busyboxRootfs(), overlay: true },
    args: ['sh', '-c', 'touch /a/b/made; ls /home/guest && test ! -e /x/guest'],
    detach: true,
    autoRemove: true,
    mounts: [
      { type: 'volume', source: 'planned', target: '/a/b', ...mount },
      { type: 'volume', source: '', target: '/home', ...mount },
      { type: 'volume', source: 'other', target: '/x', ...mount, options: ['nocopy', 'ro'] },
    ],
  } as const;
  const explained = await engine.plan(options);
  assert.match(explained.text(), new RegExp(`${dataRoot}/volumes/planned/_data`));
  assert.deepEqual((await engine.volumes.list()).Volumes, []);
  assert.equal((await (await engine.run(options)).wait()).status, 0);
  assert.deepEqual(
    (await engine.volumes.list()).Volumes.map(({ Name }) => Name),
    ['other', 'planned'],
    'the one without a name went with the container',
  );
});

test('the plan of a volume on a server', async (t) => {
  const { engine, close } = await local({ owner: false })();
  t.after(close);
  await engine.volumes.create({ Name: 'nfs', DriverOpts: { type: 'nfs', device: ':/export', o: 'addr=10.9.8.7,nfsvers=4,soft,ro' } });
  const mounts = [{ type: 'volume', source: 'nfs', target: '/n', options: [], create: false }] as const;
  const { plan, spec } = await engine.plan({ ...DEFAULT_RUN, rootfs: { path: await busyboxRootfs(), overlay: true }, args: ['true'], mounts });
  const settings = plan.ops.flatMap((op) => (op.op === 'fs-set' && op.side === 'monitor' ? [`${op.key}=${op.value}`] : []));
  assert.deepEqual(settings, ['source=:/export', 'addr=10.9.8.7', 'nfsvers=4']);
  assert.deepEqual(
    spec.mounts!.filter(({ destination }) => destination === '/n'),
    [{ destination: '/n', type: 'nfs', source: ':/export', options: ['addr=10.9.8.7', 'nfsvers=4', 'soft', 'ro'] }],
  );
});

test('two engines on one data root: nobody removes what the other is about to use', async (t) => {
  const folder = tempFor(t);
  const open = () => openEngine({ stateDir: `${folder}/state`, dataRoot: `${folder}/data` });
  const [one, two] = [open(), open()];
  t.after(async () => {
    for (const { Id } of await one.containers.list({ all: true })) await one.containers.remove(Id, { volumes: true });
    await one.close();
    await two.close();
  });
  const HostConfig = { NetworkMode: 'none', Binds: ['shared:/s'], Kobako: { Rootfs: { Path: await busyboxRootfs(), Overlay: true } } };
  const refused: string[] = [];
  for (let round = 0; round < 40; round++) {
    const [, { Id }] = await Promise.all([
      two.volumes.remove('shared').catch((error: Error) => void refused.push(error.message.replace(/ - .*/, ''))),
      one.containers.create({ Cmd: ['true'], HostConfig }),
      two.volumes.prune({ all: ['1'] }),
    ]);
    const [point] = (await two.containers.inspect(Id)).Mounts;
    assert.ok(existsSync(point!.Source), `round ${round}`);
    assert.equal((await two.volumes.inspect('shared')).Name, 'shared');
    await one.containers.remove(Id);
  }
  assert.deepEqual(
    [...new Set(refused)].toSorted().filter((message) => !/^(get shared: no such volume|remove shared: volume is in use)$/.test(message)),
    [],
  );
});

test('a volume whose first content takes its time holds up nobody who has others', { timeout: 60_000 }, async (t) => {
  const { engine, dataRoot, close } = await local({ owner: true })();
  const lock = linuxFileLocks.tryLock(`${dataRoot}/volumes/.locks/slow.fill`, 'exclusive')!;
  t.after(() => {
    lock[Symbol.dispose]();
    return close();
  });
  const ground = await volumeGround(engine);
  await engine.volumes.create({ Name: 'slow' });
  let made = false;
  const slow = ground.create({ Binds: ['slow:/data'] }).finally(() => (made = true));
  const plain = await ground.run({ Binds: ['quick:/data'] }, 'cat /data/plain');
  assert.equal(plain.out, 'plain text');
  assert.equal(made, false);
  lock[Symbol.dispose]();
  await slow;
  assert.equal((await ground.run({ Binds: ['slow:/data'] }, 'cat /data/plain')).out, 'plain text');
  await ground.clear();
});
