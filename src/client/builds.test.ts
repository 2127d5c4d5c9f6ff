/** Builds behind a socket that is another daemon's: it has the older builder's API only. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test, type TestContext } from 'node:test';
import { EngineError } from '../base/errors.ts';
import type { BuildRequest } from '../engine/builds-contract.ts';
import { tempFor } from '../../test/support/temp.ts';
import { connectEngine } from './engine.ts';

async function ground(t: TestContext) {
  const calls: string[] = [];
  const queries: URLSearchParams[] = [];
  const server = createServer((request, response) => {
    request.resume();
    if (request.url === '/_ping') return void response.writeHead(200, { 'api-version': '1.51' }).end('OK');
    calls.push(`${request.method} ${request.url!.replace(/^\/v1\.\d+/, '').replace(/\?.*/, '')}`);
    queries.push(new URL(request.url!, 'http://a').searchParams);
    if (request.url!.includes('/prune')) return void response.end('{"CachesDeleted":null,"SpaceReclaimed":0}');
    if (!request.url!.includes('/build?')) return void response.writeHead(404).end('{"message":"page not found"}');
    request.once('end', () => response.end('{"stream":"Step 1/1 : FROM a\\n"}\n{"aux":{"ID":"sha256:1"}}\n'));
  });
  const socket = `${tempFor(t)}/s`;
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const engine = connectEngine(`unix://${socket}`);
  t.after(async () => {
    await engine.close();
    server.closeAllConnections();
    server.close();
  });
  const request = (more: Partial<BuildRequest> = {}): BuildRequest => ({
    contexts: {
      context: {
        kind: 'tar',
        bytes: (async function* () {
          yield Buffer.from('tar');
        })(),
      },
    },
    exporters: [{ type: 'image', names: [] }],
    ...more,
  });
  return { engine, calls, queries, request };
}

test('what the older builder can do is asked of it', async (t) => {
  const { engine, calls, request } = await ground(t);
  assert.deepEqual(await engine.builds.build(request({ target: 'a' })), { imageId: 'sha256:1', metadata: {}, warnings: [] });
  assert.deepEqual(calls, ['POST /kobako/builds', 'POST /build']);
});

test('what it cannot do is refused, and not left out', async (t) => {
  const { engine, calls, request } = await ground(t);
  const provenance = { mode: 'min', version: 'v1', builderId: '', reproducible: false, inlineOnly: false, filename: '' } as const;
  const asked: readonly [Partial<BuildRequest>, RegExp][] = [
    [{ provenance }, /^a wish for provenance cannot be sent/],
    [{ secret: async () => undefined }, /^secrets cannot/],
    [{ ssh: async () => undefined }, /^agents of ssh cannot/],
    [{ cacheFrom: [{ type: 'registry', attributes: { ref: 'a' } }] }, /^a cache source/],
    [{ cacheTo: [{ type: 'inline', attributes: {} }] }, /^a cache destination/],
    [{ noCache: ['a'] }, /^stages that are not cached/],
    [{ annotations: { a: 'b' } }, /^annotations/],
    [{ entitlements: ['security.insecure'] }, /^entitlements/],
    [{ exporters: [{ type: 'cacheonly' }] }, /^this output/],
    [{ exporters: [{ type: 'image', names: [], push: true }] }, /^an image to be pushed/],
    [{ exporters: [{ type: 'image', names: [], attributes: { compression: 'zstd' } }] }, /^attributes of the image/],
    [{ contexts: { ...request().contexts, other: { kind: 'image', name: 'a' } } }, /^further build contexts/],
    [{ dockerfile: { text: 'FROM a' } }, /^a Dockerfile outside/],
  ];
  for (const [more, message] of asked) {
    await assert.rejects(
      engine.builds.build(request(more)),
      (error) => error instanceof EngineError && error.kind === 'unavailable' && message.test(error.message),
    );
  }
  await assert.rejects(engine.builds.describe(request(), 'lint'), /^EngineError: a Dockerfile that is to be read only cannot be sent/);
  assert.ok(!calls.includes('POST /build'));
});

test('the age of what is pruned is a filter', async (t) => {
  const { engine, queries } = await ground(t);
  await engine.builds.prune({ keepDuration: 60_000, filters: { type: ['regular'] } });
  assert.deepEqual(JSON.parse(queries[0]!.get('filters')!), { type: ['regular'], 'unused-for': ['60000ms'] });
  await assert.rejects(engine.builds.prune({ keepDuration: 1, filters: { until: ['1h'] } }), { kind: 'unavailable' });
});
