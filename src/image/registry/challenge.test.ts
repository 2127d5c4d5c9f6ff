import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChallenges } from './challenge.ts';

const read = (...values: string[]) => parseChallenges(values).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test('reads one challenge, several in one header, and several headers', () => {
  assert.deepEqual(read('Bearer realm="https://a.io/token",service="a.io",scope="repository:x:pull,push"'), [
    ['bearer', { realm: 'https://a.io/token', service: 'a.io', scope: 'repository:x:pull,push' }],
  ]);
  assert.deepEqual(read('Basic realm="a \\"b\\" \\\\", Bearer Realm="r" , service=s', 'Digest a=b'), [
    ['basic', { realm: 'a "b" \\' }],
    ['bearer', { realm: 'r', service: 's' }],
    ['digest', { a: 'b' }],
  ]);
  assert.deepEqual(read('Negotiate, NTLM TlRMTVNTUAA==, Basic realm=x'), [
    ['negotiate', {}],
    ['ntlm', {}],
    ['basic', { realm: 'x' }],
  ]);
  assert.deepEqual(read('Bearer realm=https://a.io/t,service=a.io:5000'), [['bearer', { realm: 'https://a.io/t', service: 'a.io:5000' }]]);
});

test('the first of two parameters counts', () => {
  assert.deepEqual(read('Bearer realm="good",realm="evil"'), [['bearer', { realm: 'good' }]]);
});

test('what is broken ends the list and costs no time', () => {
  assert.deepEqual(read(''), []);
  assert.deepEqual(read('=,=,"'), []);
  assert.deepEqual(read('Bearer realm="never closed'), [['bearer', {}]]);
  const start = performance.now();
  for (const text of [`Bearer realm="${'\\"'.repeat(100_000)}`, 'a,'.repeat(100_000), `Basic ${'a'.repeat(100_000)}!`, `${'='.repeat(100_000)}`]) read(text);
  assert.ok(performance.now() - start < 2000);
});
