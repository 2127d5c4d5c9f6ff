import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EngineError } from '../base/errors.ts';
import { checkPools, DEFAULT_POOLS, freeSubnet, localPool } from './address-pools.ts';
import { formatAddress, formatPrefix, parseAddress, parseCidr, type Prefix } from './address.ts';
import type { IpamConfig } from './contract.ts';
import { checkIpamConfigs } from './ipam-config.ts';
import { checkFree, freeAddress, planSubnets, subnetsOf, type PlanInput } from './ipam.ts';

const prefixes = (...texts: string[]) => texts.map((text) => parseCidr(text)!.prefix);
const fails = (work: () => unknown, kind: EngineError['kind'], message: string | RegExp) =>
  assert.throws(work, (error: EngineError) => {
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.equal(error.kind, kind);
    return true;
  });

describe('pools', () => {
  test("Docker's own, in its order, until they are empty", () => {
    const taken: Prefix[] = [];
    for (;;) {
      try {
        taken.push(freeSubnet(DEFAULT_POOLS, 4, taken));
      } catch (error) {
        assert.equal((error as EngineError).message, 'all predefined address pools have been fully subnetted');
        break;
      }
    }
    const shown = taken.map(formatPrefix);
    assert.equal(shown.length, 15 + 16);
    assert.deepEqual(shown.slice(0, 4), ['172.17.0.0/16', '172.18.0.0/16', '172.19.0.0/16', '172.20.0.0/16']);
    assert.deepEqual(shown.slice(14, 17), ['172.31.0.0/16', '192.168.0.0/20', '192.168.16.0/20']);
  });

  test('what is in the way is passed over, at one step', () => {
    const pools = [{ base: '10.0.0.0/8', size: 24 }];
    assert.equal(formatPrefix(freeSubnet(pools, 4, prefixes('10.0.0.0/9'))), '10.128.0.0/24');
    assert.equal(formatPrefix(freeSubnet(pools, 4, prefixes('10.0.0.128/32', '10.0.2.0/24'))), '10.0.1.0/24');
    fails(() => freeSubnet(pools, 4, prefixes('0.0.0.0/0')), 'invalid', 'all predefined address pools have been fully subnetted');
    fails(() => freeSubnet([{ base: 'fd00::/8', size: 64 }], 6, prefixes('::/0')), 'invalid', /fully subnetted/);
  });

  test('of IPv6: from the id of the engine, as dockerd 28 does', () => {
    // what a real one had
    assert.deepEqual(localPool('dcafee20-f435-4a66-afc6-63c91af52465'), { base: 'fdee:c74c:8325::/48', size: 64 });
    assert.equal(formatPrefix(freeSubnet([localPool('dcafee20-f435-4a66-afc6-63c91af52465')], 6, prefixes('fdee:c74c:8325::/64'))), 'fdee:c74c:8325:1::/64');
  });

  test('pools that are none', () => {
    fails(() => checkPools([{ base: 'x', size: 24 }]), 'invalid', /invalid CIDR address: x/);
    fails(() => checkPools([{ base: '10.0.0.0/8', size: 0 }]), 'invalid', /size must be greater than 0/);
    fails(() => checkPools([{ base: '10.0.0.0/8', size: 33 }]), 'invalid', /longer than an address/);
    fails(() => checkPools([{ base: '10.0.0.0/16', size: 8 }]), 'invalid', /smaller than the base pool/);
  });
});

describe('subnets of a network', () => {
  const plan = (asked: readonly IpamConfig[], more: Partial<PlanInput> = {}) =>
    planSubnets({ asked, ipv4: true, ipv6: false, pools: DEFAULT_POOLS, taken: [], routed: [], gateway: () => true, ...more });

  test('from the pools: neither what others have nor what the host routes', () => {
    assert.deepEqual(plan([]), [{ Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' }]);
    const more = { taken: prefixes('172.17.0.0/16'), routed: prefixes('172.18.3.0/24') };
    assert.deepEqual(plan([], more), [{ Subnet: '172.19.0.0/16', Gateway: '172.19.0.1' }]);
    assert.deepEqual(plan([], { gateway: () => false }), [{ Subnet: '172.17.0.0/16' }]);
  });

  test('asked for: its gateway is the first of its range; the other family comes from the pools', () => {
    assert.deepEqual(plan([{ Subnet: '10.1.0.0/24' }]), [{ Subnet: '10.1.0.0/24', Gateway: '10.1.0.1' }]);
    // as a real dockerd: also the lowest of a range that does not begin where the subnet does
    assert.deepEqual(plan([{ Subnet: '10.1.0.0/24', IPRange: '10.1.0.16/30' }])[0]!.Gateway, '10.1.0.16');
    assert.deepEqual(plan([{ Subnet: '10.1.0.0/24', Gateway: '10.1.0.9' }])[0]!.Gateway, '10.1.0.9');
    const pools = [...DEFAULT_POOLS, { base: 'fd12::/48', size: 64 }];
    assert.deepEqual(plan([{ Subnet: 'fd00:1::/64' }], { ipv6: true, pools }), [
      { Subnet: 'fd00:1::/64', Gateway: 'fd00:1::1' },
      { Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' },
    ]);
    assert.deepEqual(
      plan([], { ipv4: false, ipv6: true, pools }).map(({ Subnet }) => Subnet),
      ['fd12::/64'],
    );
    // small ones
    assert.equal(plan([{ Subnet: '10.1.0.0/31' }])[0]!.Gateway, '10.1.0.0');
    assert.equal(plan([{ Subnet: '10.1.0.0/32' }])[0]!.Gateway, '10.1.0.0');
  });

  test('overlaps and addresses that are taken', () => {
    const overlap = 'invalid pool request: Pool overlaps with other one on this address space';
    fails(() => plan([{ Subnet: '10.1.0.0/24' }], { taken: prefixes('10.0.0.0/8') }), 'denied', overlap);
    fails(() => plan([{ Subnet: '10.0.0.0/8' }], { taken: prefixes('10.1.0.0/24') }), 'denied', overlap);
    fails(() => plan([{ Subnet: '10.1.0.0/24' }, { Subnet: '10.1.0.128/25' }]), 'denied', overlap);
    const gateway = (Gateway: string) => () => plan([{ Subnet: '10.1.0.0/24', Gateway }]);
    fails(gateway('10.1.0.0'), 'invalid', 'failed to allocate gateway (10.1.0.0): Address already in use');
    fails(gateway('10.1.0.255'), 'invalid', 'failed to allocate gateway (10.1.0.255): Address already in use');
    const other = (AuxiliaryAddresses: Record<string, string>) => () => plan([{ Subnet: '10.1.0.0/24', AuxiliaryAddresses }]);
    fails(other({ a: '10.1.0.1' }), 'invalid', 'failed to allocate secondary ip address (a:10.1.0.1): Address already in use');
    fails(other({ a: '10.1.0.7', b: '10.1.0.7' }), 'invalid', 'failed to allocate secondary ip address (b:10.1.0.7): Address already in use');
  });

  test("configurations that make no sense, in Docker's words", () => {
    const cases: readonly (readonly [IpamConfig, string])[] = [
      [{}, 'invalid subnet : invalid CIDR block notation'],
      [{ Subnet: '10.1.2.3/24' }, 'invalid subnet 10.1.2.3/24: it should be 10.1.2.0/24'],
      [{ Subnet: 'fd00::1/64' }, 'invalid subnet fd00::1/64: it should be fd00::/64'],
      [{ Subnet: '10.1.0.0/24', Gateway: 'x' }, 'invalid gateway x: invalid address'],
      [{ Subnet: '10.1.0.0/24', Gateway: '10.2.0.1' }, "invalid gateway 10.2.0.1: parent subnet 10.1.0.0/24 doesn't contain this address"],
      [{ Subnet: '10.1.0.0/24', Gateway: 'fd00::1' }, 'invalid gateway fd00::1: parent subnet is an IPv4 block'],
      [{ Subnet: '10.1.0.0/24', IPRange: '10.1.0.0/16' }, 'invalid ip-range 10.1.0.0/16: CIDR block is bigger than its parent subnet 10.1.0.0/24'],
      [{ Subnet: '10.1.0.0/24', IPRange: '10.1.0.5/28' }, 'invalid ip-range 10.1.0.5/28: it should be 10.1.0.0/28'],
      [{ Subnet: '10.1.0.0/24', IPRange: '10.2.0.0/28' }, "invalid ip-range 10.2.0.0/28: parent subnet 10.1.0.0/24 doesn't contain ip-range"],
      [{ Subnet: 'fd00::/64', IPRange: '10.2.0.0/28' }, 'invalid ip-range 10.2.0.0/28: parent subnet is an IPv6 block'],
      [{ Subnet: '10.1.0.0/24', AuxiliaryAddresses: { a: 'x' } }, 'invalid auxiliary address a: invalid address'],
    ];
    for (const [config, message] of cases) fails(() => checkIpamConfigs([config]), 'invalid', `invalid network config:\n${message}`);
    const both = 'invalid network config:\n* invalid subnet : invalid CIDR block notation\n* invalid subnet x: invalid CIDR block notation';
    fails(() => checkIpamConfigs([{}, { Subnet: 'x' }]), 'invalid', both);
    checkIpamConfigs([{ Subnet: '10.1.0.0/24', IPRange: '10.1.0.16/28', Gateway: '10.1.0.200', AuxiliaryAddresses: { a: '10.1.0.7' } }]);
  });
});

describe('addresses of a network', () => {
  const subnet = (config: IpamConfig) => subnetsOf({ ipam: { driver: 'default', options: null, config: [config] } }, config.Subnet!.includes(':') ? 6 : 4)[0]!;
  const give = (config: IpamConfig, count: number) => {
    const of = subnet(config);
    const [taken, out]: [Set<bigint>, string[]] = [new Set(), []];
    let last: bigint | undefined;
    for (let at = 0; at < count; at++) {
      const value = freeAddress(of, taken, last);
      if (value === undefined) break;
      taken.add(value);
      last = value;
      out.push(formatAddress({ family: of.prefix.family, value }));
    }
    return { out, taken, last, of };
  };

  test('in their order; neither the gateway, nor the ends, nor those of others', () => {
    assert.deepEqual(give({ Subnet: '10.0.0.0/29', Gateway: '10.0.0.1', AuxiliaryAddresses: { router: '10.0.0.3' } }, 99).out, [
      '10.0.0.2',
      '10.0.0.4',
      '10.0.0.5',
      '10.0.0.6',
    ]);
    assert.deepEqual(give({ Subnet: '10.0.0.0/24', Gateway: '10.0.0.16', IPRange: '10.0.0.16/30' }, 99).out, ['10.0.0.17', '10.0.0.18', '10.0.0.19']);
    assert.deepEqual(give({ Subnet: 'fd00::/125', Gateway: 'fd00::1' }, 99).out, ['fd00::2', 'fd00::3', 'fd00::4', 'fd00::5', 'fd00::6', 'fd00::7']);
    assert.deepEqual(give({ Subnet: '10.0.0.0/31', Gateway: '10.0.0.0' }, 99).out, ['10.0.0.1']);
    assert.equal(give({ Subnet: '10.0.0.0/16', Gateway: '10.0.0.1' }, 99_999).out.length, 65_533);
  });

  test('one just freed does not come again before all others have', () => {
    const { taken, of } = give({ Subnet: '10.0.0.0/29', Gateway: '10.0.0.1' }, 3);
    const value = (text: string) => parseAddress(text)!.value;
    taken.delete(value('10.0.0.4'));
    assert.equal(freeAddress(of, taken, value('10.0.0.4')), value('10.0.0.5'));
    // round, and what is free in the end is given
    for (const text of ['10.0.0.5', '10.0.0.6']) taken.add(value(text));
    assert.equal(freeAddress(of, taken, value('10.0.0.6')), value('10.0.0.4'));
    taken.add(value('10.0.0.4'));
    assert.equal(freeAddress(of, taken, value('10.0.0.4')), undefined);
    // what was given last by a static address outside the range is no place to go on from
    assert.equal(freeAddress(subnet({ Subnet: '10.0.0.0/24', IPRange: '10.0.0.8/29' }), new Set(), value('10.0.0.200')), value('10.0.0.8'));
  });

  test('static ones', () => {
    const of = subnet({ Subnet: '10.0.0.0/24', IPRange: '10.0.0.16/28', Gateway: '10.0.0.1', AuxiliaryAddresses: { a: '10.0.0.7' } });
    const value = (text: string) => parseAddress(text)!.value;
    const taken = new Set([value('10.0.0.20')]);
    assert.equal(checkFree([of], value('10.0.0.200'), taken), of);
    for (const text of ['10.0.0.0', '10.0.0.1', '10.0.0.7', '10.0.0.20', '10.0.0.255'])
      fails(() => checkFree([of], value(text), taken), 'denied', 'Address already in use');
    fails(() => checkFree([of], value('10.0.1.1'), taken), 'invalid', "invalid address 10.0.1.1: It does not belong to any of this network's subnets");
  });
});
