/** What only this client does; that it keeps what `Images` promises: test/api/images.suite.ts. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { tempFor } from '../../test/support/temp.ts';
import { EngineError } from '../base/errors.ts';
import { HttpClient } from './http.ts';
import { remoteImages, type RemoteImagesOptions } from './images.ts';

interface Asked {
  readonly line: string;
  readonly auth: unknown;
}

/** A daemon of API 1.40 that answers from a table of `METHOD PATH`. */
async function daemon(t: TestContext, answers: Readonly<Record<string, unknown>>, options: RemoteImagesOptions = {}) {
  const asked: Asked[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/_ping') return void response.writeHead(200, { 'api-version': '1.40' }).end('OK');
    const header = request.headers['x-registry-auth'];
    asked.push({
      line: `${request.method} ${request.url}`,
      auth: header === undefined ? undefined : (JSON.parse(Buffer.from(String(header), 'base64url').toString()) as unknown),
    });
    const found = answers[`${request.method} ${request.url!.replace(/^\/v1\.40|\?.*/g, '')}`];
    if (found === undefined) return void response.writeHead(404).end('{"message":"page not found"}');
    response.end(Array.isArray(found) && typeof found[0] === 'string' ? found.join('\r\n') : JSON.stringify(found));
  };
  const server = createServer(answer);
  const socket = `${tempFor(t)}/s`;
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const http = new HttpClient(`unix://${socket}`);
  t.after(() => {
    http.close();
    server.closeAllConnections();
    server.close();
  });
  return { images: remoteImages(http, options), asked };
}

const line = (message: object) => JSON.stringify(message);

test('credentials: those that are given, else those for the registry, else nobody’s', async (t) => {
  const pulled = [line({ status: 'done' })];
  const credentials = async (domain: string) => (domain === 'h.io' ? { username: 'ü>?', password: 'p' } : undefined);
  const { images, asked } = await daemon(t, { 'POST /images/create': pulled, 'POST /images/h.io/a/push': pulled }, { credentials });
  await images.pull('h.io/a:1');
  await images.pull('h.io/a:1', { credentials: { identityToken: 't' } });
  await images.pull('a');
  await images.push('h.io/a:2');
  assert.deepEqual(asked, [
    { line: 'POST /v1.40/images/create?fromImage=h.io%2Fa%3A1&tag=1', auth: { username: 'ü>?', password: 'p' } },
    { line: 'POST /v1.40/images/create?fromImage=h.io%2Fa%3A1&tag=1', auth: { identitytoken: 't' } },
    { line: 'POST /v1.40/images/create?fromImage=a%3Alatest&tag=latest', auth: {} },
    { line: 'POST /v1.40/images/h.io/a/push?tag=2', auth: { username: 'ü>?', password: 'p' } },
  ]);
});

test('what a daemon of old shows for no name is no name', async (t) => {
  const item = {
    Containers: -1,
    Created: 1,
    Id: 'sha256:a',
    Labels: null,
    ParentId: '',
    RepoDigests: ['<none>@<none>'],
    RepoTags: ['<none>:<none>'],
    SharedSize: -1,
    Size: 3,
  };
  const { images } = await daemon(t, { 'GET /images/json': [item, { ...item, RepoDigests: null, RepoTags: ['b:1', 'a:1'], SharedSize: 0 }] });
  const expected = { id: 'sha256:a', repoTags: [], repoDigests: [], created: 1, size: 3, labels: {}, containers: -1 };
  assert.deepEqual(await images.list(), [expected, { ...expected, repoTags: ['a:1', 'b:1'], sharedSize: 0 }]);
});

test('an error in the stream has the kind that its code says, and ends it', async (t) => {
  const failing = (errorDetail: object) => [line({ status: 'first' }), line({ errorDetail, error: 'words' }), line({ status: 'never' })];
  for (const [detail, kind] of [
    [{ message: 'words' }, 'internal'],
    [{ code: 404, message: 'words' }, 'not-found'],
    [{ code: 403, message: 'words' }, 'denied'],
  ] as const) {
    const { images } = await daemon(t, { 'POST /images/create': failing(detail) });
    const seen: string[] = [];
    await assert.rejects(
      images.pull('a', { onProgress: ({ status }) => void seen.push(status) }),
      (error) => error instanceof EngineError && error.kind === kind && error.message === 'words',
    );
    assert.deepEqual(seen, ['first']);
  }
});

test('names that would leave the path go nowhere', async (t) => {
  const { images, asked } = await daemon(t, {});
  for (const name of ['../containers/json', '', 'a//b', '..']) {
    await assert.rejects(images.inspect(name), (error) => error instanceof EngineError && error.kind === 'invalid', name);
    await assert.rejects(images.remove(name), (error) => error instanceof EngineError && error.kind === 'invalid', name);
  }
  await assert.rejects(images.inspect('a', { platform: 'a/b/c/d' }), /cannot parse platform specifier/);
  assert.deepEqual(asked, []);
});
