/** `POST /kobako/builds`, with a builder that only does as it is told. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { remoteBuildRoutes } from '../../src/api/kobako/builds.ts';
import { connectEngine } from '../../src/client/engine.ts';
import { EngineError } from '../../src/base/errors.ts';
import type { Engine } from '../../src/engine/contract.ts';
import type { BuildRequest, BuildResult, Builds, ContextSource } from '../../src/engine/builds-contract.ts';
import { TarReader } from '../../src/tar/reader.ts';
import { serveRoutes } from '../support/api-ground.ts';
import { tempFor } from '../support/temp.ts';

const DONE: BuildResult = { metadata: {}, warnings: [] };
const DIGEST = `sha256:${'a'.repeat(64)}` as const;

async function ground(t: TestContext, build: (request: BuildRequest) => Promise<BuildResult>) {
  const url = await serveRoutes(t, remoteBuildRoutes(`${tempFor(t)}/run`), { builds: { build } as Builds } as Engine);
  const engine = connectEngine(url);
  t.after(() => engine.close());
  return { engine, socket: url.replace('unix://', '') };
}

const never = new AbortController().signal;

async function all(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  // a context's is there only until the next one is asked for
  for await (const piece of bytes) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString();
}

async function namesIn(tar: AsyncIterable<Uint8Array>): Promise<string[]> {
  const names: string[] = [];
  const reader = new TarReader({ entry: ({ name }) => void names.push(name.toString()), data: () => {}, entryEnd: () => {} });
  for await (const piece of tar) reader.push(Buffer.from(piece));
  reader.end();
  return names;
}

async function* of(...pieces: (string | Error)[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    if (piece instanceof Error) throw piece;
    yield Buffer.from(piece);
  }
}

test('a request comes to the engine as it was made, and its result goes back', async (t) => {
  let got: BuildRequest | undefined;
  const { engine } = await ground(t, async (request) => {
    got = request;
    request.onEvent?.({ kind: 'log', vertex: DIGEST, stream: 1, data: Buffer.from([0, 255]), timestamp: 7 });
    return { imageId: DIGEST, metadata: { a: 'b' }, warnings: ['w'], provenance: () => ({ type: 't', predicate: { p: 1 } }) };
  });
  const events: unknown[] = [];
  const asked = {
    id: 'i',
    contexts: { context: { kind: 'remote', url: 'https://a/b.git' }, base: { kind: 'image', name: 'c' } },
    dockerfile: { text: 'FROM é', name: 'D' },
    target: 't',
    buildArgs: { A: '1', B: undefined },
    labels: { l: 'm' },
    annotations: { n: 'o' },
    platform: 'linux/arm64',
    noCache: ['s'],
    pull: true,
    network: 'none',
    entitlements: ['device'],
    addHosts: ['h:1.2.3.4'],
    ulimits: [{ type: 'nofile', soft: 1, hard: -1 }],
    shmSize: 5,
    cgroupParent: 'g',
    limits: { memory: 1, memorySwap: -1, cpuShares: 2, cpuQuota: 3, cpuPeriod: 4, cpusetCpus: '0', cpusetMems: '1' },
    cacheFrom: [{ type: 'registry', attributes: { ref: 'r' } }],
    cacheTo: [{ type: 'inline', attributes: {} }],
    exporters: [{ type: 'image', names: ['x', 'y'], push: true, attributes: { compression: 'zstd' } }, { type: 'cacheonly' }],
    provenance: { mode: 'max', version: 'v1', builderId: 'u', reproducible: true, inlineOnly: false, filename: 'f' },
    parameters: { 'vcs:revision': 'r' },
    classic: true,
  } satisfies BuildRequest;
  const { provenance, ...result } = await engine.builds.build({ ...asked, onEvent: (event) => events.push(event) });
  assert.deepEqual(result, { imageId: DIGEST, metadata: { a: 'b' }, warnings: ['w'] });
  assert.deepEqual(provenance?.(), { type: 't', predicate: { p: 1 } });
  assert.deepEqual(events, [{ kind: 'log', vertex: DIGEST, stream: 1, data: Buffer.from([0, 255]), timestamp: 7 }]);
  const { onEvent: _, signal: __, credentials, secret, ssh, ...rest } = got!;
  assert.deepEqual(rest, asked);
  assert.deepEqual([secret, ssh, await credentials!('docker.io', never)], [undefined, undefined, {}]);
});

test('what only the client has is asked of it; what it says goes wrong is said so', async (t) => {
  const said: Record<string, unknown> = {};
  const failing = async (name: string, work: Promise<unknown> | undefined) => {
    said[name] = await work!.then(
      () => 'no failure',
      (error: Error) => error.message,
    );
  };
  const { engine } = await ground(t, async ({ contexts, secret, credentials, exporters, cacheTo, cacheFrom }) => {
    const [context, broken] = [contexts['context'], contexts['broken']];
    said['secret'] = (await secret!('a', never))?.toString();
    said['absent'] = await secret!('b', never);
    await failing('secret fails', secret!('c', never));
    said['credentials'] = (await credentials!('h', never))?.username;
    if (context?.kind === 'tar') said['context'] = (await all(context.bytes)).length;
    if (broken?.kind === 'tar') await failing('context fails', all(broken.bytes));
    const [takes, refuses] = exporters as unknown as { receive(bytes: AsyncIterable<Buffer>, metadata: object, signal: AbortSignal): Promise<void> }[];
    await takes!.receive(of('a', 'b'), { m: 'n' }, never);
    await failing('exporter fails', refuses!.receive(of('x'.repeat(5_000_000), 'y'), {}, never));
    await failing('archive fails', takes!.receive(of('a', new Error('disk is full')), {}, never));
    const [to, from] = [cacheTo![0]!.store!, cacheFrom![0]!.store!];
    await to.write({ digest: DIGEST, size: 1 }, of('blob'), never);
    await to.named!({ mediaType: 'm', digest: DIGEST, size: 4 }, never);
    said['digest'] = cacheFrom![0]!.attributes['digest'];
    said['blob'] = await all(from.read(DIGEST, never));
    return DONE;
  });
  const taken: string[] = [];
  const folder = tempFor(t);
  const store = { read: () => of('blob'), write: async () => {} };
  await engine.builds.build({
    contexts: {
      context: { kind: 'tar', bytes: of(...Array.from({ length: 300 }, () => 'x'.repeat(100_000))) },
      broken: { kind: 'tar', bytes: of('a', new Error('file changed')) },
    },
    secret: async (id) => {
      if (id === 'c') throw new Error('no such file');
      return id === 'a' ? Buffer.from('whisper') : undefined;
    },
    credentials: async (host) => ({ username: `${host}-user`, password: 'p' }),
    exporters: [
      { type: 'tar', receive: async (bytes, metadata) => void taken.push(await all(bytes), JSON.stringify(metadata)) },
      { type: 'tar', receive: () => Promise.reject(new Error('not a terminal')) },
    ],
    cacheTo: [{ type: 'local', attributes: { dest: folder } }],
    cacheFrom: [{ type: 'local', attributes: { src: '/nowhere', digest: DIGEST }, store }],
  });
  assert.deepEqual(said, {
    secret: 'whisper',
    absent: undefined,
    'secret fails': 'no such file',
    credentials: 'h-user',
    context: 30_000_000,
    'context fails': 'file changed',
    'exporter fails': 'not a terminal',
    'archive fails': 'disk is full',
    digest: DIGEST,
    blob: 'blob',
  });
  assert.deepEqual(taken, ['ab', '{"m":"n"}']);
});

test('a folder that is opened in parts is sent whole, but for what its .dockerignore leaves out; and it is let go', async (t) => {
  const folder = tempFor(t);
  for (const [name, text] of Object.entries({ 'f.docker': 'FROM scratch', '.dockerignore': 'no\nf.docker\n', no: 'secret', yes: 'open' })) {
    writeFileSync(`${folder}/${name}`, text);
  }
  let names: readonly (readonly string[])[] = [];
  const { engine } = await ground(t, async ({ contexts }) => {
    names = await Promise.all(
      ['context', 'other'].map(async (name) => {
        const context = contexts[name];
        return context?.kind === 'tar' ? namesIn(context.bytes) : [];
      }),
    );
    return DONE;
  });
  let held = 0;
  const local: ContextSource = {
    kind: 'local',
    open: async () => {
      held++;
      return { path: folder, [Symbol.asyncDispose]: async () => void held-- };
    },
  };
  await engine.builds.build({ contexts: { context: local, other: local }, dockerfile: { path: 'f.docker' } });
  assert.deepEqual(names, [
    ['./', './.dockerignore', './f.docker', './yes'],
    ['./', './.dockerignore', './f.docker', './no', './yes'],
  ]);
  assert.equal(held, 0);
});

test('an agent is reached in both directions, and its socket goes with the build', async (t) => {
  const { createServer } = await import('node:net');
  const path = `${tempFor(t)}/agent`;
  const agent = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(path);
  t.after(() => agent.close());
  let used = '';
  const { engine } = await ground(t, async ({ ssh }) => {
    assert.equal(await ssh!('none', never), undefined);
    await using found = (await ssh!('default', never))!;
    used = found.path;
    const socket = connect(found.path);
    socket.end('hello');
    assert.equal(await all(socket), 'hello');
    return DONE;
  });
  let disposed = false;
  const given = { path, [Symbol.asyncDispose]: async () => void (disposed = true) };
  await engine.builds.build({ contexts: {}, ssh: async (id) => (id === 'default' ? given : undefined) });
  assert.equal(disposed, true);
  assert.match(used, /\/run\/ssh-/);
  assert.equal((await import('node:fs')).existsSync(used), false);
});

test('a failure is the engine’s; a build that is given up is cancelled, and waited for', async (t) => {
  const detail = { source: { filename: 'D', data: Buffer.from('FROM') }, ranges: [], exitCode: 4 };
  const cleaned: string[] = [];
  const { engine, socket } = await ground(t, async ({ target, signal }) => {
    if (target === 'fails') throw new EngineError('denied', 'no', { hint: 'h', detail });
    await new Promise((resolve) => signal!.addEventListener('abort', resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    cleaned.push(target!);
    throw signal!.reason;
  });
  await assert.rejects(engine.builds.build({ contexts: {}, target: 'fails' }), (error: EngineError) => {
    assert.deepEqual([error.kind, error.message, error.hint, error.detail], ['denied', 'no', 'h', detail]);
    return true;
  });
  const stop = new AbortController();
  const given = engine.builds.build({ contexts: {}, target: 'given up', signal: stop.signal, onEvent: () => {} });
  setTimeout(() => stop.abort(), 100);
  await assert.rejects(given, (error: EngineError) => error.kind === 'cancelled' && error.message === 'context canceled');
  assert.deepEqual(cleaned, ['given up']);
  // a client that vanishes
  const gone = connect(socket);
  const body = '{"target":"vanished"}';
  gone.write(
    `POST /v1.51/kobako/builds HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await new Promise((resolve) => gone.once('data', resolve));
  gone.destroy();
  for (let tries = 0; cleaned.length < 2 && tries < 100; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(cleaned, ['given up', 'vanished']);
});

test('documents that are none are refused before anything begins', async (t) => {
  const { socket } = await ground(t, async () => assert.fail('built'));
  const answer = (body: string) =>
    new Promise<string>((resolve, reject) => {
      const connection = connect(socket);
      let text = '';
      connection.on('data', (data) => (text += String(data)));
      connection.on('error', reject);
      connection.once('close', () => resolve(text));
      connection.end(
        `POST /kobako/builds HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
  for (const body of [
    '{',
    '[]',
    '{"contexts":{"a":{"kind":"local"}}}',
    '{"exporters":[{"type":"evil"}]}',
    '{"shmSize":-1}',
    '{"cacheTo":[{"type":"s3"}]}',
    '{"describe":"all"}',
  ]) {
    assert.match(await answer(body), /^HTTP\/1\.1 400 /, body);
  }
});
