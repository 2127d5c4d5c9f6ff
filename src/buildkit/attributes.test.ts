import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobPlace } from '../build/contract.ts';
import { cachePlaces, requestOf } from './attributes.ts';

const asked = (attributes: Record<string, string>) => Object.fromEntries(Object.entries(requestOf(attributes)).filter(([, value]) => value !== undefined));
const NONE = { buildArgs: {}, labels: {}, addHosts: [], ulimits: [] };

test('attributes of the frontend become a request', () => {
  assert.deepEqual(asked({}), NONE);
  assert.deepEqual(
    asked({
      'build-arg:A': 'b=c',
      'build-arg:E': '',
      'label:k': 'v',
      target: 'two',
      platform: 'linux/amd64',
      'no-cache': 'two,three',
      'image-resolve-mode': 'pull',
      'force-network-mode': 'none',
      'add-hosts': 'a=1.2.3.4,b=::1',
      ulimit: 'nofile=10:20,core=-1',
      'shm-size': '10485760',
      'cgroup-parent': 'cg',
      'attest:provenance': 'mode=max,inline-only=true',
    }),
    {
      buildArgs: { A: 'b=c', E: '' },
      labels: { k: 'v' },
      target: 'two',
      platform: 'linux/amd64',
      noCache: ['two', 'three'],
      pull: true,
      network: 'none',
      addHosts: ['a:1.2.3.4', 'b:::1'],
      ulimits: [
        { type: 'nofile', soft: 10, hard: 20 },
        { type: 'core', soft: -1, hard: -1 },
      ],
      shmSize: 10_485_760,
      cgroupParent: 'cg',
      provenance: { mode: 'max', version: 'v0.2', builderId: '', reproducible: false, inlineOnly: true, filename: 'provenance.json' },
    },
  );
  assert.deepEqual(asked({ 'no-cache': '', 'image-resolve-mode': 'local', 'force-network-mode': 'sandbox', 'attest:provenance': 'disabled=true' }), {
    ...NONE,
    noCache: true,
  });
});

test('attributes that cannot be meant are refused', () => {
  const bad: readonly Record<string, string>[] = [
    { 'add-hosts': 'a' },
    { 'add-hosts': '=1' },
    { ulimit: 'nofile' },
    { ulimit: 'nofile=x' },
    { 'shm-size': '1m' },
    { platform: 'linux/amd64,linux/arm64' },
  ];
  for (const attributes of bad) {
    assert.throws(() => requestOf(attributes), { kind: 'invalid' }, JSON.stringify(attributes));
  }
});

test('caches of unknown kinds are not read, and refused where they would be written; a local one is the client’s', () => {
  const stores = new Map<string, BlobPlace>();
  const store = (folder: string): BlobPlace => {
    const place = { read: () => assert.fail(), write: () => assert.fail() };
    stores.set(folder, place);
    return place;
  };
  const entry = { Type: 'gha', Attrs: {} };
  const known = { Type: 'registry', Attrs: { ref: 'r/x' } };
  assert.deepEqual(cachePlaces([entry, known], 'read', store), [{ type: 'registry', attributes: { ref: 'r/x' } }]);
  const local = { Type: 'local', Attrs: { src: '/etc', dest: '/root' } };
  assert.equal(cachePlaces([local], 'read', store)[0]!.store, stores.get('/etc'));
  assert.equal(cachePlaces([local], 'write', store)[0]!.store, stores.get('/root'));
  assert.equal(stores.size, 2);
  // without a name there is no store: the daemon's own folders are nobody's cache
  const nameless = { Type: 'local', Attrs: {} };
  assert.deepEqual(cachePlaces([nameless], 'read', store), []);
  for (const each of [entry, nameless]) assert.throws(() => cachePlaces([each], 'write', store), /unsupported cache exporter: "/);
});
