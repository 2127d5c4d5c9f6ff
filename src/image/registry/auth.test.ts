/** Being let in, and what credentials are kept from. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { answer, fakeRegistry, type FakeOptions, fault, USER } from '../../../test/support/fake-registry.ts';
import { collect, openRepository } from '../../../test/support/registry-client.ts';
import type { Credentials } from '../contract.ts';
import { OCI_MANIFEST } from '../manifest.ts';
import { failure } from '../../../test/support/failure.ts';

const D = `sha256:${'a'.repeat(64)}`;
const IMAGE = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: D, size: 2 }, layers: [] };

async function guarded(t: TestContext, auth: 'basic' | 'token', credentials?: Credentials, path = 'app', options: FakeOptions = {}) {
  const registry = await fakeRegistry(t, { auth, ...options });
  const image = registry.addManifest(path, 'latest', OCI_MANIFEST, IMAGE);
  return { registry, image, repository: openRepository(t, `${registry.host}/${path}:latest`, {}, credentials) };
}

test('Basic: let in with a password, refused without and with a wrong one', async (t) => {
  const { repository, image, registry } = await guarded(t, 'basic', USER);
  assert.equal((await repository.manifest('latest')).descriptor.digest, image.digest);
  const open = (credentials?: Credentials) => openRepository(t, `${registry.host}/app:latest`, {}, credentials);
  const nobody = await failure(open().manifest('latest'));
  assert.equal(nobody.message, 'no basic auth credentials'); // docker 28's
  assert.equal(nobody.kind, 'denied');
  const before = registry.asked.length;
  const wrong = await failure(open({ username: 'user', password: 'wrong' }).manifest('latest'));
  assert.equal(wrong.message, 'unauthorized: authentication required');
  assert.equal(registry.asked.length - before, 2, 'a password that was refused is not sent again and again');
});

test('tokens: fetched once for each scope, and used until they expire', async (t) => {
  const { repository, image, registry } = await guarded(t, 'token', USER);
  for (let times = 0; times < 3; times++) assert.equal((await repository.manifest('latest')).descriptor.digest, image.digest);
  await Promise.all([repository.manifest('latest'), repository.resolve('latest')]);
  const tokens = registry.asked.filter(({ url }) => url.pathname === '/token');
  assert.equal(tokens.length, 1);
  assert.deepEqual(
    [...tokens[0]!.url.searchParams],
    [
      ['scope', 'repository:app:pull'],
      ['service', 'fake'],
      ['account', 'user'],
    ],
  );
  const blob = registry.addBlob(Buffer.from('x'));
  await repository.pushBlob({ mediaType: 'x/y', digest: blob, size: 1 }, async function* () {});
  const scopes = registry.asked.flatMap(({ url }) => (url.pathname === '/token' ? [url.searchParams.get('scope')] : []));
  assert.deepEqual(scopes, ['repository:app:pull', 'repository:app:pull,push']);
});

test('a token that is refused is fetched anew, once', async (t) => {
  const { repository, image, registry } = await guarded(t, 'token', USER);
  await repository.manifest('latest');
  registry.tokens.clear(); // as if they had expired
  assert.equal((await repository.manifest('latest')).descriptor.digest, image.digest);
  assert.equal(registry.lines().filter((line) => line === 'GET /token').length, 2);
});

test('requests at once share one token', async (t) => {
  const { repository, registry } = await guarded(t, 'token', USER);
  await Promise.all(Array.from({ length: 10 }, () => repository.manifest('latest')));
  assert.equal(registry.lines().filter((line) => line === 'GET /token').length, 1);
  assert.equal(registry.lines().filter((line) => line === 'GET /v2/').length, 1);
});

test('anonymous: tokens without credentials, for what is public', async (t) => {
  const open = await guarded(t, 'token', undefined, 'public/app');
  assert.equal((await open.repository.manifest('latest')).descriptor.digest, open.image.digest);
  assert.equal(open.registry.asked.find(({ url }) => url.pathname === '/token')!.headers.authorization, undefined);
  const closed = await guarded(t, 'token', undefined, 'private/app');
  assert.equal((await failure(closed.repository.manifest('latest'))).message, 'unauthorized: authentication required');
});

test('an identity token goes by POST, a registry token as it is', async (t) => {
  const { repository, image, registry } = await guarded(t, 'token', { identityToken: 'refresh' });
  assert.equal((await repository.manifest('latest')).descriptor.digest, image.digest);
  assert.ok(registry.lines().includes('POST /token'));
  const wrong = await failure(openRepository(t, `${registry.host}/app`, {}, { identityToken: 'old' }).manifest('latest'));
  assert.equal(wrong.message, 'unauthorized: bad refresh token');
  registry.tokens.set('mine', 'repository:app:pull');
  const direct = openRepository(t, `${registry.host}/app`, {}, { registryToken: 'mine' });
  assert.equal((await direct.manifest('latest')).descriptor.digest, image.digest);
  assert.equal(registry.asked.at(-1)!.headers.authorization, 'Bearer mine');
});

test('what a token server may answer', async (t) => {
  const { registry, repository } = await guarded(t, 'token', USER);
  const says = async (status: number, text: string) => {
    registry.hook = (_request, response, url) => {
      if (url.pathname !== '/token') return false;
      answer(response, status, { 'content-type': 'application/json' }, text);
      return true;
    };
    return failure(repository.manifest('latest'));
  };
  assert.equal((await says(401, '{"details":"incorrect username or password"}')).message, 'unauthorized: incorrect username or password'); // docker 28's
  assert.match((await says(403, '{"errors":[{"code":"DENIED","message":"no you do not"}]}')).message, /denied: no you do not$/);
  assert.match((await says(500, 'oops')).message, /received unexpected HTTP status: 500 Internal Server Error/);
  assert.equal((await says(200, '{}')).message, 'authorization server did not include a token in the response'); // docker 28's
  assert.match((await says(200, '{"token":"a\\r\\nX-Evil: 1"}')).message, /did not include a token/);
  assert.match((await says(200, '<html>')).message, /it is not JSON/);
  registry.hook = (_request, response, url) => {
    if (url.pathname !== '/token') return false;
    answer(response, 200, {}, JSON.stringify({ access_token: [...registry.tokens.keys()][0] ?? 'x', expires_in: -5 }));
    return true;
  };
  registry.tokens.set('x', 'repository:app:pull');
  assert.ok(await repository.manifest('latest'));
});

test('credentials do not go to a token server without TLS that is not this machine or listed', async (t) => {
  let sent = 0;
  const evil = await fakeRegistry(t, { listen: '0.0.0.0' });
  evil.hook = () => {
    sent++;
    return false;
  };
  const { repository } = await guarded(t, 'token', USER, 'app', { realm: () => 'http://token.example.test:1/token' });
  assert.match((await failure(repository.manifest('latest'))).message, /^refusing to send credentials to http:\/\/token\.example\.test:1\/token without TLS$/);
  for (const realm of ['file:///etc/passwd', 'http://user:pass@127.0.0.1/token', 'nonsense']) {
    const other = await guarded(t, 'token', USER, 'app', { realm: () => realm });
    assert.match((await failure(other.repository.manifest('latest'))).message, /as its authorization server, which is no address/);
  }
  assert.equal(sent, 0);
});

test('a redirect to another host gets no credentials; one within the registry does', async (t) => {
  const { registry, repository } = await guarded(t, 'basic', USER);
  const cdn = await fakeRegistry(t);
  const bytes = Buffer.from('the blob');
  const digest = cdn.addBlob(bytes);
  cdn.hook = (request, response, url) => {
    if (url.pathname === '/evil') {
      // asks for what it should not get
      answer(response, 401, { 'www-authenticate': `Basic realm="x"` });
      return true;
    }
    if (url.pathname !== '/cdn') return false;
    assert.equal(request.headers.authorization, undefined);
    answer(response, 200, {}, bytes);
    return true;
  };
  let to = `${cdn.address}/cdn?signature=secret`;
  registry.hook = (_request, response, url) => {
    if (!url.pathname.includes('/blobs/')) return false;
    answer(response, 307, { location: to });
    return true;
  };
  const blob = { mediaType: 'x/y', digest, size: bytes.length };
  assert.deepEqual(await collect(await repository.blob(blob)), bytes);
  to = `${cdn.address}/evil`;
  assert.equal((await failure(repository.blob(blob))).kind, 'denied');
  for (const { headers } of cdn.asked) assert.equal(headers.authorization, undefined);
  to = '/moved';
  registry.hook = (request, response, url) => {
    if (url.pathname === '/moved') answer(response, request.headers.authorization === undefined ? 403 : 200, {}, bytes);
    else if (url.pathname.includes('/blobs/')) answer(response, 302, { location: to });
    else return false;
    return true;
  };
  assert.deepEqual(await collect(await repository.blob(blob)), bytes);
  to = 'file:///etc/passwd';
  assert.match((await failure(repository.blob(blob))).message, /redirects to file:, which is not followed/);
});

test('insufficient_scope in the challenge is a denial', async (t) => {
  const { registry, repository } = await guarded(t, 'token', USER);
  registry.hook = (_request, response, url) => {
    if (!url.pathname.includes('/manifests/')) return false;
    fault(response, 401, 'UNAUTHORIZED', 'authentication required', {
      'www-authenticate': `Bearer realm="${registry.address}/token",service="fake",error="insufficient_scope"`,
    });
    return true;
  };
  assert.match(
    (await failure(repository.manifest('latest'))).message,
    /^pull access denied for .*\/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied$/,
  );
});
