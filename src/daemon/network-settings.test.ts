import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daemonSettings } from './settings.ts';

const read = (args: readonly string[], file: object = {}) => daemonSettings(args, {}, () => JSON.stringify(file)).networks;
const NOTHING = { bip: undefined, bip6: undefined, fixedCidr: undefined, fixedCidr6: undefined, ipv6: undefined, icc: undefined, mtu: undefined, pools: [] };

test('networks by flags, and by the file', () => {
  assert.deepEqual(read([]), NOTHING);
  const args = '--bip 10.9.0.1/16 --fixed-cidr 10.9.1.0/24 --ipv6 --fixed-cidr-v6 fd00::/64 --mtu 1400 --icc=false'.split(' ');
  const pools = ['--default-address-pool', 'base=172.80.0.0/16,size=24', '--default-address-pool', 'size=25,base=172.81.0.0/16'];
  const wanted = {
    ...NOTHING,
    bip: '10.9.0.1/16',
    fixedCidr: '10.9.1.0/24',
    fixedCidr6: 'fd00::/64',
    ipv6: true,
    icc: false,
    mtu: 1400,
    pools: [
      { base: '172.80.0.0/16', size: 24 },
      { base: '172.81.0.0/16', size: 25 },
    ],
  };
  assert.deepEqual(read([...args, ...pools]), wanted);
  const { fixedCidr, fixedCidr6, pools: list, bip, ipv6, icc, mtu } = wanted;
  const file = { bip, 'fixed-cidr': fixedCidr, 'fixed-cidr-v6': fixedCidr6, ipv6, icc, mtu, 'default-address-pools': list };
  assert.deepEqual(read([], file), wanted);
});

test('values that are none', () => {
  assert.throws(() => read(['--mtu', 'x']), { kind: 'invalid', message: /--mtu" flag: strconv.ParseInt: parsing "x": invalid syntax/ });
  assert.throws(() => read(['--default-address-pool', 'x']), { kind: 'invalid', message: /invalid field 'x' must be a key=value pair/ });
  assert.throws(() => read(['--default-address-pool', 'base=10.0.0.0/8,sise=5']), { kind: 'invalid', message: /unexpected key 'sise'/ });
  for (const file of [{ bip: 5 }, { ipv6: 'true' }, { mtu: '1400' }, { 'default-address-pools': {} }, { 'default-address-pools': [{ base: '10.0.0.0/8' }] }])
    assert.throws(() => read([], file), { kind: 'invalid', message: /in the configuration file must be/ }, JSON.stringify(file));
  assert.throws(() => read(['--mtu', '1400'], { mtu: 1500 }), { kind: 'invalid', message: /specified both as a flag and in the configuration file: mtu/ });
});
