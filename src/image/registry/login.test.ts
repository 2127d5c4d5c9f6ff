import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeRegistry, USER } from '../../../test/support/fake-registry.ts';
import { EngineError } from '../../base/errors.ts';
import { serverDomain } from './login.ts';
import { Registries } from './registries.ts';

const denied = (message: RegExp) => (error: unknown) => error instanceof EngineError && error.kind === 'denied' && message.test(error.message);

test('servers as config files name them', () => {
  for (const hub of ['', 'docker.io', 'https://index.docker.io/v1/', 'index.docker.io', 'registry-1.docker.io'])
    assert.equal(serverDomain(hub), 'docker.io', hub);
  assert.equal(serverDomain('http://Localhost:5000/v1/'), 'localhost:5000');
  assert.equal(serverDomain('[::1]:5000'), '[::1]:5000');
  for (const bad of ['UP PER', '-x', 'a:x', 'user@host', 'host:99999999', 'a\nb']) {
    assert.throws(
      () => serverDomain(bad),
      (error) => error instanceof EngineError && error.kind === 'invalid' && error.message.startsWith('unable to parse server address'),
      bad,
    );
  }
});

for (const auth of ['basic', 'token'] as const) {
  test(`login with ${auth}: right, wrong, nobody`, async (t) => {
    const registry = await fakeRegistry(t, { auth });
    using registries = new Registries({ retries: { attempts: 1 } });
    const identity = await registries.login(registry.host, USER);
    assert.equal(identity, auth === 'token' ? 'refresh' : '');
    if (auth === 'token') assert.equal(await registries.login(registry.host, { username: USER.username, identityToken: identity }), '', 'it stays what it is');
    await registries.login(`http://${registry.host}/v1/`, USER);
    await assert.rejects(
      registries.login(registry.host, { ...USER, password: 'wrong' }),
      denied(auth === 'basic' ? /^login attempt to http:\/\/.*\/v2\/ failed with status: 401 Unauthorized$/ : /^Get "http:\/\/.*\/v2\/": unauthorized: /),
    );
    assert.ok(
      registry.asked.every(({ url, headers }) => url.pathname === '/v2/' || headers.authorization !== undefined || url.pathname.includes('token')),
      'credentials go nowhere else',
    );
  });
}

test('a registry that wants nothing takes everybody', async (t) => {
  const registry = await fakeRegistry(t);
  using registries = new Registries({ retries: { attempts: 1 } });
  await registries.login(registry.host, USER);
});

test('a signal ends the wait', async (t) => {
  const registry = await fakeRegistry(t);
  registry.hook = () => true; // never answers
  using registries = new Registries({ retries: { attempts: 1 } });
  await assert.rejects(registries.login(registry.host, USER, AbortSignal.timeout(50)), (error) => error instanceof EngineError && error.kind === 'cancelled');
});
