import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import { loginOf, registryAuth } from './registry-auth.ts';

const encode = (value: unknown, encoding: 'base64' | 'base64url' = 'base64url') => Buffer.from(JSON.stringify(value)).toString(encoding);
const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

test('X-Registry-Auth, in both alphabets; what cannot be read is nobody, as dockerd has it', () => {
  const given = { username: 'ü?>', password: 'p', serveraddress: 'x' };
  for (const encoding of ['base64', 'base64url'] as const) assert.deepEqual(plain(registryAuth(encode(given, encoding))), { username: 'ü?>', password: 'p' });
  assert.deepEqual(plain(registryAuth(encode({ identitytoken: 't' }))), { identityToken: 't' });
  assert.deepEqual(plain(registryAuth(encode({ auth: Buffer.from('u:p:q').toString('base64') }))), { username: 'u', password: 'p:q' });
  for (const nobody of [undefined, '', '%%%', 'bm90IGpzb24', encode({}), encode(null), encode([]), encode('x'), encode({ username: '' })])
    assert.deepEqual(plain(registryAuth(nobody)), {}, nobody);
});

test('the body of /auth', () => {
  const login = loginOf({ Username: 'u', password: 'p', email: 'x', serveraddress: 'h:5000' });
  assert.deepEqual(plain(login), { username: 'u', password: 'p', serverAddress: 'h:5000' });
  assert.equal(loginOf({}).serverAddress, '');
  for (const bad of [undefined, { username: 1 }, []])
    assert.throws(
      () => loginOf(bad),
      (error) => error instanceof EngineError && error.kind === 'invalid',
    );
});
