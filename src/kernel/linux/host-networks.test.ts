import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { linuxHostNetworks, routes4, routes6 } from './host-networks.ts';

test('routes of the tables as the kernel writes them', () => {
  const four = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    'eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    'docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
    'odd\tx',
    '',
  ].join('\n');
  assert.deepEqual(routes4(four), [
    { subnet: '192.168.1.0/24', interfaceName: 'eth0' },
    { subnet: '172.17.0.0/16', interfaceName: 'docker0' },
  ]);
  const zeros = '0'.repeat(32);
  const line = (destination: string, length: string, name: string) =>
    `${destination} ${length} ${zeros} 00 ${zeros} 00000100 00000001 00000000 00000001 ${name}`;
  const six = [
    line('fd000001000000000000000000000000', '40', '    eth0'),
    line('fe800000000000000000000000000000', '40', '    eth0'),
    line('fd000001000000000000000000000001', '80', '      lo'),
    line(zeros, '00', '      lo'),
    line('ff000000000000000000000000000000', '08', '    eth0'),
    'x',
  ].join('\n');
  assert.deepEqual(routes6(six), [{ subnet: 'fd00:0001:0000:0000:0000:0000:0000:0000/64', interfaceName: 'eth0' }]);
});

test("this machine's own", () => {
  for (const name of Object.keys(networkInterfaces())) assert.ok(linuxHostNetworks.hasInterface(name), name);
  assert.equal(linuxHostNetworks.hasInterface('no-such-one'), false);
  for (const { subnet, interfaceName } of linuxHostNetworks.routes()) {
    assert.match(subnet, /^[0-9a-f.:]+\/\d+$/);
    assert.ok(linuxHostNetworks.hasInterface(interfaceName), interfaceName);
  }
});
