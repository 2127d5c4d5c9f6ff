import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../base/errors.ts';
import { decodeRegistryConfig, findCredentials, parseCredentialConfig } from './credentials.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const config = (value: unknown) => parseCredentialConfig(Buffer.from(JSON.stringify(value)));
const noHelper = () => assert.fail('no helper is named');
const shape = async (found: Promise<unknown>) => JSON.parse(JSON.stringify((await found) ?? null)) as unknown;

test('finds what the config file has, by exact name, by URL, and for Docker Hub', async () => {
  const file = config({
    auths: {
      'https://index.docker.io/v1/': { auth: base64('hub:se:cret') },
      'h.io:5000': { auth: base64('me:pw'), identitytoken: 'refresh' },
      'https://old.io/v2/': { auth: base64('old:pw\0\0') },
      'plain.io': { username: 'u', password: 'p' },
      'token.io': { registrytoken: 'jwt' },
      'empty.io': {},
    },
  });
  assert.deepEqual(await shape(findCredentials(file, 'docker.io', noHelper)), { username: 'hub', password: 'se:cret' });
  assert.deepEqual(await shape(findCredentials(file, 'h.io:5000', noHelper)), { username: 'me', password: 'pw', identityToken: 'refresh' });
  assert.deepEqual(await shape(findCredentials(file, 'old.io', noHelper)), { username: 'old', password: 'pw' });
  assert.deepEqual(await shape(findCredentials(file, 'plain.io', noHelper)), { username: 'u', password: 'p' });
  assert.deepEqual(await shape(findCredentials(file, 'token.io', noHelper)), { registryToken: 'jwt' });
  for (const domain of ['empty.io', 'other.io', 'h.io', 'h.io:5001', 'x.h.io:5000'])
    assert.equal(await findCredentials(file, domain, noHelper), undefined, domain);
});

test('asks the helper of a registry before the store, and the store before the file', async () => {
  const asked: string[] = [];
  const helper = async (name: string, server: string) => {
    asked.push(`${name} ${server}`);
    if (server === 'none.io') return { code: 1, stdout: 'credentials not found in native keychain\n' };
    if (server === 'bad.io') return { code: 1, stdout: 'the door is \x1b[31mlocked' };
    return { code: 0, stdout: JSON.stringify({ ServerURL: server, Username: server === 'id.io' ? '<token>' : 'u', Secret: 's' }) };
  };
  const file = config({ auths: { 'a.io': { auth: base64('file:x') } }, credsStore: 'store', credHelpers: { 'own.io': 'own' } });
  assert.deepEqual(await shape(findCredentials(file, 'own.io', helper)), { username: 'u', password: 's' });
  assert.deepEqual(await shape(findCredentials(file, 'a.io', helper)), { username: 'u', password: 's' });
  assert.deepEqual(await shape(findCredentials(file, 'id.io', helper)), { identityToken: 's' });
  assert.equal(await findCredentials(file, 'none.io', helper), undefined);
  assert.deepEqual(await shape(findCredentials(file, 'docker.io', helper)), { username: 'u', password: 's' });
  assert.deepEqual(asked, ['own own.io', 'store a.io', 'store id.io', 'store none.io', 'store https://index.docker.io/v1/']);
  await assert.rejects(
    findCredentials(file, 'bad.io', helper),
    /error getting credentials - err: docker-credential-store: exit status 1, out: `the door is +\[31mlocked`/,
  );
  await assert.rejects(findCredentials(config({ credsStore: '../../bin/sh' }), 'a.io', helper), /not the name of a credential helper/);
});

test('X-Registry-Config', () => {
  const header = Buffer.from(JSON.stringify({ 'h.io': { username: 'ü?>', password: 'p' } })).toString('base64url');
  assert.equal(decodeRegistryConfig(header).auths.get('h.io')!.username, 'ü?>');
  assert.equal(decodeRegistryConfig(undefined).auths.size, 0);
});

test('a broken config file is an error that says so', () => {
  for (const text of ['{', '[]', '{"auths":[]}', '{"auths":{"a":{"auth":"!!"}}}', `{"auths":{"a":{"auth":"${base64('nocolon')}"}}}`]) {
    assert.throws(
      () => parseCredentialConfig(Buffer.from(text)),
      (error) => error instanceof EngineError && error.kind === 'invalid',
      text,
    );
  }
  assert.equal(parseCredentialConfig(Buffer.alloc(0)).auths.size, 0);
});
