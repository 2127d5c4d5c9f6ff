/** BuildKit's doors by themselves: upgrades, calls by hand, and what is no call. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { EngineError } from '../../src/base/errors.ts';
import { GrpcClient } from '../../src/buildkit/grpc-client.ts';
import { codec, type Message } from '../../src/buildkit/messages.ts';
import { buildkitRoutes } from '../../src/buildkit/routes.ts';
import type { BuildRequest, Builds } from '../../src/engine/builds-contract.ts';
import type { Engine } from '../../src/engine/contract.ts';
import { serveRoutes } from '../support/api-ground.ts';
import { tempFor } from '../support/temp.ts';

/** Answers as `build` does, which is given the request. */
async function door(t: TestContext, build: (request: BuildRequest) => Promise<Readonly<Record<string, string>>> = async () => ({})): Promise<string> {
  const folder = tempFor(t);
  const builds: Partial<Builds> = {
    gcRules: async () => [{ filters: { type: ['source.local'] }, keepDuration: 1000, maxUsedSpace: 5 }],
    build: async (request) => ({
      metadata: await build(request),
      provenance: () => ({ type: 'https://slsa.dev/provenance/v0.2', predicate: { buildType: request.parameters!['target'] } }),
      warnings: [],
    }),
    usage: async () => [
      {
        id: 'a',
        parents: [],
        type: 'regular',
        description: 'one',
        inUse: false,
        shared: false,
        size: 7,
        createdAt: 1000,
        lastUsedAt: undefined,
        usageCount: 1,
      },
      {
        id: 'b',
        parents: ['a'],
        type: 'source.local',
        description: 'two',
        inUse: true,
        shared: true,
        size: 8,
        createdAt: 2000,
        lastUsedAt: 3000,
        usageCount: 2,
      },
    ],
  };
  const { routes, close } = buildkitRoutes({ folder: `${folder}/door`, run: `${folder}/run` });
  t.after(close);
  const system = { info: async () => ({ ID: 'the-id', Architecture: 'x86_64' }) };
  const url = await serveRoutes(t, routes, { builds, system } as unknown as Engine);
  return url.slice('unix://'.length);
}

/** The connection after the answer's head, and the head. */
async function post(
  t: TestContext,
  path: string,
  route: string,
  headers: readonly string[] = ['Connection: Upgrade', 'Upgrade: h2c'],
  body = '',
): Promise<[Socket, string]> {
  const socket = connect(path);
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  socket.write([`POST ${route} HTTP/1.1`, 'Host: x', ...headers, '', body].join('\r\n'));
  const [first] = (await once(socket, 'data')) as [Buffer];
  socket.pause();
  const end = first.indexOf('\r\n\r\n') + 4;
  if (end < first.length) socket.unshift(first.subarray(end));
  return [socket, first.toString('latin1', 0, end)];
}

async function clientOf(t: TestContext, path: string): Promise<GrpcClient> {
  const [socket, head] = await post(t, path, '/grpc');
  assert.match(head, /^HTTP\/1\.1 101 [^]*Upgrade: h2c\r\n/);
  const client = new GrpcClient(socket);
  t.after(() => client.close());
  return client;
}

const CONTROL = '/moby.buildkit.v1.Control';
const BRIDGE = '/moby.buildkit.v1.frontend.LLBBridge';

async function call(
  client: GrpcClient,
  method: string,
  types: readonly [string, string],
  message: object,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Message> {
  return codec(types[1]).decode(await client.unary(method, codec(types[0]).encode(message), { metadata }));
}

const solve = (client: GrpcClient, message: object) =>
  call(client, `${CONTROL}/Solve`, ['moby.buildkit.v1.SolveRequest', 'moby.buildkit.v1.SolveResponse'], message);

test('a connection is taken only with an upgrade to h2c, without a body, and a session with an id', async (t) => {
  const path = await door(t);
  for (const route of ['/grpc', '/session']) {
    assert.match((await post(t, path, route, ['Content-Length: 0']))[1], /^HTTP\/1\.1 400 /);
    assert.match((await post(t, path, route, ['Upgrade: tcp', 'Connection: Upgrade']))[1], /^HTTP\/1\.1 400 /);
    assert.match((await post(t, path, route, ['Upgrade: h2c', 'Connection: Upgrade', 'Content-Length: 2'], 'xx'))[1], /^HTTP\/1\.1 400 /);
  }
  assert.match((await post(t, path, '/session'))[1], /^HTTP\/1\.1 400 /);
  const named = ['Connection: Upgrade', 'Upgrade: h2c', 'X-Docker-Expose-Session-Uuid: one'];
  assert.match((await post(t, path, '/session', named))[1], /^HTTP\/1\.1 101 /);
  assert.match((await post(t, path, '/session', named))[1], /^HTTP\/1\.1 409 /);
});

test('what is no HTTP/2 ends its own connection only', async (t) => {
  const path = await door(t);
  const client = await clientOf(t, path);
  const garbage = ['', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + 'x'.repeat(100), '\0'.repeat(1000)];
  for (const [index, bytes] of garbage.entries()) {
    for (const route of ['/grpc', '/session']) {
      const [socket] = await post(t, path, route, ['Connection: Upgrade', 'Upgrade: h2c', `X-Docker-Expose-Session-Uuid: g${index}`]);
      const closed = once(socket.resume(), 'close');
      socket.end(Buffer.from(bytes, 'latin1'));
      await closed;
    }
  }
  const { record } = (await call(client, `${CONTROL}/ListWorkers`, ['moby.buildkit.v1.ListWorkersRequest', 'moby.buildkit.v1.ListWorkersResponse'], {})) as {
    readonly record: readonly Message[];
  };
  assert.equal(record[0]!['ID'], 'the-id');
});

test('calls that are not known, that are no messages, that make no sense', async (t) => {
  const client = await clientOf(t, await door(t));
  await assert.rejects(client.unary(`${CONTROL}/Nothing`, new Uint8Array(0)), { code: 12 });
  await assert.rejects(client.unary(`${CONTROL}/Solve`, Buffer.from('ffff', 'hex')), { name: 'GrpcError' });
  await assert.rejects(solve(client, { Ref: '../x' }), /invalid ref/);
  await assert.rejects(solve(client, { Ref: 'a', Frontend: 'gateway.v0' }), /frontend "gateway.v0" is not supported/);
  await assert.rejects(solve(client, { Ref: 'b', Definition: { def: [Buffer.from('0a00', 'hex')] } }), /low-level definitions are not supported/);
  await assert.rejects(solve(client, { Ref: 'c', Frontend: 'dockerfile.v0', SourcePolicy: Buffer.from('0801', 'hex') }), /source policies are not supported/);
  const types = ['moby.buildkit.v1.frontend.SolveRequest', 'moby.buildkit.v1.frontend.SolveResponse'] as const;
  await assert.rejects(call(client, `${BRIDGE}/Solve`, types, { Frontend: 'dockerfile.v0' }), /no build id/);
  await assert.rejects(call(client, `${BRIDGE}/Solve`, types, { Frontend: 'dockerfile.v0' }, { 'buildkit-controlapi-buildid': 'none' }), /no such build none/);
});

test('the cache’s records, all of them or those that a filter fits', async (t) => {
  const client = await clientOf(t, await door(t));
  const ids = async (...filter: string[]) => {
    const { record } = await call(client, `${CONTROL}/DiskUsage`, ['moby.buildkit.v1.DiskUsageRequest', 'moby.buildkit.v1.DiskUsageResponse'], { filter });
    return (record as readonly Message[]).map(({ ID }) => ID);
  };
  assert.deepEqual(await ids(''), ['a', 'b']);
  assert.deepEqual(await ids('type==source.local'), ['b']);
  assert.deepEqual(await ids('description~=tw,shared'), ['b']);
  assert.deepEqual(await ids('id!=a'), ['b']);
  assert.deepEqual(await ids('id==a', 'id==b'), ['a', 'b']);
  await assert.rejects(ids('%'), /failed to parse filter/);
});

test('the worker, with the rules by which its cache is collected', async (t) => {
  const client = await clientOf(t, await door(t));
  const { record } = await call(client, `${CONTROL}/ListWorkers`, ['moby.buildkit.v1.ListWorkersRequest', 'moby.buildkit.v1.ListWorkersResponse'], {});
  const [worker] = record as readonly { readonly GCPolicy: readonly Message[] }[];
  const [{ filters, keepDuration, maxUsedSpace }] = worker!.GCPolicy as readonly [Message];
  assert.deepEqual([filters, Number(keepDuration), Number(maxUsedSpace)], [['type==source.local'], 1e9, 5]);
});

/** A session that offers nothing. */
async function emptySession(t: TestContext, path: string, id: string): Promise<Socket> {
  const [socket] = await post(t, path, '/session', ['Connection: Upgrade', 'Upgrade: h2c', `X-Docker-Expose-Session-Uuid: ${id}`]);
  socket.resume();
  return socket;
}

test('a build as buildx drives it: status, frontend, return, result', async (t) => {
  let asked: BuildRequest | undefined;
  const path = await door(t, async (request) => {
    asked = request;
    request.onEvent!({ kind: 'vertex', digest: 'sha256:aa', name: '[1/1] FROM x', inputs: [], started: 1500, completed: 1600, cached: true });
    return { 'containerimage.digest': 'sha256:bb' };
  });
  const client = await clientOf(t, path);
  await emptySession(t, path, 's');
  const status = client.stream(`${CONTROL}/Status`);
  status.write(codec('moby.buildkit.v1.StatusRequest').encode({ Ref: 'r' }));
  status.end();
  const vertices = (async () => {
    const got: Message[] = [];
    for await (const messages of status.batches()) {
      for (const each of messages) got.push(...(codec('moby.buildkit.v1.StatusResponse').decode(each)['vertexes'] as Message[]));
    }
    return got;
  })();
  const solving = solve(client, { Ref: 'r', Session: 's', Exporters: [{ Type: 'moby', Attrs: { name: 'x:1,x:2' } }] });
  const metadata = { 'buildkit-controlapi-buildid': 'r' };
  await call(client, `${BRIDGE}/Ping`, ['moby.buildkit.v1.frontend.PingRequest', 'moby.buildkit.v1.frontend.PongResponse'], {}, metadata);
  const frontend = { Frontend: 'dockerfile.v0', FrontendOpt: { target: 'two' } };
  const { result } = await call(
    client,
    `${BRIDGE}/Solve`,
    ['moby.buildkit.v1.frontend.SolveRequest', 'moby.buildkit.v1.frontend.SolveResponse'],
    frontend,
    metadata,
  );
  assert.equal(asked, undefined);
  await call(client, `${BRIDGE}/Return`, ['moby.buildkit.v1.frontend.ReturnRequest', 'moby.buildkit.v1.frontend.ReturnResponse'], { result }, metadata);
  assert.deepEqual((await solving)['ExporterResponse'], { 'containerimage.digest': 'sha256:bb' });
  assert.equal(asked!.target, 'two');
  assert.deepEqual(asked!.exporters, [{ type: 'image', names: ['x:1', 'x:2'], push: false, attributes: {} }]);
  const [vertex] = await vertices;
  assert.deepEqual([vertex!['name'], vertex!['cached'], vertex!['started']], ['[1/1] FROM x', true, { seconds: 1, nanos: 500_000_000 }]);
});

test('what is told of a build’s origin: in the history, and as a blob', async (t) => {
  const stranger = await clientOf(t, await door(t));
  const path = await door(t);
  const client = await clientOf(t, path);
  await emptySession(t, path, 's');
  await solve(client, { Ref: 'r', Session: 's', Frontend: 'dockerfile.v0', FrontendAttrs: { target: 'the-target' } });
  const asked = codec('moby.buildkit.v1.BuildHistoryRequest').encode({ Ref: 'r', EarlyExit: true });
  const event = codec('moby.buildkit.v1.BuildHistoryEvent').decode(await client.unary(`${CONTROL}/ListenBuildHistory`, asked));
  const [attestation] = ((event['record'] as Message)['Result'] as Message)['Attestations'] as readonly Message[];
  assert.equal(attestation!['media_type'], 'application/vnd.in-toto+json');
  assert.deepEqual(attestation!['annotations'], { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v0.2' });
  const read = async (from: GrpcClient, message: object) =>
    codec('containerd.services.content.v1.ReadContentResponse').decode(
      await from.unary('/containerd.services.content.v1.Content/Read', codec('containerd.services.content.v1.ReadContentRequest').encode(message)),
    )['data'] as Buffer;
  const digest = attestation!['digest'] as string;
  const whole = await read(client, { digest });
  assert.deepEqual(JSON.parse(whole.toString()), { buildType: 'the-target' });
  assert.equal(whole.length, attestation!['size']);
  assert.deepEqual(await read(client, { digest, offset: 2, size: 5 }), whole.subarray(2, 7));
  await assert.rejects(read(client, { digest, offset: whole.length + 1 }), { code: 11 });
  await assert.rejects(read(client, { digest: `sha256:${'0'.repeat(64)}` }), { code: 5 });
  await assert.rejects(read(stranger, { digest }), { code: 5 });
});

test('a list of what is in an image, and a provenance that makes no sense, are refused before anything is built', async (t) => {
  const path = await door(t, async () => assert.fail('it was built'));
  const client = await clientOf(t, path);
  await emptySession(t, path, 's');
  const refused = (ref: string, attributes: object) => solve(client, { Ref: ref, Session: 's', Frontend: 'dockerfile.v0', FrontendAttrs: attributes });
  await assert.rejects(refused('a', { 'attest:sbom': '' }), /attestations of the type sbom are not supported/);
  await assert.rejects(refused('b', { 'attest:provenance': 'version=v3' }), /invalid provenance SLSA version: v3/);
});

test('a build ends when its client goes', async (t) => {
  const begun = Promise.withResolvers<AbortSignal>();
  const path = await door(t, (request) => {
    begun.resolve(request.signal!);
    return new Promise((_resolve, reject) => request.signal!.addEventListener('abort', () => reject(new EngineError('cancelled', 'context canceled'))));
  });
  const client = await clientOf(t, path);
  await emptySession(t, path, 's');
  const solving = solve(client, { Ref: 'r', Session: 's', Frontend: 'dockerfile.v0' });
  solving.catch(() => {});
  const signal = await begun.promise;
  assert.equal(signal.aborted, false);
  const aborted = once(signal, 'abort');
  client.close();
  await aborted;
  await assert.rejects(solving);
});

test('a failure in words that were cut in the middle of a character', { timeout: 20_000 }, async (t) => {
  const path = await door(t, async () => {
    throw new EngineError('invalid', 'cut \udc00here');
  });
  const client = await clientOf(t, path);
  await emptySession(t, path, 's');
  await assert.rejects(solve(client, { Ref: 'r', Session: 's', Frontend: 'dockerfile.v0' }), { message: 'cut \ufffdhere' });
});
