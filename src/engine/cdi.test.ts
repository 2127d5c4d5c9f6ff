import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { tempFor } from '../../test/support/temp.ts';
import { DEFAULT_RUN } from '../runtime/run-options.ts';
import { isCdiName } from '../base/cdi-name.ts';
import { withDeviceRequests } from './cdi.ts';

const request = (...DeviceIDs: string[]) => [{ Driver: 'cdi', Count: 0, DeviceIDs, Capabilities: null, Options: null }];

test('a device’s edits, and those of all devices of its spec, reach the options', (t) => {
  const folder = tempFor(t);
  const spec = {
    cdiVersion: '0.6.0',
    kind: 'vendor.com/net',
    containerEdits: { env: ['ALL=1'] },
    devices: [
      { name: 'a', containerEdits: { deviceNodes: [{ path: '/dev/card', hostPath: '/dev/null', permissions: 'rw' }], additionalGids: [7] } },
      { name: 'b', containerEdits: { mounts: [{ hostPath: '/etc/hostname', containerPath: '/b', options: ['ro', 'bind'] }] } },
      { name: 'hooked', containerEdits: { hooks: [{ hookName: 'createContainer', path: '/bin/true' }] } },
    ],
  };
  writeFileSync(`${folder}/vendor.json`, JSON.stringify(spec));
  writeFileSync(`${folder}/notes.txt`, 'no spec');
  const made = withDeviceRequests(DEFAULT_RUN, request('vendor.com/net=a', 'vendor.com/net=b'), [`${folder}/none`, folder]);
  assert.deepEqual(made.env, ['ALL=1', 'ALL=1']);
  assert.deepEqual(made.devices, [{ host: '/dev/null', container: '/dev/card', access: 'rw' }]);
  assert.deepEqual(made.groupAdd, ['7']);
  assert.deepEqual(made.mounts, [{ type: 'bind', source: '/etc/hostname', target: '/b', options: ['ro', 'bind'], create: false }]);
  assert.throws(() => withDeviceRequests(DEFAULT_RUN, request('vendor.com/net=c'), [folder]), /unresolvable CDI devices vendor\.com\/net=c$/);
  assert.throws(() => withDeviceRequests(DEFAULT_RUN, request('vendor.com/net=hooked'), [folder]), /wants hooks/);
  writeFileSync(`${folder}/bad.json`, '{');
  assert.throws(() => withDeviceRequests(DEFAULT_RUN, request('vendor.com/net=a'), [folder]), /bad\.json/);
});

test('without a driver for it: docker’s words; without a request: nothing', () => {
  const gpus = [{ Driver: '', Count: -1, DeviceIDs: null, Capabilities: [['gpu']], Options: null }];
  assert.throws(() => withDeviceRequests(DEFAULT_RUN, gpus, []), {
    kind: 'unavailable',
    message: 'could not select device driver "" with capabilities: [[gpu]]',
  });
  assert.equal(withDeviceRequests(DEFAULT_RUN, null), DEFAULT_RUN);
});

test('names', () => {
  assert.deepEqual(['vendor.com/class=name', 'nvidia.com/gpu=all', '/dev/x=y', 'a=b', 'vendor.com/class='].map(isCdiName), [true, true, false, false, false]);
});
