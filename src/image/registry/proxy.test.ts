import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyAuthorization, proxyFor } from './proxy.ts';
import { InsecureHosts } from './trust.ts';

const through = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env)?.href;

test('the proxy by scheme, upper case first', () => {
  const env = { HTTPS_PROXY: 'http://s:1', https_proxy: 'http://other:1', http_proxy: 'p:2' };
  assert.equal(through('https://a.io/', env), 'http://s:1/');
  assert.equal(through('http://a.io/', env), 'http://p:2/');
  assert.equal(through('https://a.io/', { https_proxy: 'http://low:1' }), 'http://low:1/');
  assert.equal(through('https://a.io/', { HTTPS_PROXY: '' }), undefined);
  assert.equal(through('https://a.io/', {}), undefined);
  for (const loopback of ['https://localhost:5000/', 'https://127.0.0.2/', 'https://[::1]:5/']) assert.equal(through(loopback, env), undefined, loopback);
  assert.equal(through('https://a.io/', { HTTPS_PROXY: 'socks5://u:p@x:1' }), 'socks5://u:p@x:1');
  assert.throws(() => through('https://a.io/', { HTTPS_PROXY: 'socks4://x:1' }), /a proxy of kind socks4 is not supported/);
  assert.equal(proxyAuthorization(new URL('http://u%40x:p%3A@h')), `Basic ${Buffer.from('u@x:p:').toString('base64')}`);
  assert.equal(proxyAuthorization(new URL('http://h')), undefined);
});

test('NO_PROXY: names with and below, suffixes, ports, addresses, networks, all', () => {
  const direct = (url: string, list: string) => through(url, { https_proxy: 'http://p:1', no_proxy: list }) === undefined;
  assert.ok(direct('https://a.io/', 'b.io, a.io'));
  assert.ok(direct('https://x.a.io/', 'a.io'));
  assert.ok(direct('https://X.A.io/', 'a.IO'));
  assert.ok(!direct('https://xa.io/', 'a.io'));
  assert.ok(direct('https://x.a.io/', '.a.io'));
  assert.ok(!direct('https://a.io/', '.a.io'));
  assert.ok(direct('https://x.a.io/', '*.a.io'));
  assert.ok(direct('https://a.io:5000/', 'a.io:5000'));
  assert.ok(!direct('https://a.io:5001/', 'a.io:5000'));
  assert.ok(direct('https://a.io/', 'a.io:443'));
  assert.ok(direct('https://10.1.2.3/', '10.0.0.0/8'));
  assert.ok(!direct('https://11.1.2.3/', '10.0.0.0/8'));
  assert.ok(direct('https://[fd00::5]/', 'fd00::/8'));
  assert.ok(direct('https://10.1.2.3:1/', '10.1.2.3'));
  assert.ok(direct('https://anything.at.all/', '*'));
  assert.ok(!direct('https://a.io/', ''));
});

test('insecure hosts: names, ports, networks; loopback always', async () => {
  const hosts = new InsecureHosts(['reg.io', 'other.io:5000', '10.0.0.0/8', 'fd00::/8']);
  for (const host of ['reg.io', 'REG.io:77', 'other.io:5000', '10.2.3.4:5000', '[fd00::1]:5000', 'localhost:5000', '127.8.9.1', '[::1]:5000']) {
    assert.ok(await hosts.includes(host), host);
  }
  for (const host of ['x.reg.io', 'other.io', 'other.io:5001', '11.2.3.4', '[fe00::1]', 'not a host', '']) assert.ok(!(await hosts.includes(host)), host);
  assert.throws(() => new InsecureHosts(['http://x']), /insecure registry "http:\/\/x" is not valid/);
});
