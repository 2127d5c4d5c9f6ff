/** Networks, on the engine in this process and through the daemon's door and its client. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiRoutes } from '../../src/api/routes.ts';
import { connectEngine } from '../../src/client/engine.ts';
import type { LocalEngine } from '../../src/engine/contract.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { serveRoutes } from '../support/api-ground.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { tempFor } from '../support/temp.ts';
import { networksSuite } from './networks.suite.ts';

const openLocal = (owner: boolean) => {
  const hooks: (() => unknown)[] = [];
  const folder = tempFor({ after: (hook) => void hooks.push(hook) });
  const engine = openEngine({ stateDir: `${folder}/state`, dataRoot: `${folder}/data`, owner });
  const close = async () => {
    await engine.close();
    for (const hook of hooks) hook();
  };
  return { engine, close };
};

networksSuite('networks in this process', async () => openLocal(true));
networksSuite('networks where other processes may work, too', async () => openLocal(false));
networksSuite('networks over HTTP', async () => {
  const local = openLocal(true);
  const hooks: (() => unknown)[] = [];
  const routes = apiRoutes.filter(({ path }) => path !== '/_ping');
  const engine = connectEngine(await serveRoutes({ after: (hook) => void hooks.push(hook) }, routes, local.engine));
  const close = async () => {
    await engine.close();
    for (const hook of hooks) await hook();
    await local.close();
  };
  return { engine, close };
});

test('containers that several engines start on one data root have addresses of their own', async (t) => {
  const folder = tempFor(t);
  const root = await busyboxRootfs();
  const engines = Array.from({ length: 3 }, () => openEngine({ stateDir: `${folder}/state`, dataRoot: `${folder}/data` }));
  const [first] = engines as [LocalEngine];
  t.after(async () => {
    for (const { Id } of await first.containers.list({ all: true })) await first.containers.remove(Id, { force: true });
    await first.networks.prune();
    for (const engine of engines) await engine.close();
  });
  await first.networks.create({ Name: 'shared', IPAM: { Config: [{ Subnet: '10.75.0.0/24' }] } });
  const start = async (engine: LocalEngine) => {
    const HostConfig = { NetworkMode: 'shared', Kobako: { Rootfs: { Path: root, Overlay: true } } };
    const { Id } = await engine.containers.create({ Cmd: ['sleep', '1000'], StopSignal: 'KILL', HostConfig });
    await engine.containers.start(Id);
    return Id;
  };
  const ids = await Promise.all([...engines, ...engines].map(start));
  const { Containers } = await first.networks.inspect('shared');
  assert.deepEqual(Object.keys(Containers).toSorted(), ids.toSorted());
  assert.equal(new Set(Object.values(Containers).map(({ IPv4Address }) => IPv4Address)).size, 6);
  // an end that another engine is told of frees the address for all
  await engines[1]!.containers.remove(ids[0]!, { force: true });
  assert.equal(Object.keys((await engines[2]!.networks.inspect('shared')).Containers).length, 5);
});
