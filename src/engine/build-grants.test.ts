import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { tempFor } from '../../test/support/temp.ts';
import { grantedDevices, grantedHere } from './build-grants.ts';

test('devices by name, by kind, by class; and who may have them', (t) => {
  const folder = tempFor(t);
  const annotations = (name: string, value: string) => ({ [`org.mobyproject.buildkit.device.${name}`]: value });
  const spec = {
    kind: 'vendor.com/gpu',
    devices: [{ name: '1' }, { name: '0', annotations: annotations('class', 'fast') }, { name: '2', annotations: annotations('autoallow', 'true') }],
  };
  writeFileSync(`${folder}/a.json`, JSON.stringify(spec));
  const get = (name: string, granted: readonly string[] = ['device'], required = true) => grantedDevices([{ name, required }], granted, [folder]);
  const full = (...names: string[]) => names.map((name) => `vendor.com/gpu=${name}`);
  assert.deepEqual(get('vendor.com/gpu=1'), full('1'));
  assert.deepEqual(get('vendor.com/gpu'), full('0'));
  assert.deepEqual(get('vendor.com/gpu=*'), full('0', '1', '2'));
  assert.deepEqual(get('vendor.com/gpu=fast'), full('0'));
  assert.deepEqual(get('vendor.com/gpu=9', ['device'], false), []);
  assert.throws(() => get('vendor.com/gpu=9'), { kind: 'not-found', message: 'required device "vendor.com/gpu=9" is not registered' });
  for (const name of ['gpu', 'a/b/c', '/dev/null', '1/2=x']) assert.throws(() => get(name), { message: `invalid device ${JSON.stringify(name)}` });
  // without the entitlement: what allows itself, and what is named
  assert.deepEqual(get('vendor.com/gpu=2', []), full('2'));
  assert.deepEqual(get('vendor.com/gpu=1', ['device=vendor.com/gpu=1']), full('1'));
  assert.throws(() => get('vendor.com/gpu=1', ['device=vendor.com/gpu=0']), { message: 'device vendor.com/gpu=1 is requested by the build but not allowed' });
  assert.throws(() => get('vendor.com/gpu=*', []), { message: 'devices vendor.com/gpu=0, vendor.com/gpu=1 are requested by the build but not allowed' });
});

test('what the engine’s owner forbids, nobody is granted', () => {
  const wanted = ['network.host', 'device=vendor.com/gpu=1'];
  assert.deepEqual(grantedHere({ entitlements: wanted }, ['security.insecure']), wanted);
  assert.throws(() => grantedHere({ entitlements: wanted }, ['device']), {
    kind: 'denied',
    message: 'granting entitlement device is not allowed by build daemon configuration',
  });
  assert.deepEqual(grantedHere({ entitlements: wanted, classic: true }, ['network.host']), ['device=vendor.com/gpu=1']);
  assert.deepEqual(grantedHere({}, ['network.host']), []);
});
