/** Starts of a container where several engines share a state folder. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { ContainerRecord } from '../../src/engine/container-record.ts';
import type { ContainerCreate } from '../../src/engine/types/container.ts';
import { linuxFileLocks } from '../../src/kernel/linux/file-lock.ts';
import { linuxNetworkKernel } from '../../src/kernel/linux/network-namespaces.ts';
import { helperMissing } from '../support/helper.ts';
import { run } from '../support/run.ts';
import { imageGround, importBusybox, type Ground } from '../support/image-ground.ts';

const on = (t: TestContext, body: (ground: Ground) => Promise<void>) => {
  const missing = helperMissing();
  if (missing !== undefined) return t.skip(missing);
  return body(imageGround(t));
};
const sleeper = (more: object = {}): ContainerCreate => ({ Image: 'bb', Cmd: ['sh', '-c', 'echo x >>/starts; exec sleep 300'], ...more }) as ContainerCreate;
const published = (port: string) => ({ ExposedPorts: { '80/tcp': {} }, HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: port }] } } });
const groupsOf = (id: string) => run('find', ['/sys/fs/cgroup', '-name', `${id}*`]).then(({ stdout }) => stdout);
const recordOf = ({ dataRoot }: Ground, id: string) => JSON.parse(readFileSync(`${dataRoot}/containers/${id}/container.json`, 'utf8')) as ContainerRecord;

test('two engines start one container: the later finds it running, and takes nothing of it away', (t) =>
  on(t, async (ground) => {
    await importBusybox(ground, 'bb');
    const [one, other] = [ground.engine(), ground.engine()];
    const { Id } = await one.containers.create(sleeper(published('')), { name: 'both' });
    const started = await Promise.all([one.containers.start(Id), other.containers.start(Id)]);
    assert.deepEqual(started.toSorted(), [false, true]);
    assert.equal(await ground.ok('exec', 'both', 'cat', '/starts'), 'x\n');
    const { process, attached, published: ports, failure } = recordOf(ground, Id);
    assert.ok(process !== undefined && failure === undefined);
    assert.deepEqual([Object.keys(attached ?? {}).length, ports?.length], [1, 1]);
    assert.deepEqual(readdirSync(`${ground.dataRoot}/starting`), []);
  }));

test('an engine starts a container while another changes its files: one after the other', (t) =>
  on(t, async (ground) => {
    await importBusybox(ground, 'bb');
    const [one, other] = [ground.engine(), ground.engine()];
    const { Id } = await one.containers.create(sleeper());
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const tar = async function* () {
      begun.resolve();
      await gate.promise;
      yield Buffer.alloc(1024);
    };
    const changed = one.containers.putArchive(Id, '/', tar());
    await begun.promise;
    let isStarted = false;
    const started = other.containers.start(Id).then(() => (isStarted = true));
    await Promise.race([started, new Promise((resolve) => setTimeout(resolve, 2000))]);
    assert.equal(isStarted, false);
    gate.resolve();
    await Promise.all([changed, started]);
  }));

test('a container that is started again has its places in networks as one that is being started: nobody takes them for free', (t) =>
  on(t, async (ground) => {
    await importBusybox(ground, 'bb');
    const engine = ground.engine();
    const { Id } = await engine.containers.create(sleeper());
    await engine.containers.start(Id);
    await engine.containers.stop(Id, { timeout: 0 });
    const exit = `${ground.dataRoot}/containers/${Id}/exit.json`;
    assert.ok(existsSync(exit));
    const seen: { places: number; ended: boolean }[] = [];
    const giveUp = new AbortController();
    const reading = (async () => {
      for await (const { Type, Action } of engine.system.events({ signal: giveUp.signal })) {
        if (Type !== 'network' || Action !== 'connect') continue;
        const { attached = {}, process } = recordOf(ground, Id);
        seen.push({ places: Object.keys(attached).length, ended: process !== undefined && existsSync(exit) });
      }
    })();
    await engine.containers.start(Id);
    giveUp.abort();
    await reading;
    assert.deepEqual(seen, [{ places: 1, ended: false }]);
  }));

test('two containers ask for one port at once, of two engines: one gets it, the other when that has ended', (t) =>
  on(t, async (ground) => {
    await importBusybox(ground, 'bb');
    const engines = [ground.engine(), ground.engine()];
    const port = await freePort();
    const ids: string[] = [];
    for (const engine of engines) ids.push((await engine.containers.create(sleeper(published(`${port}`)))).Id);
    const outcomes = await Promise.allSettled(engines.map((engine, index) => engine.containers.start(ids[index]!)));
    assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
    const loser = outcomes.findIndex(({ status }) => status === 'rejected');
    assert.match(String((outcomes[loser] as PromiseRejectedResult).reason), new RegExp(`driver failed programming external connectivity .*${port}`));
    const { attached, published: held, process } = recordOf(ground, ids[loser]!);
    assert.deepEqual([attached, held, process], [undefined, undefined, undefined]);
    await engines[1 - loser]!.containers.stop(ids[1 - loser]!, { timeout: 0 });
    assert.equal(await engines[loser]!.containers.start(ids[loser]!), true);
  }));

test('a container is removed by another process than its starter: nothing of it stays in the packet filter', (t) =>
  on(t, async (ground) => {
    await importBusybox(ground, 'bb');
    const [stays, goes] = [await freePort(), await freePort()];
    for (const [name, port] of [
      ['stays', stays],
      ['goes', goes],
    ] as const)
      await ground.ok('run', '-d', '--name', name, '-p', `127.0.0.1:${port}:80`, 'bb', 'sleep', '300');
    assert.deepEqual([filters(stays), filters(goes)], [true, true]);
    await ground.ok('rm', '-f', 'goes');
    assert.deepEqual([filters(stays), filters(goes)], [true, false]);
  }));

test('what a killed starter has left of its lock goes with the next engine; what is held stays', (t) =>
  on(t, async (ground) => {
    ground.engine();
    const folder = `${ground.dataRoot}/starting`;
    mkdirSync(folder, { recursive: true });
    for (const name of ['left', 'held']) writeFileSync(`${folder}/${name}`, '');
    using _held = linuxFileLocks.tryLock(`${folder}/held`, 'exclusive')!;
    ground.engine();
    assert.deepEqual(readdirSync(folder), ['held']);
  }));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether some element of our tables names a port of the host. */
function filters(port: number): boolean {
  const { packetFilter } = linuxNetworkKernel().host();
  const ours = packetFilter.tables().filter(({ table }) => table.startsWith('kobako-'));
  const elements = ours.flatMap(({ family, table }) =>
    packetFilter.sets({ family, table }).flatMap(({ set }) => packetFilter.elements({ family, table, set }).map((element) => JSON.stringify(element))),
  );
  return elements.some((text) => new RegExp(`\\b${port}\\b`).test(text));
}

test('a start whose plan cannot be made leaves nothing of what it had begun', (t) =>
  on(t, async (ground) => {
    await importBusybox(ground, 'bb');
    const engine = ground.engine();
    const { Id } = await engine.containers.create(sleeper({ HostConfig: { IpcMode: 'host', Sysctls: { 'kernel.shm_rmid_forced': '1' } } }));
    await assert.rejects(engine.containers.start(Id), /not in a separate kernel namespace/);
    assert.equal(await groupsOf(Id), '');
  }));
