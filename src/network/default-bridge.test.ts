import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askedConfigs, bridgeOptions, checkNetworkSettings, fitsSettings, type NetworkSettings } from './default-bridge.ts';

test('what the settings ask of the default bridge', () => {
  assert.deepEqual(askedConfigs({}), []);
  assert.deepEqual(askedConfigs({ bip: '10.9.0.1/16' }), [{ Subnet: '10.9.0.0/16', Gateway: '10.9.0.1' }]);
  assert.deepEqual(askedConfigs({ bip: '10.9.0.1/16', fixedCidr: '10.9.4.0/24' }), [{ Subnet: '10.9.0.0/16', IPRange: '10.9.4.0/24', Gateway: '10.9.0.1' }]);
  assert.deepEqual(askedConfigs({ fixedCidr: '10.9.4.0/24' }), [{ Subnet: '10.9.4.0/24' }]);
  assert.deepEqual(askedConfigs({ ipv6: true, fixedCidr6: 'fd00:9::/64' }), [{ Subnet: 'fd00:9::/64' }]);
  assert.deepEqual(askedConfigs({ fixedCidr6: 'fd00:9::/64' }), []);
  assert.equal(bridgeOptions({})['com.docker.network.driver.mtu'], '1500');
  assert.deepEqual(Object.values(bridgeOptions({ bridgeName: 'kobako0', icc: false, mtu: 1400 })), ['true', 'false', 'true', '0.0.0.0', 'kobako0', '1400']);
});

test('settings that make no sense', () => {
  const refused: readonly (readonly [NetworkSettings, RegExp])[] = [
    [{ bip: 'x' }, /invalid CIDR address: x/],
    [{ bip: 'fd00::1/64' }, /invalid CIDR address/],
    [{ bip: '10.9.0.0/16' }, /it is the address of its network/],
    [{ fixedCidr: 'x' }, /fixed-cidr .*invalid CIDR address: x/],
    [{ bip: '10.9.0.1/16', fixedCidr: '10.8.0.0/24' }, /it is not in the bridge's subnet 10\.9\.0\.0\/16/],
    [{ ipv6: true, fixedCidr6: '10.0.0.0/8' }, /fixed-cidr-v6/],
    [{ mtu: -1 }, /invalid MTU number: -1/],
    [{ bridgeName: 'a/b' }, /invalid bridge name/],
    [{ pools: [{ base: '10.0.0.0/16', size: 8 }] }, /smaller than the base pool/],
  ];
  for (const [settings, message] of refused) assert.throws(() => checkNetworkSettings(settings), { kind: 'invalid', message }, JSON.stringify(settings));
  checkNetworkSettings({ bip: '10.9.0.1/16', fixedCidr: '10.9.4.0/24', ipv6: true, mtu: 9000, pools: [{ base: '10.0.0.0/8', size: 24 }] });
});

test('subnets of before stay as long as the settings want nothing else', () => {
  const before = [{ Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' }];
  assert.equal(fitsSettings({}, []), false);
  assert.equal(fitsSettings({}, before), true);
  assert.equal(fitsSettings({ bip: '172.17.0.1/16' }, before), true);
  assert.equal(fitsSettings({ bip: '172.17.0.2/16' }, before), false);
  assert.equal(fitsSettings({ bip: '10.9.0.1/16' }, before), false);
  assert.equal(fitsSettings({ ipv6: true }, before), false);
  assert.equal(fitsSettings({ ipv6: true }, [...before, { Subnet: 'fd00::/64' }]), true);
  assert.equal(fitsSettings({}, [...before, { Subnet: 'fd00::/64' }]), false);
  assert.equal(fitsSettings({}, [{ ...before[0]!, IPRange: '172.17.4.0/24' }]), false);
});
