/** Networks as records, on a machine that a test makes up. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import { linuxFileLocks } from '../kernel/linux/file-lock.ts';
import type { HostRoute } from '../kernel/host-networks-contract.ts';
import type { NetworkDriver, NetworkRecord } from '../network/contract.ts';
import type { NetworkSettings } from '../network/default-bridge.ts';
import { tempFor } from '../../test/support/temp.ts';
import { EventBus } from './events.ts';
import { createNetwork } from './network-create.ts';
import { openNetworks } from './network-parts.ts';
import { removeNetwork } from './network-remove.ts';
import type { EngineParts } from './parts.ts';

interface Ground {
  readonly root?: string;
  readonly routes?: readonly HostRoute[];
  readonly settings?: NetworkSettings;
  readonly owned?: boolean;
  readonly driver?: Partial<NetworkDriver>;
}

function ground(t: TestContext, { root = tempFor(t), routes = [], settings = {}, owned = true, driver }: Ground = {}) {
  const networks = openNetworks({
    root,
    engineId: 'dcafee20-f435-4a66-afc6-63c91af52465',
    owned,
    locks: linuxFileLocks,
    host: { routes: () => routes, hasInterface: (name) => ['lo', 'eth0'].includes(name), aliased: () => [] },
    drivers: driver === undefined ? {} : { bridge: driver as NetworkDriver },
    settings: { bridgeName: 'kb0', ...settings },
  });
  const parts = {
    networks: () => networks,
    events: new EventBus(),
    store: { all: () => [], guests: () => [] },
    leases: { check: () => {} },
  } as unknown as EngineParts;
  const subnets = (name: string) => networks.store.find(name).ipam.config.map(({ Subnet }) => Subnet);
  return { root, parts, networks, subnets };
}

const lan = (Subnet: string, more: object = {}) => ({ Name: 'lan', IPAM: { Config: [{ Subnet }] }, ...more });

describe('what the host routes', () => {
  const routes = [
    { subnet: '10.9.4.0/24', interfaceName: 'eth0' },
    { subnet: '172.17.0.0/16', interfaceName: 'docker0' },
    { subnet: 'fd00:9:0:0:0:0:0:0/64', interfaceName: 'eth0' },
  ];

  test('is passed over where nobody asks for a subnet', async (t) => {
    const { parts, subnets } = ground(t, { routes });
    assert.deepEqual(subnets('bridge'), ['172.18.0.0/16']);
    await createNetwork(parts, { Name: 'lan' });
    assert.deepEqual(subnets('lan'), ['172.19.0.0/16']);
  });

  test('cannot be a bridge’s, but a part of it can, and a neighbour’s', async (t) => {
    const { parts, networks } = ground(t, { routes });
    const refused = (Subnet: string, route: string, by = 'eth0') =>
      assert.rejects(createNetwork(parts, lan(Subnet, { EnableIPv6: true })), {
        kind: 'denied',
        message: `invalid pool request: the host routes ${route} by ${by} already, in ${Subnet}`,
      });
    await refused('10.9.4.0/24', '10.9.4.0/24');
    await refused('10.9.0.0/16', '10.9.4.0/24');
    await refused('fd00:9::/64', 'fd00:9:0:0:0:0:0:0/64');
    await refused('172.17.0.0/16', '172.17.0.0/16', 'docker0');
    // a bridge that somebody has made, with its own subnet
    await createNetwork(parts, lan('172.17.0.0/16', { Name: 'theirs', Options: { 'com.docker.network.bridge.name': 'docker0' } }));
    await createNetwork(parts, lan('10.9.4.128/25', { Name: 'part' }));
    await createNetwork(parts, lan('fd00:9::/64', { Name: 'neighbours', Driver: 'macvlan', Options: { parent: 'eth0' }, EnableIPv6: true }));
    // those of our own networks are no others'
    const own = networks.store.find('part');
    const again = ground(t, { routes: [{ subnet: '10.9.4.128/25', interfaceName: `br-${own.id.slice(0, 12)}` }], root: tempFor(t) });
    assert.deepEqual(again.networks.routed().length, 1);
    again.networks.store.save(own);
    assert.deepEqual(again.networks.routed(), []);
  });
});

describe('drivers', () => {
  test('make the network when it is on record, and unmake it before it goes', async (t) => {
    const calls: string[] = [];
    const known = (name: string) => networks.store.search(name) !== undefined;
    const driver = {
      up: (network: NetworkRecord) => void calls.push(`up ${network.name} ${known(network.name)}`),
      down: async (network: NetworkRecord) => void calls.push(`down ${network.name} ${known(network.name)}`),
    };
    const { parts, networks } = ground(t, { driver });
    await createNetwork(parts, lan('10.1.0.0/24'));
    await removeNetwork(parts, 'lan');
    assert.deepEqual(calls, ['up lan true', 'down lan true']);
  });

  test('a network that cannot be made is none', async (t) => {
    const driver = {
      up: () => {
        throw new Error('no room');
      },
    };
    const { parts, networks, root } = ground(t, { driver });
    const before = readdirSync(`${root}/networks`);
    await assert.rejects(createNetwork(parts, lan('10.1.0.0/24')), /no room/);
    assert.equal(networks.store.search('lan'), undefined);
    assert.deepEqual(readdirSync(`${root}/networks`), before);
  });
});

describe('the default bridge', () => {
  test('keeps its subnet, whatever the host routes later', (t) => {
    const { root } = ground(t);
    const { subnets } = ground(t, { root, routes: [{ subnet: '172.17.0.0/16', interfaceName: 'kb0' }] });
    assert.deepEqual(subnets('bridge'), ['172.17.0.0/16']);
  });

  test('is as the settings of whoever owns the data root want it', async (t) => {
    const { root, networks } = ground(t);
    const { id, created } = networks.store.find('bridge');
    const settings = { bip: '10.9.0.1/16', fixedCidr: '10.9.4.0/24', ipv6: true, icc: false, mtu: 1400, bridgeName: 'kb0' };
    const changed = ground(t, { root, settings }).networks.store.find('bridge');
    assert.deepEqual([changed.id, changed.created, changed.ipv6], [id, created, true]);
    assert.deepEqual(changed.ipam.config, [
      { Subnet: '10.9.0.0/16', IPRange: '10.9.4.0/24', Gateway: '10.9.0.1' },
      { Subnet: 'fdee:c74c:8325::/64', Gateway: 'fdee:c74c:8325::1' },
    ]);
    assert.equal(changed.options['com.docker.network.bridge.name'], 'kb0');
    // others see it so, and change nothing
    const others = ground(t, { root, owned: false });
    assert.deepEqual(others.networks.store.find('bridge'), changed);
    assert.deepEqual(
      ground(t, { root, settings: { pools: [{ base: '10.200.0.0/31', size: 32 }], bridgeName: 'kb1' }, owned: false }).networks.store.find('bridge'),
      changed,
    );
    assert.deepEqual(ground(t, { root, settings }).networks.store.find('bridge'), changed);
    // back to the pools
    assert.deepEqual(ground(t, { root, settings: { bip: '172.17.0.1/16' } }).subnets('bridge'), ['172.17.0.0/16']);
  });

  test('cannot have what another network has', async (t) => {
    const { root, parts } = ground(t);
    await createNetwork(parts, lan('10.9.0.0/16'));
    assert.throws(() => ground(t, { root, settings: { bip: '10.9.4.1/24' } }), { kind: 'denied', message: /Pool overlaps/ });
  });

  test('pools of one’s own, until they are empty', async (t) => {
    const { parts, subnets } = ground(t, { settings: { pools: [{ base: '10.7.0.0/23', size: 24 }] } });
    assert.deepEqual(subnets('bridge'), ['10.7.0.0/24']);
    await createNetwork(parts, { Name: 'lan', EnableIPv6: true });
    assert.deepEqual(subnets('lan'), ['10.7.1.0/24', 'fdee:c74c:8325::/64']);
    await assert.rejects(createNetwork(parts, { Name: 'more' }), { kind: 'invalid', message: 'all predefined address pools have been fully subnetted' });
  });
});

test('among processes: names and subnets are given once', async (t) => {
  const root = tempFor(t);
  const all = Array.from({ length: 4 }, () => ground(t, { root, owned: false }));
  const made = await Promise.allSettled(
    all.flatMap(({ parts }, index) => [createNetwork(parts, { Name: 'same' }), createNetwork(parts, { Name: `own-${index}` })]),
  );
  assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 5);
  const networks = all[0]!.networks.store.all();
  const subnets = networks.flatMap(({ ipam }) => ipam.config.map(({ Subnet }) => Subnet));
  assert.deepEqual([networks.length, new Set(subnets).size], [8, 6]);
  assert.deepEqual(new Set(networks.map(({ name }) => name)).size, 8);
});

test('what is given as nothing: options stay, addresses are not shown', async (t) => {
  const { parts, networks } = ground(t);
  const made = async (Name: string, IPAM: object) => {
    await createNetwork(parts, { Name, IPAM });
    const { options, asked } = networks.store.find(Name).ipam;
    return [options, asked];
  };
  const Config = [{ Subnet: '10.9.4.0/24', Gateway: '', IPRange: '' }];
  assert.deepEqual(await made('some', { Options: {}, Config }), [{}, [{ Subnet: '10.9.4.0/24' }]]);
  assert.equal((await made('other', {}))[0], null);
});
