import assert from 'node:assert/strict';
import { test } from 'node:test';
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
      provenance: 'max',
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

test('caches of unknown kinds are not read, and refused where they would be written', () => {
  const entry = { Type: 'gha', Attrs: {} };
  const known = { Type: 'registry', Attrs: { ref: 'r/x' } };
  assert.deepEqual(cachePlaces([entry, known], 'read'), [{ type: 'registry', attributes: { ref: 'r/x' } }]);
  const local = { Type: 'local', Attrs: { src: '/etc', dest: '/etc' } };
  assert.deepEqual(cachePlaces([local], 'read'), []);
  for (const each of [entry, local]) assert.throws(() => cachePlaces([each], 'write'), /unsupported cache exporter: "/);
});
