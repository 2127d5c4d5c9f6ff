import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Route } from './contract.ts';
import { Router, takeVersion } from './router.ts';

const route = (method: Route['method'], path: string): Route => ({ method, path, handler: () => {} });
const PATHS = [
  '/images/json',
  '/images/{name...}/json',
  '/images/{name...}/push/now',
  '/images/{name...}',
  '/images/get',
  '/containers/{id}/json',
  '/containers/json',
  '/containers/{id}',
  '/x/{a}/y/{b}',
  '/x/fixed/y/{b}',
  '/x/{rest...}',
];
const router = new Router([...PATHS.map((path) => route('GET', path)), route('DELETE', '/images/{name...}'), route('POST', '/containers/{id}')]);

function found(method: string, path: string): string | undefined {
  const match = router.find(method, path);
  return match && `${match.route.path} ${JSON.stringify(match.params)}`;
}

test('static parts come before parameters, and those before the rest', () => {
  assert.equal(found('GET', '/images/json'), '/images/json {}');
  assert.equal(found('GET', '/images/busybox/json'), '/images/{name...}/json {"name":"busybox"}');
  assert.equal(found('GET', '/images/a.b:5000/c/d/json'), '/images/{name...}/json {"name":"a.b:5000/c/d"}');
  assert.equal(found('GET', '/images/a/json/json'), '/images/{name...}/json {"name":"a/json"}');
  assert.equal(found('GET', '/images/a/push/now'), '/images/{name...}/push/now {"name":"a"}');
  assert.equal(found('GET', '/images/a%2Fb/json'), '/images/{name...}/json {"name":"a/b"}');
  assert.equal(found('GET', '/images/a/b'), '/images/{name...} {"name":"a/b"}');
  assert.equal(found('DELETE', '/images/json'), '/images/{name...} {"name":"json"}');
  assert.equal(found('DELETE', '/images/get'), '/images/{name...} {"name":"get"}');
  assert.equal(found('GET', '/containers/json'), '/containers/json {}');
  assert.equal(found('POST', '/containers/json'), '/containers/{id} {"id":"json"}');
  assert.equal(found('GET', '/containers/%C3%A9/json'), '/containers/{id}/json {"id":"é"}');
  assert.equal(found('GET', '/x/fixed/y/1'), '/x/fixed/y/{b} {"b":"1"}');
  assert.equal(found('GET', '/x/other/y/1'), '/x/{a}/y/{b} {"b":"1","a":"other"}');
  assert.equal(found('GET', '/x/fixed/z'), '/x/{rest...} {"rest":"fixed/z"}');
});

test('what is not there', () => {
  for (const path of [
    '/',
    '',
    '*',
    '/images',
    '/images/',
    '/containers/x/',
    '/containers//json',
    '/containers/x/json/',
    '/nope',
    '/__proto__',
    '/containers/x/y',
  ]) {
    assert.equal(found('GET', path), undefined, path);
  }
  assert.equal(found('PUT', '/containers/json'), undefined);
  assert.throws(() => found('GET', '/containers/%zz/json'), { kind: 'invalid' });
});

test('a table with two routes for the same is refused', () => {
  assert.throws(() => new Router([route('GET', '/a/{b}'), route('GET', '/a/{b}')]), /two routes for GET \/a\/\{b\}/);
  assert.throws(() => new Router([route('GET', '/a/{b}'), route('PUT', '/a/{c}/d')]), /called \{b\} elsewhere/);
  assert.throws(() => new Router([route('GET', '/a//b')]), /no path of a route/);
});

test('versions', () => {
  assert.deepEqual(takeVersion('/v1.24/x'), { version: 24, path: '/x' });
  assert.deepEqual(takeVersion('/v1.51/x/y'), { version: 51, path: '/x/y' });
  assert.deepEqual(takeVersion('/x'), { version: 51, path: '/x' });
  assert.deepEqual(takeVersion('/volumes'), { version: 51, path: '/volumes' });
  assert.deepEqual(takeVersion('/v1.51'), { version: 51, path: '/v1.51' });
  const refused = (path: string) => takeVersion(path) as { refused: string; tooOld: boolean };
  assert.deepEqual(refused('/v1.52/x'), { refused: 'client version 1.52 is too new. Maximum supported API version is 1.51', tooOld: false });
  assert.equal(refused('/v1.51.2/x').tooOld, false);
  assert.equal(refused('/v2.0/x').tooOld, false);
  for (const version of ['1.23', '1', '1.0', '0.99', '.', '1.', '1..5']) {
    assert.equal(
      refused(`/v${version}/x`).refused,
      `client version ${version} is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version`,
    );
  }
});
