/** Lists, prune, info, disk usage and events, through the daemon's door and its client; each answer held against Docker's specification. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apiRoutes } from '../../src/api/routes.ts';
import { connectEngine } from '../../src/client/engine.ts';
import type { Engine } from '../../src/engine/contract.ts';
import type { EngineEvent } from '../../src/engine/types/system.ts';
import { ApiClient } from '../support/api-client.ts';
import { serveRoutes } from '../support/api-ground.ts';
import { imageGround, importBusybox, type Ground } from '../support/image-ground.ts';

describe('the engine as a whole, over HTTP', () => {
  let ground: Ground;
  let api: ApiClient;
  let engine: Engine;
  let image: string;
  const create = async (name: string, body: object = {}): Promise<string> => {
    const answer = await api.post(`/v1.51/containers/create?name=${name}`, { Image: 'sys-test:1', Cmd: ['sleep', '1000'], ...body });
    assert.equal(answer.status, 201, answer.text);
    return answer.json.Id;
  };
  const names = async (filters: object, query = 'all=1'): Promise<string[]> => {
    const { json, status, text } = await api.get(`/v1.51/containers/json?${query}&filters=${encodeURIComponent(JSON.stringify(filters))}`);
    assert.equal(status, 200, text);
    return json.map(({ Names }: { Names: string[] }) => Names[0]!.slice(1));
  };

  const cleanups: (() => unknown)[] = [];
  const suite = { after: (hook: () => unknown) => void cleanups.push(hook) };
  after(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  });
  before(async () => {
    ground = imageGround(suite);
    image = await importBusybox(ground, 'sys-test:1', 'CMD ["true"]', 'EXPOSE 80');
    const address = await serveRoutes(
      suite,
      apiRoutes.filter(({ path }) => path !== '/_ping'),
      ground.engine({ owner: true }),
    );
    api = new ApiClient(address.replace('unix://', ''));
    engine = connectEngine(address);
    suite.after(async () => {
      for (const { Id } of await engine.containers.list({ all: true })) await engine.containers.remove(Id, { force: true });
      api[Symbol.dispose]();
      await engine.close();
    });
    await create('one', { Labels: { colour: 'red', size: 'big' }, HostConfig: { Binds: ['/tmp:/mnt'], PortBindings: { '80/tcp': [{ HostPort: '8080' }] } } });
    await create('two', { Labels: { colour: 'blue' }, HostConfig: { NetworkMode: 'none' } });
    await create('three', { Cmd: ['sh', '-c', 'exit 3'], ExposedPorts: { '90/udp': {} } });
    await engine.containers.start('two');
    await engine.containers.start('three');
    await engine.containers.wait('three');
  });

  test('a list: the newest first, those that run, so many', async () => {
    assert.deepEqual(await names({}), ['three', 'two', 'one']);
    assert.deepEqual(await names({}, 'all=0'), ['two']);
    assert.deepEqual(await names({}, 'limit=2'), ['three', 'two']);
    assert.deepEqual(await names({}, 'limit=-1'), ['two']);
  });

  const FILTERS: readonly (readonly [object, readonly string[]])[] = [
    [{ status: ['exited'] }, ['three']],
    [{ status: ['created', 'running'] }, ['two', 'one']],
    [{ exited: ['3'] }, ['three']],
    [{ exited: ['0'] }, []],
    [{ name: ['o'] }, ['two', 'one']],
    [{ name: ['^/one$'] }, ['one']],
    [{ name: ['('] }, []],
    [{ label: ['colour'] }, ['two', 'one']],
    [{ label: ['colour', 'size=big'] }, ['one']],
    [{ before: ['two'] }, ['one']],
    [{ since: ['two'] }, ['three']],
    [{ ancestor: ['sys-test:1'] }, ['three', 'two', 'one']],
    [{ ancestor: ['nothing'] }, []],
    [{ volume: ['/mnt'] }, ['one']],
    [{ volume: ['/tmp'] }, ['one']],
    [{ network: ['none'] }, ['two']],
    [{ network: ['bridge'] }, ['three', 'one']],
    // as dockerd: only ports of what runs, on a network; see runs-as-docker.test.ts
    [{ publish: ['8080'] }, []],
    [{ expose: ['85-95/udp'] }, []],
    [{ expose: ['80/tcp'] }, []],
    [{ health: ['none'] }, ['three', 'two', 'one']],
    [{ 'is-task': ['true'] }, []],
    [{ isolation: ['default'] }, ['three', 'two', 'one']],
    [{ label: ['colour'], status: ['running'] }, ['two']],
  ];
  for (const [filters, expected] of FILTERS) test(`filter ${JSON.stringify(filters)}`, async () => assert.deepEqual(await names(filters), expected));

  test('filters that make no sense', async () => {
    const refused = async (filters: object) => {
      const { status, json } = await api.get(`/v1.51/containers/json?filters=${encodeURIComponent(JSON.stringify(filters))}`);
      return [status, json.message];
    };
    assert.deepEqual(await refused({ x: ['y'] }), [400, "invalid filter 'x'"]);
    assert.deepEqual(await refused({ before: ['nobody'] }), [404, 'No such container: nobody']);
    assert.match(String((await refused({ status: ['odd'] }))[1]), /^invalid filter 'status=odd': invalid value for state \(odd\): must be one of created, /);
    assert.deepEqual(await refused({ exited: ['x'] }), [400, `invalid filter 'exited=x': strconv.Atoi: parsing "x": invalid syntax`]);
  });

  test('sizes, of one and of all', async () => {
    const [three] = await engine.containers.list({ all: true, size: true, filters: { name: ['three'] } });
    assert.ok(three!.SizeRootFs! > 100_000);
    const inspected = await api.get('/v1.51/containers/three/json?size=1');
    assert.deepEqual([inspected.json.SizeRw, inspected.json.SizeRootFs], [0, three!.SizeRootFs]);
    assert.equal((await api.get('/v1.51/containers/three/json')).json.SizeRootFs, undefined);
  });

  test('info counts containers by state; its id stays', async () => {
    const info = await engine.system.info();
    assert.deepEqual([info.Containers, info.ContainersRunning, info.ContainersPaused, info.ContainersStopped, info.Images], [3, 1, 0, 2, 1]);
    assert.equal((await api.get('/v1.51/info')).json.ID, info.ID);
    assert.match(info.ID, /^[0-9a-f-]{36}$/);
    assert.equal(info.DockerRootDir, ground.dataRoot);
    assert.ok(['overlay', 'erofs'].includes(info.Driver));
  });

  test('version', async () => {
    const version = await engine.system.version();
    assert.deepEqual([version.ApiVersion, version.MinAPIVersion, version.Os], ['1.51', '1.24', 'linux']);
    assert.match(version.Version, /^28\.\d+\.\d+\+kobako\.\d+\.\d+\.\d+$/);
    assert.equal((await api.get('/version')).json.Version, version.Version);
  });

  test('disk usage, of all and of some', async () => {
    const df = await engine.system.df();
    assert.equal(df.Containers!.length, 3);
    const [about] = df.Images!;
    assert.deepEqual([about!.Id, about!.Containers, about!.SharedSize], [image, 3, 0]);
    assert.equal(df.LayersSize, about!.Size);
    assert.deepEqual([df.Volumes, df.BuildCache], [[], []]);
    const some = await engine.system.df(['volume']);
    assert.deepEqual([some.LayersSize, some.Images, some.Containers, some.Volumes], [0, null, null, []]);
    assert.deepEqual(await api.get('/v1.51/system/df?type=x').then(({ status, json }) => [status, json.message]), [400, 'unknown object type: x']);
    assert.equal((await api.get('/v1.51/system/df')).status, 200);
  });

  test('events: from when nothing is missed, in order, filtered, up to a time', async () => {
    const seen: EngineEvent[] = [];
    const stop = new AbortController();
    const begun = Promise.withResolvers<void>();
    const reading = (async () => {
      for await (const event of engine.system.events({ filters: { type: ['container'] }, signal: stop.signal, started: begun.resolve })) {
        seen.push(event);
        if (event.Action === 'destroy') stop.abort();
      }
    })();
    await begun.promise;
    const id = await create('short', { Labels: { x: 'y' } });
    await engine.containers.remove('short');
    await reading;
    assert.deepEqual(
      seen.map(({ Action, Actor }) => [Action, Actor.ID]),
      [
        ['create', id],
        ['destroy', id],
      ],
    );
    assert.deepEqual(seen[0]!.Actor.Attributes, { x: 'y', image: 'sys-test:1', name: 'short' });
    assert.ok(seen[1]!.timeNano > seen[0]!.timeNano);
    // what is past comes again, as older clients read it, too
    const { text } = await api.get(
      `/v1.51/events?since=0&until=${Date.now() / 1000 + 1}&filters=${encodeURIComponent(JSON.stringify({ container: [id], event: ['create'] }))}`,
    );
    const [first, ...more] = text.trim().split('\n');
    const { status, id: of, from, Type } = JSON.parse(first!) as Record<string, unknown>;
    assert.deepEqual([status, of, from, Type, more], ['create', id, 'sys-test:1', 'container', []]);
    const wrong = await api.get('/v1.51/events?since=10&until=5');
    assert.deepEqual([wrong.status, wrong.json.message], [400, '`since` time (10) cannot be after `until` time (5)']);
  });

  test('the networks that every engine has', async () => {
    const { json } = await api.get('/v1.51/networks');
    assert.deepEqual(
      json.map(({ Name, Driver }: Record<string, string>) => [Name, Driver]),
      [
        ['bridge', 'bridge'],
        ['host', 'host'],
        ['none', 'null'],
      ],
    );
    const { Id } = (await api.get('/v1.51/networks/none')).json;
    assert.equal((await api.get(`/v1.51/networks/${Id.slice(0, 12)}`)).json.Name, 'none');
    assert.equal((await api.get('/v1.51/containers/two/json')).json.NetworkSettings.Networks.none.NetworkID, Id);
    assert.equal((await api.delete('/v1.51/networks/host')).status, 403);
    assert.equal((await api.get('/v1.51/networks/other')).status, 404);
  });

  test('networks: each answer, and each body that is none', async () => {
    const post = async (path: string, body?: object) => {
      const { status, json } = await api.post(`/v1.51/networks/${path}`, body);
      return [status, json?.message];
    };
    const made = await api.post('/v1.51/networks/create', {
      Name: 'lan/1',
      CheckDuplicate: true,
      IPAM: { Config: [{ Subnet: '10.79.0.0/24' }] },
      Labels: null,
    });
    assert.deepEqual([made.status, Object.keys(made.json)], [201, ['Id', 'Warning']]);
    assert.deepEqual(await post('create', { Name: 'lan/1' }), [409, 'network with name lan/1 already exists']);
    assert.deepEqual(await post('create', { Name: 5 }), [
      400,
      'invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.Name of type string',
    ]);
    assert.deepEqual(await post('create', { Name: 'bridge' }), [403, 'operation is not permitted on predefined bridge network ']);
    assert.equal((await api.get('/v1.51/networks/lan%2F1?verbose=1&scope=local')).json.Id, made.json.Id);
    assert.match((await api.get('/v1.51/networks/none?verbose=x')).json.message, /^invalid value for verbose: x: strconv.ParseBool/);
    assert.deepEqual(await post(`${made.json.Id}/connect`, { Container: 'two' }), [
      400,
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    ]);
    assert.deepEqual(await post(`${made.json.Id}/connect`, { Container: 'one', EndpointConfig: { Aliases: ['a'] } }), [200, undefined]);
    assert.deepEqual(await post(`${made.json.Id}/disconnect`, { Container: 'one', Force: false }), [200, undefined]);
    assert.deepEqual(await post(`${made.json.Id}/disconnect`, { Container: 'one' }), [
      409,
      `container ${(await api.get('/v1.51/containers/one/json')).json.Id} is not connected to the network lan/1`,
    ]);
    for (const action of ['connect', 'disconnect']) assert.deepEqual(await post(`${made.json.Id}/${action}`), [400, 'invalid name or ID supplied: ""']);
    assert.equal((await api.delete('/v1.51/networks/lan%2F1')).status, 204);
    assert.deepEqual((await api.post('/v1.51/networks/prune')).json, { NetworksDeleted: null });
    // over the client, too: a name with a slash is one name
    await engine.networks.create({ Name: 'lan/2' });
    await engine.networks.remove('lan/2');
    await assert.rejects(engine.networks.inspect('..'), { kind: 'invalid' });
  });

  test('what is not there says so', async () => {
    assert.deepEqual((await api.get('/v1.51/volumes')).json, { Volumes: [], Warnings: null });
    assert.equal((await api.get('/v1.51/volumes/x')).status, 404);
    assert.deepEqual((await api.get('/v1.51/plugins')).json, []);
    for (const path of ['/swarm', '/nodes', '/services', '/tasks', '/secrets', '/configs']) assert.equal((await api.get(`/v1.51${path}`)).status, 503, path);
  });

  test('builds: what is no context is refused, and the cache is empty', async () => {
    const { status, json } = await api.post('/v1.51/build', undefined, { checked: false });
    assert.deepEqual([status, json.message], [400, 'failed to parse Dockerfile: the Dockerfile cannot be empty']);
    assert.equal((await api.post('/v1.51/build?buildargs=x', undefined, { checked: false })).status, 400);
    assert.deepEqual((await api.post('/v1.51/build/prune')).json, { CachesDeleted: null, SpaceReclaimed: 0 });
    assert.equal((await api.post('/v1.51/build/cancel?id=none', undefined, { checked: false })).status, 204);
    assert.deepEqual((await api.get('/v1.51/system/df?type=build-cache')).json.BuildCache, []);
  });

  test('prune: what does not run, by label and age, and what that frees', async () => {
    const prune = (filters: object) => api.post(`/v1.51/containers/prune?filters=${encodeURIComponent(JSON.stringify(filters))}`);
    assert.deepEqual((await prune({ until: ['1h'] })).json, { ContainersDeleted: null, SpaceReclaimed: 0 });
    assert.deepEqual((await prune({ 'label!': ['colour'], label: ['colour'] })).json.ContainersDeleted, null);
    assert.deepEqual([(await prune({ x: ['y'] })).status, (await prune({ until: ['1h', '2h'] })).json.message], [400, 'more than one until filter specified']);
    const writer = await create('writer', { Cmd: ['sh', '-c', 'head -c 100000 /dev/zero > /file'], Labels: { kind: 'writer' } });
    await engine.containers.start('writer');
    await engine.containers.wait('writer');
    const { json } = await prune({ label: ['kind=writer'] });
    assert.deepEqual(json, { ContainersDeleted: [writer], SpaceReclaimed: 100_000 });
    assert.deepEqual(await engine.containers.prune({ 'label!': ['colour=red'] }).then(({ ContainersDeleted }) => ContainersDeleted?.length), 1);
    assert.deepEqual(await names({}), ['two', 'one']);
  });

  test('a container that was started again tells when it had ended before', async () => {
    const again = await create('again', { Cmd: ['sh', '-c', 'test -e /x && sleep 1000; touch /x'] });
    await engine.containers.start(again);
    await engine.containers.wait(again);
    const { FinishedAt } = (await engine.containers.inspect(again)).State;
    await engine.containers.start(again);
    const { State } = await engine.containers.inspect(again);
    assert.deepEqual([State.Status, State.FinishedAt], ['running', FinishedAt]);
  });
});
