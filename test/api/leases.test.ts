/** Leases: the same promises, kept by the engine and over HTTP; and what only the wire shows. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { apiRoutes } from '../../src/api/routes.ts';
import { connectEngine } from '../../src/client/engine.ts';
import type { Engine } from '../../src/engine/contract.ts';
import { LEASE_LABEL } from '../../src/engine/leases-contract.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { ApiClient } from '../support/api-client.ts';
import { until } from '../support/monitored.ts';
import { ownedEngine, serveRoutes, type OwnedEngine } from '../support/owned-engine.ts';
import { projectDir, projectNode } from '../support/paths.ts';
import { readUntil } from '../support/raw-http.ts';
import { tempFor } from '../support/temp.ts';

const all = async (engine: Engine) => (await engine.containers.list({ all: true })).map(({ Id }) => Id);

function leases(title: string, open: (t: TestContext) => Promise<{ readonly ground: OwnedEngine; readonly engine: Engine }>): void {
  describe(title, () => {
    test('the end of one takes its containers, whatever they do, and no other', async (t) => {
      const { ground, engine } = await open(t);
      const free = await ground.run('sleep 300');
      const lease = await engine.lease();
      const under = { Labels: { ...lease.labels, other: 'label' } };
      const ids = [
        await ground.run('sleep 300', under),
        await ground.create('true', under),
        await ground.run('trap "" TERM; while :; do sleep 1; done', under),
      ];
      const always = await ground.run('exit 1', { ...under, HostConfig: { RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } } });
      const removes = await ground.run('sleep 300', { ...under, HostConfig: { AutoRemove: true } });
      await engine.containers.pause(ids[0]!);
      const [summary] = await engine.leases.list();
      assert.deepEqual([summary!.Id, summary!.State, summary!.Grace], [lease.id, 'held', 0]);
      assert.deepEqual(summary!.Objects.map(({ Type, Id }) => `${Type} ${Id}`).toSorted(), [...ids, always, removes].map((id) => `container ${id}`).toSorted());
      await lease.end();
      assert.deepEqual(await all(engine), [free]);
      assert.deepEqual(await engine.leases.list(), []);
      const destroyed = ground.events.filter(({ Action }) => Action === 'destroy').map(({ Actor }) => Actor.ID);
      assert.deepEqual(destroyed.toSorted(), [...ids, always, removes].toSorted());
      await assert.rejects(ground.create('true', under), { kind: 'conflict', message: /^lease "[0-9a-f]{32}" has ended, or never was$/ });
    });

    test('its owner’s block is left, or the owner goes', async (t) => {
      const { ground, engine } = await open(t);
      {
        await using lease = await engine.lease();
        await ground.run('sleep 300', { Labels: lease.labels });
      }
      assert.deepEqual(await all(engine), []);
      const lease = await engine.lease();
      await ground.run('sleep 300', { Labels: lease.labels });
      lease.release();
      await until('it has gone', async () => (await all(engine)).length === 0);
    });

    test('it is lost to whoever takes it over or ends it', async (t) => {
      const { engine } = await open(t);
      const [first, other] = [await engine.lease({ grace: 30 }), await engine.lease()];
      const second = await engine.lease({ id: first.id });
      await until('it is told', () => first.lost.aborted);
      assert.match((first.lost.reason as Error).message, /has been taken over$/);
      assert.equal(second.grace, 30);
      await first.end();
      assert.deepEqual(
        (await engine.leases.list()).map(({ Id, State }) => [Id, State]),
        [
          [first.id, 'held'],
          [other.id, 'held'],
        ],
      );
      await engine.leases.end(first.id);
      await until('it is told', () => second.lost.aborted);
      assert.match((second.lost.reason as Error).message, /has ended$/);
      await assert.rejects(engine.lease({ id: first.id }), { kind: 'not-found', message: `No such lease: ${first.id}` });
      await assert.rejects(engine.leases.end(first.id), { kind: 'not-found', message: `No such lease: ${first.id}` });
      await assert.rejects(engine.lease({ grace: 100_000 }), { kind: 'invalid', message: /^invalid grace 100000/ });
      await other.end();
    });
  });
}

leases('leases of an engine', async (t) => {
  const ground = await ownedEngine(t);
  return { ground, engine: ground.engine };
});

leases('leases over HTTP', async (t) => {
  const ground = await ownedEngine(t);
  const engine = connectEngine(await serveRoutes(t, ground, apiRoutes));
  t.after(() => engine.close());
  return { ground, engine };
});

describe('on the wire', () => {
  async function wire(
    t: TestContext,
  ): Promise<{ ground: OwnedEngine; api: ApiClient; raw: (request: string) => Promise<{ socket: Socket; text: string }>; ids: () => Promise<string[]> }> {
    const ground = await ownedEngine(t);
    const path = (await serveRoutes(t, ground, apiRoutes)).slice('unix://'.length);
    const api = new ApiClient(path);
    t.after(() => api[Symbol.dispose]());
    const raw = async (request: string) => {
      const socket = connect({ path, allowHalfOpen: true });
      t.after(() => socket.destroy());
      socket.write(request);
      return { socket, text: await readUntil(socket, /\}\r?\n/) };
    };
    return { ground, api, raw, ids: () => all(ground.engine) };
  }
  const idIn = (text: string) => /"Id":"([0-9a-f]{32})"/.exec(text)![1]!;

  test('the first line is the document; closing, breaking off or half closing ends it', async (t) => {
    const { ground, raw, ids } = await wire(t);
    for (const [kind, go] of Object.entries({
      close: (socket: Socket) => socket.destroy(),
      reset: (socket: Socket) => socket.resetAndDestroy?.() ?? socket.destroy(),
      'half close': (socket: Socket) => socket.end(),
    })) {
      for (const request of [
        'POST /kobako/leases HTTP/1.1\r\nHost: d\r\n\r\n',
        'POST /v1.51/kobako/leases HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
        'POST /kobako/leases HTTP/1.0\r\n\r\n',
      ]) {
        const { socket, text } = await raw(request);
        const id = idIn(text);
        assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
        assert.match(text, new RegExp(`\\{"Id":"${id}","Label":"dev\\.kobako\\.lease=${id}","Grace":0\\}\n`));
        await ground.run('sleep 300', { Labels: { [LEASE_LABEL]: id } });
        assert.equal((await ids()).length, 1);
        try {
          go(socket);
        } catch {
          socket.destroy(); // a Unix socket has no reset
        }
        await until(`${kind}: it has gone`, async () => (await ids()).length === 0 && (await ground.engine.leases.list()).length === 0);
      }
    }
  });

  test('the header ties what is created, a label has precedence', async (t) => {
    const { ground, api, raw } = await wire(t);
    const [first, second] = [
      idIn((await raw('POST /kobako/leases HTTP/1.1\r\nHost: d\r\n\r\n')).text),
      idIn((await raw('POST /kobako/leases HTTP/1.1\r\nHost: d\r\n\r\n')).text),
    ];
    const { Kobako, NetworkMode } = (await ground.engine.containers.inspect(await ground.create('true'))).HostConfig;
    const create = (Labels: object | undefined, lease: string) =>
      api.post('/v1.51/containers/create', { Cmd: ['true'], Labels, HostConfig: { Kobako, NetworkMode } }, { headers: { 'X-Kobako-Lease': lease } });
    const labelsOf = async ({ json }: { json: { Id: string } }) => (await ground.engine.containers.inspect(json.Id)).Config.Labels;
    assert.deepEqual(await labelsOf(await create(undefined, first)), { [LEASE_LABEL]: first });
    assert.deepEqual(await labelsOf(await create({ a: 'b' }, first)), { [LEASE_LABEL]: first, a: 'b' });
    assert.deepEqual(await labelsOf(await create({ [LEASE_LABEL]: second }, first)), { [LEASE_LABEL]: second });
    assert.deepEqual(await labelsOf(await create({ a: 'b' }, '')), { a: 'b' });
    const refused = await create(undefined, 'nothing');
    assert.deepEqual([refused.status, refused.json], [409, { message: 'lease "nothing" has ended, or never was' }]);
  });

  test('heartbeats, a last line, and what is refused', async (t) => {
    const { api, raw } = await wire(t);
    const { socket, text } = await raw('POST /kobako/leases?heartbeat=1&grace=5 HTTP/1.1\r\nHost: d\r\n\r\n');
    assert.match(text, /"Grace":5/);
    await readUntil(socket, '1\r\n\n\r\n');
    const id = idIn(text);
    const asked = async (method: string, path: string) => {
      const { status, json } = await api.ask(method, path, { checked: false });
      return [status, (json as { message?: string } | undefined)?.message];
    };
    const last = readUntil(socket, '0\r\n\r\n');
    assert.deepEqual(await asked('DELETE', `/kobako/leases/${id}`), [204, undefined]);
    assert.match(await last, new RegExp(`\\{"Lost":"lease ${id} has ended"\\}\n`));
    assert.deepEqual(await asked('DELETE', `/kobako/leases/${id}`), [404, `No such lease: ${id}`]);
    assert.deepEqual(await asked('DELETE', '/kobako/leases/..%2fx'), [404, 'No such lease: ../x']);
    assert.deepEqual(await asked('POST', `/kobako/leases?id=${id}`), [404, `No such lease: ${id}`]);
    assert.deepEqual(await asked('POST', '/kobako/leases?grace=-1'), [400, 'invalid grace -1: it is a whole number of seconds from 0 to 86400']);
    assert.deepEqual(await asked('POST', '/kobako/leases?grace=x'), [400, 'strconv.Atoi: parsing "x": invalid syntax']);
    assert.deepEqual(await asked('POST', '/kobako/leases?heartbeat=9999'), [400, 'invalid heartbeat 9999: it is a number of seconds from 1 to 3600']);
    assert.deepEqual((await api.get('/kobako/leases', { checked: false })).json, []);
  });

  test('200 clients at once that all vanish', async (t) => {
    const { ground, raw, ids } = await wire(t);
    const held = await Promise.all(Array.from({ length: 200 }, () => raw('POST /kobako/leases HTTP/1.1\r\nHost: d\r\n\r\n')));
    await Promise.all(held.slice(0, 20).map(({ text }) => ground.create('true', { Labels: { [LEASE_LABEL]: idIn(text) } })));
    assert.equal((await ground.engine.leases.list()).length, 200);
    for (const { socket } of held) socket.destroy();
    await until('all are gone', async () => (await ids()).length === 0 && (await ground.engine.leases.list()).length === 0);
  });
});

test('engines that have none say so', async (t) => {
  const local = openEngine({ stateDir: tempFor(t) });
  t.after(() => local.close());
  await assert.rejects(local.lease(), { kind: 'unavailable', message: /^leases need an engine that owns its data root/ });
  const create = local.containers.create({ Cmd: ['true'], Labels: { [LEASE_LABEL]: 'x' } });
  await assert.rejects(create, { kind: 'unavailable', message: /^leases need an engine that owns its data root/ });
  // as a dockerd answers
  const ground = await ownedEngine(t);
  const docker = connectEngine(
    await serveRoutes(
      t,
      ground,
      apiRoutes.filter(({ path }) => !path.startsWith('/kobako/')),
    ),
  );
  t.after(() => docker.close());
  for (const work of [() => docker.lease(), () => docker.leases.list(), () => docker.leases.end('x')])
    await assert.rejects(work, { kind: 'unavailable', message: 'the daemon has no leases' });
});

test('a program that does nothing else ends, and its lease with it', async (t) => {
  const ground = await ownedEngine(t);
  const host = await serveRoutes(t, ground, apiRoutes);
  const program = `import { connectEngine } from '${projectDir}/src/index.ts'; console.log((await connectEngine('${host}').lease()).id);`;
  const child = spawn(projectNode, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  assert.match(String(said), /^[0-9a-f]{32}\n$/);
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  await until('its lease is gone', async () => (await ground.engine.leases.list()).length === 0);
});
