import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { tempFor } from '../../test/support/temp.ts';
import type { DoctorNetworkFacts } from '../kernel/linux/doctor-network-facts.ts';
import { leftInterfaces, networkStateFindings } from './doctor-networks.ts';

const QUIET: DoctorNetworkFacts = {
  forwards: { 4: true, 6: undefined },
  bridgesFiltered: false,
  legacyFilter: { 4: false, 6: false },
  droppingChains: [],
  interfaces: [],
};
const of = (name: string, facts: Partial<DoctorNetworkFacts>, left: readonly string[] = []) =>
  networkStateFindings({ ...QUIET, ...facts }, left).find((each) => each.name === name)!;

test('a quiet host, and one where others filter', () => {
  assert.ok(networkStateFindings(QUIET, []).every(({ status, mend }) => status === 'ok' && mend === ''));
  assert.match(of('forwarding', { forwards: { 4: false, 6: false } }).detail, /off for IPv4, IPv6/);
  assert.match(of('other packet filters', { droppingChains: ['ip filter FORWARD'] }).detail, /^ip filter FORWARD: /);
  const legacy = of('legacy packet filters', { legacyFilter: { 4: true, 6: false } });
  assert.deepEqual([legacy.status, legacy.mend.startsWith('iptables-legacy -P FORWARD ACCEPT')], ['warning', true]);
  assert.deepEqual([of('leftover interfaces', {}, ['br-1']).status, of('leftover interfaces', {}, ['br-1']).detail], ['warning', '1: br-1']);
});

test('interfaces of networks that are no more, of this engine alone', (t) => {
  const dataRoot = tempFor(t);
  const [kept, gone] = ['a'.repeat(64), 'b'.repeat(64)];
  const interfaces = [
    { name: 'br-a', alias: `kobako:12345678 ${kept}` },
    { name: 'br-b', alias: `kobako:12345678 ${gone}` },
    { name: 'br-c', alias: `kobako:99999999 ${gone}` },
  ];
  assert.deepEqual(leftInterfaces({ interfaces }, dataRoot), []);
  writeFileSync(`${dataRoot}/engine-id`, '12345678-0000-0000-0000-000000000000\n');
  mkdirSync(`${dataRoot}/networks`);
  writeFileSync(`${dataRoot}/networks/${kept}.json`, '{}');
  assert.deepEqual(leftInterfaces({ interfaces }, dataRoot), ['br-b']);
});
