import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NetworkDriverName } from './contract.ts';
import { bridgeName, checkDriverOptions, isInterfaceName } from './driver-options.ts';
import { macOf, randomMac, readMac } from './mac.ts';

const check =
  (driver: NetworkDriverName, options: Record<string, string>, internal = false) =>
  () =>
    checkDriverOptions(driver, { options, internal }, (name) => ['lo', 'eth0', 'odd.name'].includes(name));
const BRIDGE = 'com.docker.network.bridge.';

describe('options of drivers', () => {
  const refused: readonly (readonly [NetworkDriverName, Record<string, string>, string | RegExp])[] = [
    ['bridge', { [`${BRIDGE}enable_icc`]: 'x' }, `failed to parse ${BRIDGE}enable_icc value: x (strconv.ParseBool: parsing "x": invalid syntax)`],
    ['bridge', { [`${BRIDGE}inhibit_ipv4`]: '' }, /inhibit_ipv4 value:  \(strconv.ParseBool/],
    ['bridge', { [`${BRIDGE}host_binding_ipv4`]: 'x' }, `failed to parse ${BRIDGE}host_binding_ipv4 value: x (nil ip)`],
    ['bridge', { 'com.docker.network.host_ipv6': 'x' }, 'failed to parse com.docker.network.host_ipv6 value: x (nil ip)'],
    ['bridge', { [`${BRIDGE}gateway_mode_ipv4`]: 'x' }, `failed to parse ${BRIDGE}gateway_mode_ipv4 value: x (unknown gateway mode x)`],
    ['bridge', { [`${BRIDGE}gateway_mode_ipv6`]: 'isolated' }, "gateway mode 'isolated' can only be used for an internal network"],
    ['bridge', { 'com.docker.network.driver.mtu': 'x' }, 'failed to parse com.docker.network.driver.mtu value: x (strconv.Atoi: parsing "x": invalid syntax)'],
    ['bridge', { 'com.docker.network.driver.mtu': '-1' }, 'invalid MTU number: -1'],
    ['bridge', { 'com.docker.network.driver.mtu': '67' }, /invalid MTU number: 67/],
    ['bridge', { 'com.docker.network.driver.mtu': '65536' }, /invalid MTU number: 65536/],
    ['bridge', { [`${BRIDGE}name`]: 'averyveryverylongname' }, /invalid bridge name/],
    ['bridge', { [`${BRIDGE}name`]: '../x' }, /invalid bridge name/],
    ['bridge', { 'com.docker.network.container_iface_prefix': 'longerthanso' }, /prefix/],
    ['macvlan', { macvlan_mode: 'x' }, "requested macvlan mode 'x' is not valid, 'bridge' mode is the macvlan driver default"],
    ['ipvlan', { ipvlan_mode: 'x' }, "requested ipvlan mode 'x' is not valid, 'l2' mode is the ipvlan driver default"],
    ['ipvlan', { ipvlan_flag: 'x' }, /requested ipvlan flag 'x' is not valid/],
    ['macvlan', { parent: 'lo' }, 'loopback interface is not a valid macvlan parent link'],
    ['ipvlan', { parent: 'nope' }, 'invalid subinterface vlan name nope, example formatting is eth0.10'],
    ['macvlan', { parent: 'eth0.x' }, 'unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)'],
    ['macvlan', { parent: 'eth0.4095' }, 'vlan id must be between 1-4094, received: 4095'],
    ['macvlan', { parent: 'nope.5' }, '-o parent interface was not found on the host: nope'],
  ];
  for (const [driver, options, message] of refused)
    test(`refused: ${driver} ${JSON.stringify(options)}`, () => assert.throws(check(driver, options), { kind: 'invalid', message }));

  test('taken', () => {
    check('bridge', { [`${BRIDGE}enable_icc`]: 'F', 'com.docker.network.driver.mtu': '0', [`${BRIDGE}name`]: '', foo: 'bar', parent: '-' })();
    check('bridge', { [`${BRIDGE}gateway_mode_ipv4`]: 'isolated' }, true)();
    check('bridge', { 'com.docker.network.container_iface_prefix': 'lan', [`${BRIDGE}gateway_mode_ipv6`]: 'nat-unprotected' })();
    for (const parent of ['', 'eth0', 'eth0.50', 'odd.name']) check('macvlan', { parent, macvlan_mode: 'passthru', ipvlan_mode: 'x' })();
    check('ipvlan', { parent: 'eth0', ipvlan_mode: 'l3s', ipvlan_flag: 'vepa' })();
  });

  test('names of interfaces', () => {
    assert.deepEqual(['eth0', 'a'.repeat(15), 'ä'].map(isInterfaceName), [true, true, true]);
    assert.deepEqual(['', 'a'.repeat(16), 'a b', 'a/b', 'a:1', '.', '..', 'a\0'].map(isInterfaceName), Array(8).fill(false));
    assert.equal(bridgeName({ id: '9f86d081884c7d65'.repeat(4), options: {} }), 'br-9f86d081884c');
    assert.equal(bridgeName({ id: 'x', options: { [`${BRIDGE}name`]: 'lan0' } }), 'lan0');
  });
});

describe('hardware addresses', () => {
  test('random ones: of one interface, and nobody else’s', () => {
    const all = Array.from({ length: 100 }, randomMac);
    assert.equal(new Set(all).size, 100);
    for (const mac of all) {
      assert.equal(readMac(mac), mac);
      assert.equal(Number.parseInt(mac.slice(0, 2), 16) & 3, 2, mac);
    }
  });

  test('of an address: the same again, another for another address and in another network', () => {
    const all = ['a 10.0.0.2', 'a 10.0.0.3', 'b 10.0.0.2', 'a fd00::2'].map((each) => macOf(...(each.split(' ') as [string, string])));
    assert.equal(new Set(all).size, all.length);
    assert.equal(macOf('a', '10.0.0.2'), all[0]);
    for (const mac of all) assert.equal(Number.parseInt(mac.slice(0, 2), 16) & 3, 2, mac);
  });

  test('as they are written', () => {
    for (const text of ['02:42:AC:11:00:99', '02-42-ac-11-00-99', '0242.ac11.0099']) assert.equal(readMac(text), '02:42:ac:11:00:99');
    for (const text of ['', 'x', '02:42:ac:11:00', '02:42-ac:11:00:99', '01:42:ac:11:00:99', '02:42:ac:11:00:99:aa', '0242ac110099'])
      assert.throws(() => readMac(text), { kind: 'invalid', message: `invalid MAC address ${text}` });
  });
});
