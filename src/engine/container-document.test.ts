import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { completeConfig, completeHostConfig } from './container-document.ts';
import { LEASE_LABEL } from './leases-contract.ts';
import type { ContainerCreate, HostConfig } from './types/container.ts';

const ID = 'abcdef012345'.padEnd(64, '0');
const config = (given: ContainerCreate, image: Parameters<typeof completeConfig>[1] = {}) => completeConfig({ Cmd: ['x'], ...given }, image, ID);

test('what was not said is null, or as dockerd fills it', () => {
  const host = completeHostConfig({});
  for (const key of ['Binds', 'Dns', 'PortBindings', 'Ulimits', 'Devices', 'BlkioWeightDevice', 'SecurityOpt', 'PidsLimit', 'MemorySwappiness'] as const)
    assert.equal(host[key], null, key);
  for (const key of ['Mounts', 'Tmpfs', 'Sysctls', 'Annotations', 'StorageOpt', 'Init'] as const) assert.equal(Object.hasOwn(host, key), false, key);
  assert.deepEqual([host.OomKillDisable, host.ShmSize, host.NetworkMode, host.IpcMode, host.Runtime], [false, 64 << 20, 'bridge', 'private', 'runc']);
});

const HOSTS: readonly (readonly [Partial<HostConfig>, Partial<HostConfig>])[] = [
  [
    { Dns: [], Ulimits: [] },
    { Dns: [], Ulimits: [] },
  ],
  [{ Links: [] }, { Links: null }],
  [{ PidsLimit: -1 }, { PidsLimit: null }],
  [{ MemorySwappiness: -1 }, { MemorySwappiness: null }],
  [{ Memory: 1 << 26 }, { MemorySwap: 1 << 27 }],
  [{ Memory: 1 << 26, MemorySwap: -1 }, { MemorySwap: -1 }],
  [{ NetworkMode: 'default' }, { NetworkMode: 'bridge' }],
  [{ Privileged: true }, { SecurityOpt: ['label=disable'], MaskedPaths: null, CgroupnsMode: 'host' }],
  [{ PidMode: 'host' }, { SecurityOpt: ['label=disable'] }],
  [{ PidMode: 'host', SecurityOpt: [] }, { SecurityOpt: [] }],
  [{ Init: false }, { Init: false }],
  [
    { Mounts: [{ Type: 'bind', Source: '/a', Target: '/b', ReadOnly: false, BindOptions: { NonRecursive: false, Propagation: 'slave' } }] },
    { Mounts: [{ Type: 'bind', Source: '/a', Target: '/b', BindOptions: { Propagation: 'slave' } }] },
  ],
  [
    { DeviceRequests: [{ Driver: 'x', Count: 1, Capabilities: [['gpu']] }] },
    { DeviceRequests: [{ Driver: 'x', Count: 1, Capabilities: [['gpu']], DeviceIDs: null, Options: null }] },
  ],
];
for (const [given, expected] of HOSTS) {
  test(JSON.stringify(given), () => {
    const host = completeHostConfig(given);
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(host[key as keyof HostConfig], value, key);
  });
}

test('a configuration: names, folders, environment, health', () => {
  assert.equal(config({}).Hostname, 'abcdef012345');
  assert.equal(config({ HostConfig: { NetworkMode: 'host' } }).Hostname, hostname());
  assert.equal(config({ HostConfig: { NetworkMode: 'container:x' } }).Hostname, 'abcdef012345');
  assert.equal(config({ WorkingDir: '/a/../b/' }).WorkingDir, '/b');
  assert.equal(config({}).Env, null);
  assert.equal(config({ Env: [] }).Env, null);
  assert.deepEqual(config({ Env: ['A=2', 'B'] }, { Env: ['A=1', 'C=3'] }).Env, ['A=2', 'B', 'C=3']);
  assert.deepEqual(config({ Healthcheck: { Interval: 7 } }, { Healthcheck: { Test: ['CMD', 'x'], Retries: 2 } }).Healthcheck, {
    Test: ['CMD', 'x'],
    Interval: 7,
    Retries: 2,
  });
  assert.deepEqual([config({ OnBuild: ['x'], ArgsEscaped: true }).OnBuild, config({ ArgsEscaped: true }).ArgsEscaped, config({}).OnBuild], [['x'], true, null]);
});

test('the label of a lease is the container’s own, and never an image’s', () => {
  const image = { Labels: { [LEASE_LABEL]: 'of the image', kept: 'yes' } };
  assert.deepEqual(config({}, image).Labels, { kept: 'yes' });
  assert.deepEqual(config({ Labels: { [LEASE_LABEL]: 'own' } }, image).Labels, { kept: 'yes', [LEASE_LABEL]: 'own' });
});
