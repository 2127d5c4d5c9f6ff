/** Starts of a container where several engines share a state folder. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import type { ContainerRecord } from '../../src/engine/container-store.ts';
import type { ContainerCreate } from '../../src/engine/types/container.ts';
import { helperMissing } from '../support/helper.ts';
import { imageGround, importBusybox, type Ground } from '../support/image-ground.ts';

const on = (t: TestContext, body: (ground: Ground) => Promise<void>) => {
  const missing = helperMissing();
  if (missing !== undefined) return t.skip(missing);
  return body(imageGround(t));
};
const sleeper = (more: object = {}): ContainerCreate => ({ Image: 'bb', Cmd: ['sh', '-c', 'echo x >>/starts; exec sleep 300'], ...more }) as ContainerCreate;
const recordOf = ({ dataRoot }: Ground, id: string) => JSON.parse(readFileSync(`${dataRoot}/containers/${id}/container.json`, 'utf8')) as ContainerRecord;

test('two engines start one container: the later finds it running, and takes nothing of it away', (t) =>
  on(t, async (ground) => {
    await importBusybox(ground, 'bb');
    const [one, other] = [ground.engine(), ground.engine()];
    const port = { ExposedPorts: { '80/tcp': {} }, HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } } };
    const { Id } = await one.containers.create(sleeper(port), { name: 'both' });
    const started = await Promise.all([one.containers.start(Id), other.containers.start(Id)]);
    assert.deepEqual(started.toSorted(), [false, true]);
    assert.equal(await ground.ok('exec', 'both', 'cat', '/starts'), 'x\n');
    const { process, attached, published, failure } = recordOf(ground, Id);
    assert.ok(process !== undefined && failure === undefined);
    assert.deepEqual([Object.keys(attached ?? {}).length, published?.length], [1, 1]);
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
