import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { ApiRequest } from '../contract.ts';
import { SearchQuery } from '../query.ts';
import { buildNames, buildParameters } from './parameters.ts';

const ask = (search: string, headers: ApiRequest['headers'] = {}) =>
  ({ query: new SearchQuery(search), headers, body: Readable.from([]), signal: new AbortController().signal }) as unknown as ApiRequest;

test('what POST /build can say', async () => {
  const value = (document: unknown) => encodeURIComponent(JSON.stringify(document));
  const search = [
    't=a:1&t=b&t=',
    'dockerfile=sub/D&target=x&nocache=1&pull=true&networkmode=none&shmsize=1024&extrahosts=a:1.2.3.4,b:::1&buildid=7&platform=linux/amd64',
    `buildargs=${value({ SET: 'yes', UNSET: null })}`,
    `labels=${value({ a: 'b' })}`,
    `memory=${64 << 20}&memswap=-1&cpushares=512&cpuquota=50000&cpuperiod=100000&cpusetcpus=0&cpusetmems=0`,
    `ulimits=${value([{ Name: 'nofile', Soft: 5, Hard: 6 }])}`,
  ].join('&');
  const config = Buffer.from(JSON.stringify({ 'https://index.docker.io/v1/': { username: 'me', password: 'x' }, 'r:5000': { auth: 'dTpw' } })).toString(
    'base64',
  );
  const request = ask(search, { 'x-registry-config': config });
  const { contexts, credentials, signal, ...rest } = buildParameters(request);
  assert.deepEqual(rest, {
    id: '7',
    dockerfile: { path: 'sub/D' },
    target: 'x',
    buildArgs: { SET: 'yes', UNSET: undefined },
    labels: { a: 'b' },
    platform: 'linux/amd64',
    noCache: true,
    pull: true,
    network: 'none',
    entitlements: ['network.host'],
    addHosts: ['a:1.2.3.4', 'b:::1'],
    ulimits: [{ type: 'nofile', soft: 5, hard: 6 }],
    shmSize: 1024,
    cgroupParent: undefined,
    limits: { memory: 64 << 20, memorySwap: -1, cpuShares: 512, cpuQuota: 50000, cpuPeriod: 100000, cpusetCpus: '0', cpusetMems: '0' },
    classic: true,
  });
  assert.equal(contexts['context']?.kind, 'tar');
  assert.equal((await credentials!('docker.io', signal!))?.username, 'me');
  assert.equal((await credentials!('r:5000', signal!))?.password, 'p');
  assert.deepEqual(await credentials!('other', signal!), {});
  assert.deepEqual(buildNames(request), ['a:1', 'b']);
  assert.deepEqual(buildParameters(ask('remote=https://h/r.git')).contexts['context'], { kind: 'remote', url: 'https://h/r.git' });
});

test('what it cannot say is refused', () => {
  for (const search of ['buildargs=nothing', 'labels=%5B1%5D', 'ulimits=%7B', 'shmsize=x', 'version=2', 'buildargs=%7B%22a%22:1%7D']) {
    assert.throws(() => buildParameters(ask(search)), { kind: 'invalid' }, search);
  }
});
