import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { networkElements, portElements, type FilteredNetwork } from './elements.ts';

const NETWORK: FilteredNetwork = {
  bridge: 'br-1',
  subnets4: ['10.1.0.0/16'],
  subnets6: ['fd01::/64'],
  internal: false,
  direct: true,
  masquerade4: true,
  masquerade6: true,
  trusted: [],
  mode4: 'nat',
  mode6: 'nat',
};

const setsOf = (network: Partial<FilteredNetwork>) =>
  networkElements({ ...NETWORK, ...network })
    .map(({ set }) => set)
    .toSorted();

describe('the elements of a network', () => {
  test('a plain one talks within itself, and leaves with the host address', () => {
    assert.deepEqual(setsOf({}), ['bridges', 'direct', 'hairpin4', 'hairpin6', 'masked4', 'masked6']);
  });

  test('an internal one leaves not at all', () => {
    assert.deepEqual(setsOf({ internal: true }), ['bridges', 'direct', 'hairpin4', 'hairpin6', 'internal']);
  });

  test('inter-container communication off', () => {
    assert.ok(!setsOf({ direct: false }).includes('direct'));
  });

  test('routed: no address is replaced', () => {
    assert.deepEqual(setsOf({ mode4: 'routed', mode6: 'routed' }), ['bridges', 'direct', 'hairpin4', 'hairpin6']);
  });

  test('an address of the user for what leaves', () => {
    const elements = networkElements({ ...NETWORK, hostAddress4: '192.0.2.7' });
    assert.deepEqual(elements.find(({ set }) => set === 'snat4')?.element, { key: ['10.1.0.0/16'], data: ['192.0.2.7'] });
    assert.ok(!elements.some(({ set }) => set === 'masked4'));
  });
});

describe('the elements of published ports', () => {
  const web = { protocol: 'tcp', containerPort: 80, hostPort: 8080 } as const;
  const addresses = { ipv4: '10.1.0.2', ipv6: 'fd01::2' };

  test('at every address, and at one', () => {
    assert.deepEqual(
      portElements(
        [
          { ...web, hostIp: '0.0.0.0' },
          { ...web, hostIp: '127.0.0.1', hostPort: 81 },
          { ...web, hostIp: '::' },
        ],
        addresses,
        NETWORK,
      ),
      [
        { set: 'ports4', element: { key: ['tcp', 8080], data: ['10.1.0.2', 80] } },
        { set: 'at4', element: { key: ['127.0.0.1', 'tcp', 81], data: ['10.1.0.2', 80] } },
        { set: 'ports6', element: { key: ['tcp', 8080], data: ['fd01::2', 80] } },
      ],
    );
  });

  test('IPv6 of the host for a container without: nothing for the filter to do', () => {
    assert.deepEqual(portElements([{ ...web, hostIp: '::' }], { ipv4: '10.1.0.2' }, NETWORK), []);
  });

  test('routed: the port is open at the own address', () => {
    assert.deepEqual(portElements([{ ...web, hostIp: '0.0.0.0' }], addresses, { mode4: 'routed', mode6: 'nat', trusted: [] }), [
      { set: 'open4', element: { key: ['10.1.0.2', 'tcp', 80] } },
    ]);
  });
});
