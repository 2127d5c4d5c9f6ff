/** Bridge networks on the real kernel: who reaches whom, with hosts in namespaces of their own. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/network-contract.ts';
import type { NftTable } from '../../src/kernel/nftables-contract.ts';
import { bridgeDriver } from '../../src/network/bridge/driver.ts';
import type { Endpoint, NetworkDriver, NetworkRecord, PublishedPort } from '../../src/network/contract.ts';
import { OtherFilters } from '../../src/network/filter/others.ts';
import { announceEndpoint } from '../../src/network/host/endpoint.ts';
import { FilterTable } from '../../src/network/filter/table.ts';
import { ask, bridgeRecord, netLab, type NetLab } from '../support/net-lab.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const ROUTER4 = '10.91.0.1';
const ROUTER6 = 'fd91::1';

interface Network {
  readonly lab: NetLab;
  readonly driver: NetworkDriver;
  readonly table: FilterTable;
  readonly others: OtherFilters;
}

function networkOf(lab: NetLab): Network {
  const filter = lab.host.packetFilter;
  const table = new FilterTable({ filter, table: 'kobako-test', comment: 'a test', owned: true });
  const others = new OtherFilters({ filter, ours: 'kobako' });
  return { lab, table, others, driver: bridgeDriver({ kernel: lab.kernel, table, others, mark: 'kobako test' }) };
}

/** A container in a network; with its last bytes for addresses. */
async function container(
  { lab, driver }: Network,
  network: NetworkRecord,
  last: number,
  {
    ports = [],
    namespace = lab.namespace(),
    gateway = true,
    name = 'eth0',
    mac = `02:42:00:00:00:0${last}`,
  }: { ports?: PublishedPort[]; namespace?: NetworkNamespace; gateway?: boolean; name?: string; mac?: string } = {},
) {
  const of = (six: boolean) => network.ipam.config.find(({ Subnet }) => Subnet!.includes(':') === six);
  const address = (six: boolean) => of(six)?.Subnet!.replace(/[^.:]*\/(.*)$/, `${last}/$1`);
  const endpoint: Endpoint = {
    id: createHash('sha256').update(`${network.id} ${last}`).digest('hex'),
    networkId: network.id,
    containerId: '0'.repeat(64),
    mac,
    ipv4: address(false),
    ipv6: address(true),
    ...(gateway ? { gateway4: of(false)?.Gateway, gateway6: of(true)?.Gateway } : {}),
    interfaceName: name,
    ports,
  };
  await driver.attach(network, endpoint, namespace, { fresh: namespace.index('eth0') === undefined, alone: last % 2 === 0 });
  const [ipv4, ipv6] = [endpoint.ipv4?.split('/')[0], endpoint.ipv6?.split('/')[0]];
  for (const any of [ipv4, ipv6]) {
    if (any === undefined) continue;
    lab.serve(namespace, any, 80);
    lab.serve(namespace, any, 81);
    lab.serveDatagrams(namespace, any, 80);
  }
  return { namespace, endpoint, ipv4: ipv4!, ipv6: ipv6! };
}

const published = (hostPort: number, more: Partial<PublishedPort> = {}): PublishedPort => ({
  protocol: 'tcp',
  containerPort: 80,
  hostIp: '0.0.0.0',
  hostPort,
  ...more,
});

/** Two networks with a web server each, and somebody outside. */
async function town(lab: NetLab) {
  const network = networkOf(lab);
  const outside = lab.neighbour('wire', `${ROUTER4}/24`, '10.91.0.2/24');
  lab.serve(outside, '10.91.0.2', 80);
  const [a, b] = [bridgeRecord({ subnet: '10.1.0.0/16' }), bridgeRecord({ subnet: '10.2.0.0/16' })];
  for (const each of [a, b]) network.driver.up(each);
  const ports = [published(8080), published(8081, { hostIp: '127.0.0.1' }), published(8082, { hostIp: ROUTER4 }), published(8080, { protocol: 'udp' })];
  const web = await container(network, a, 2, { ports });
  const friend = await container(network, a, 3);
  const stranger = await container(network, b, 2);
  return { ...network, outside, a, b, web, friend, stranger };
}

for (const bridged of ['0', '1']) {
  describe(`IPv4, with net.bridge.bridge-nf-call-iptables=${bridged}`, { skip }, () => {
    const inTown = (body: (all: Awaited<ReturnType<typeof town>>) => Promise<void>) => async (t: { skip(why: string): void }) => {
      using lab = netLab();
      try {
        for (const name of ['iptables', 'ip6tables']) lab.host.setSysctl(`net.bridge.bridge-nf-call-${name}`, bridged);
      } catch {
        if (bridged === '1') return t.skip('this kernel has no br_netfilter');
      }
      await body(await town(lab));
    };

    test(
      'a published port is reached from outside, from the host, from the own network, from others, and from itself',
      inTown(async ({ lab: { host }, outside, web, friend, stranger }) => {
        assert.equal(await ask(outside, ROUTER4, 8080), '10.91.0.2');
        assert.equal(await ask(host, '127.0.0.1', 8080), '10.1.0.1');
        assert.equal(await ask(host, ROUTER4, 8080), ROUTER4);
        assert.equal(await ask(friend.namespace, ROUTER4, 8080), '10.1.0.1');
        assert.equal(await ask(friend.namespace, '10.1.0.1', 8080), '10.1.0.1');
        assert.equal(await ask(web.namespace, ROUTER4, 8080), '10.1.0.1');
        assert.equal(await ask(stranger.namespace, ROUTER4, 8080), '10.2.0.2');
        assert.equal(await ask(outside, ROUTER4, 8080, 'udp'), '10.91.0.2');
        assert.equal(await ask(host, '127.0.0.1', 8080, 'udp'), '10.1.0.1');
      }),
    );

    test(
      'one of an address is reached there alone; one of the loopback by the host alone',
      inTown(async ({ lab: { host }, outside, friend }) => {
        assert.equal(await ask(host, '127.0.0.1', 8081), '10.1.0.1');
        assert.equal(await ask(host, ROUTER4, 8081), 'ECONNREFUSED');
        assert.equal(await ask(outside, ROUTER4, 8081), 'ECONNREFUSED');
        assert.equal(await ask(outside, ROUTER4, 8082), '10.91.0.2');
        assert.equal(await ask(host, '127.0.0.1', 8082), 'ECONNREFUSED');
        assert.equal(await ask(friend.namespace, ROUTER4, 8082), '10.1.0.1');
        // a neighbour that routes the host's loopback to it (CVE-2020-8558 and Docker's moby 45610)
        outside.change([
          { op: 'route-add', route: { to: '127.0.0.0/8', via: ROUTER4, link: 'eth0' } },
          { op: 'address-delete', address: { link: 'lo', address: '127.0.0.1/8' } },
        ]);
        outside.setSysctl('net.ipv4.conf.all.route_localnet', '1');
        for (const port of [8081, 8080]) assert.equal(await ask(outside, '127.0.0.1', port), 'nothing');
      }),
    );

    test(
      'what is not published is reached by the own network and the host only',
      inTown(async ({ lab: { host }, outside, web, friend, stranger }) => {
        for (const port of [80, 81]) {
          assert.equal(await ask(friend.namespace, web.ipv4, port), friend.ipv4);
          assert.equal(await ask(host, web.ipv4, port), '10.1.0.1');
          assert.equal(await ask(outside, web.ipv4, port), 'nothing');
          assert.equal(await ask(stranger.namespace, web.ipv4, port), 'nothing');
        }
      }),
    );

    test(
      'containers reach the outside with the host address, and not the host loopback',
      inTown(async ({ lab, web }) => {
        assert.equal(await ask(web.namespace, '10.91.0.2', 80), ROUTER4);
        lab.serve(lab.host, '127.0.0.1', 9000);
        web.namespace.change([
          { op: 'route-add', route: { to: '127.0.0.0/8', via: '10.1.0.1', link: 'eth0' } },
          { op: 'address-delete', address: { link: 'lo', address: '127.0.0.1/8' } },
        ]);
        web.namespace.setSysctl('net.ipv4.conf.all.route_localnet', '1');
        assert.equal(await ask(web.namespace, '127.0.0.1', 9000), 'nothing');
      }),
    );
  });
}

describe('bridge networks', { skip }, () => {
  test('IPv6: published, direct, masqueraded', async () => {
    using lab = netLab();
    const network = networkOf(lab);
    const outside = lab.neighbour('wire', `${ROUTER6}/64`, 'fd91::2/64');
    lab.serve(outside, 'fd91::2', 80);
    const record = bridgeRecord({ subnet: '10.1.0.0/16', subnet6: 'fd01::/64' });
    network.driver.up(record);
    const web = await container(network, record, 2, { ports: [published(8080, { hostIp: '::' })] });
    const friend = await container(network, record, 3);
    assert.equal(await ask(outside, ROUTER6, 8080), 'fd91::2');
    assert.equal(await ask(lab.host, ROUTER6, 8080), ROUTER6);
    assert.equal(await ask(friend.namespace, 'fd01::1', 8080), 'fd01::1');
    assert.equal(await ask(friend.namespace, web.ipv6, 81), friend.ipv6);
    assert.equal(await ask(outside, web.ipv6, 80), 'nothing');
    assert.equal(await ask(web.namespace, 'fd91::2', 80), ROUTER6);
  });

  test('internal: nothing in, nothing out, but within', async () => {
    using lab = netLab();
    const network = networkOf(lab);
    const outside = lab.neighbour('wire', `${ROUTER4}/24`, '10.91.0.2/24');
    lab.serve(outside, '10.91.0.2', 80);
    const [inner, other] = [bridgeRecord({ subnet: '10.1.0.0/16', internal: true }), bridgeRecord({ subnet: '10.2.0.0/16' })];
    network.driver.up(inner);
    network.driver.up(other);
    const [db, web, stranger] = [
      await container(network, inner, 2, { ports: [published(8080)] }),
      await container(network, inner, 3),
      await container(network, other, 2),
    ];
    assert.equal(await ask(web.namespace, db.ipv4, 80), web.ipv4);
    assert.equal(await ask(web.namespace, '10.91.0.2', 80), 'nothing');
    assert.equal(await ask(outside, db.ipv4, 80), 'nothing');
    assert.equal(await ask(stranger.namespace, db.ipv4, 80), 'nothing');
    assert.equal(await ask(web.namespace, stranger.ipv4, 80), 'nothing');
    assert.equal(await ask(outside, ROUTER4, 8080), 'nothing');
  });

  test('inter-container communication off: not even within, but through published ports', async () => {
    using lab = netLab();
    const network = networkOf(lab);
    lab.neighbour('wire', `${ROUTER4}/24`, '10.91.0.2/24');
    const record = bridgeRecord({ subnet: '10.1.0.0/16', options: { 'com.docker.network.bridge.enable_icc': 'false' } });
    network.driver.up(record);
    const [web, friend] = [await container(network, record, 2, { ports: [published(8080)] }), await container(network, record, 3)];
    assert.match(await ask(friend.namespace, web.ipv4, 80), /^(nothing|EHOSTUNREACH)$/);
    assert.equal(await ask(friend.namespace, ROUTER4, 8080), '10.1.0.1');
    assert.equal(await ask(lab.host, web.ipv4, 80), '10.1.0.1');
  });

  test('gateway modes: routed opens what is published at its own address, nat-unprotected everything', async () => {
    using lab = netLab();
    const network = networkOf(lab);
    const outside = lab.neighbour('wire', `${ROUTER4}/24`, '10.91.0.2/24');
    lab.serve(outside, '10.91.0.2', 80);
    const mode = 'com.docker.network.bridge.gateway_mode_ipv4';
    const [routed, open] = [
      bridgeRecord({ subnet: '10.1.0.0/16', options: { [mode]: 'routed' } }),
      bridgeRecord({ subnet: '10.2.0.0/16', options: { [mode]: 'nat-unprotected' } }),
    ];
    network.driver.up(routed);
    network.driver.up(open);
    const [a, b] = [await container(network, routed, 2, { ports: [published(8080)] }), await container(network, open, 2)];
    assert.equal(await ask(outside, a.ipv4, 80), '10.91.0.2');
    assert.equal(await ask(outside, a.ipv4, 81), 'nothing');
    assert.equal(await ask(outside, ROUTER4, 8080), 'ECONNREFUSED');
    assert.equal(await ask(a.namespace, '10.91.0.2', 80), a.ipv4);
    assert.equal(await ask(outside, b.ipv4, 81), '10.91.0.2');
  });

  test('a container in two networks, connected and disconnected while it runs', async () => {
    using lab = netLab();
    const network = networkOf(lab);
    const [a, b] = [bridgeRecord({ subnet: '10.1.0.0/16' }), bridgeRecord({ subnet: '10.2.0.0/16' })];
    for (const each of [a, b]) network.driver.up(each);
    const web = await container(network, a, 2);
    const stranger = await container(network, b, 3);
    const second = await container(network, b, 2, { namespace: web.namespace, gateway: false, name: 'eth1' });
    assert.equal(await ask(web.namespace, stranger.ipv4, 80), second.ipv4);
    const withoutIpv6 = ['eth0', 'eth1', 'default', 'lo'].map((name) => web.namespace.sysctl(`net.ipv6.conf.${name}.disable_ipv6`));
    assert.deepEqual(withoutIpv6, ['1', '1', '0', '0'], 'its own only, and not what it makes itself');
    await network.driver.detach(b, second.endpoint, web.namespace);
    assert.equal(web.namespace.link('eth1'), undefined);
    assert.equal(await ask(web.namespace, stranger.ipv4, 80), 'nothing');
  });

  test('who knows the gateway reaches it, whatever containers come and go', async () => {
    using lab = netLab();
    const network = networkOf(lab);
    const record = bridgeRecord({ subnet: '10.1.0.0/16' });
    network.driver.up(record);
    const mac = () => lab.host.link(`br-${record.id.slice(0, 12)}`)!.mac;
    const before = mac();
    const others = await Promise.all([2, 3, 4, 5, 6, 7].map((last) => container(network, record, last)));
    assert.equal(mac(), before);
    for (const { endpoint, namespace } of others) await network.driver.detach(record, endpoint, namespace);
    assert.equal(mac(), before);
  });

  test('an address that is another container’s now is found there at once', async () => {
    using lab = netLab();
    const network = networkOf(lab);
    const record = bridgeRecord({ subnet: '10.1.0.0/16', subnet6: 'fd01::/64' });
    network.driver.up(record);
    const client = await container(network, record, 3);
    const before = await container(network, record, 2);
    for (const address of [before.ipv4, before.ipv6]) assert.notEqual(await ask(client.namespace, address, 80), 'nothing');
    await network.driver.detach(record, before.endpoint, before.namespace);
    // arp(7), locktime: what was learnt in the last second stays
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const after = await container(network, record, 2, { mac: '02:00:00:00:00:99' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await announceEndpoint(after.namespace, after.endpoint);
    assert.equal(await ask(client.namespace, after.ipv4, 80), client.ipv4);
    assert.equal(await ask(client.namespace, after.ipv6, 80), client.ipv6);
  });

  test('what was detached is closed, and what goes down leaves nothing', async () => {
    using lab = netLab();
    const network = networkOf(lab);
    const record = bridgeRecord({ subnet: '10.1.0.0/16' });
    network.driver.up(record);
    const web = await container(network, record, 2, { ports: [published(8080)] });
    assert.equal(await ask(lab.host, '127.0.0.1', 8080), '10.1.0.1');
    for (const end of [() => network.driver.detach(record, web.endpoint, web.namespace), () => network.driver.down(record)]) {
      let others = false;
      setImmediate(() => (others = true));
      await end();
      assert.ok(others, 'others go on while the kernel waits');
      assert.equal(await ask(lab.host, '127.0.0.1', 8080), 'ECONNREFUSED');
    }
    network.table.delete();
    assert.deepEqual(
      lab.host.links().map(({ name }) => name),
      ['lo'],
    );
    assert.deepEqual(lab.host.packetFilter.tables(), []);
  });

  test('two processes make one bridge at the same moment: who comes late takes what is there, and does not remove it', async () => {
    using lab = netLab();
    const first = networkOf(lab);
    const record = bridgeRecord({ subnet: '10.1.0.0/16' });
    first.driver.up(record);
    const { name } = lab.host.links().find(({ kind }) => kind === 'bridge')!;
    // it was not there yet when this one looked
    const late = new Proxy(lab.host, {
      get: (host, key) => {
        if (key === 'link') return (which: string) => (which === name ? undefined : host.link(which));
        const member = Reflect.get(host, key, host) as unknown;
        return typeof member === 'function' ? (member.bind(host) as unknown) : member;
      },
    });
    const kernel = { ...lab.kernel, host: () => late };
    bridgeDriver({ kernel, table: first.table, others: first.others, mark: 'kobako test' }).up(record);
    const web = await container(first, record, 2);
    assert.equal(await ask(lab.host, web.ipv4, 80), '10.1.0.1');
  });

  test('rules that somebody flushed are put back, and what was changed of interfaces with the next container', async () => {
    using lab = netLab();
    const { host } = lab;
    const network = networkOf(lab);
    const record = bridgeRecord({ subnet: '10.1.0.0/16' });
    network.driver.up(record);
    await container(network, record, 2, { ports: [published(8080)] });
    assert.equal(network.table.check(), false);
    const at = { family: 'inet', table: 'kobako-test' } as const;
    const [{ handle }] = host.packetFilter.tables() as [NftTable];
    host.packetFilter.change([{ op: 'table-add', family: 'inet', table: 'of-somebody-else' }]);
    assert.deepEqual([network.table.changed(), network.table.check(), network.table.changed()], [true, false, false], 'nothing of ours was changed');
    assert.equal(host.packetFilter.tables().find(({ table }) => table === at.table)?.handle, handle);
    host.packetFilter.change([{ op: 'table-delete', ...at }]);
    assert.equal(await ask(host, '127.0.0.1', 8080), 'ECONNREFUSED');
    assert.equal(network.table.check(), true);
    assert.equal(await ask(host, '127.0.0.1', 8080), '10.1.0.1');
    host.packetFilter.change([{ op: 'chain-flush', ...at, chain: 'output' }]);
    assert.equal(network.table.check(), true);
    host.packetFilter.change([{ op: 'set-flush', ...at, set: 'ports4' }]);
    assert.equal(network.table.check(), true);
    assert.equal(await ask(host, '127.0.0.1', 8080), '10.1.0.1');
    host.change([{ op: 'link-delete', link: 'br-' + record.id.slice(0, 12) }]);
    const again = await container(network, record, 4);
    assert.equal(await ask(host, again.ipv4, 80), '10.1.0.1');
  });

  test('beside others whose FORWARD policy drops, before and after', async () => {
    using lab = netLab();
    const network = networkOf(lab);
    const outside = lab.neighbour('wire', `${ROUTER4}/24`, '10.91.0.2/24');
    lab.serve(outside, '10.91.0.2', 80);
    const forward = (family: 'ip' | 'inet', table: string, policy: 'accept' | 'drop') => {
      const at = { family, table, chain: 'FORWARD' } as const;
      lab.host.packetFilter.change([
        { op: 'table-add', family, table },
        { op: 'chain-add', ...at, base: { type: 'filter', hook: 'forward', priority: 0, policy } },
        ...(policy === 'accept' ? [{ op: 'rule-add', ...at, statements: [{ reject: 'admin-prohibited' }] } as const] : []),
      ]);
      return () => lab.host.packetFilter.rules(at).length;
    };
    const iptables = forward('ip', 'filter', 'drop');
    const record = bridgeRecord({ subnet: '10.1.0.0/16' });
    network.driver.up(record);
    const web = await container(network, record, 2, { ports: [published(8080)] });
    assert.equal(await ask(outside, ROUTER4, 8080), '10.91.0.2');
    assert.equal(await ask(web.namespace, '10.91.0.2', 80), ROUTER4);
    const firewalld = forward('inet', 'firewalld', 'accept');
    assert.notEqual(await ask(outside, ROUTER4, 8080), '10.91.0.2');
    network.others.check();
    assert.equal(await ask(outside, ROUTER4, 8080), '10.91.0.2');
    network.others.check();
    assert.deepEqual([iptables(), firewalld()], [2, 3]);
    await network.driver.down(record);
    assert.deepEqual([iptables(), firewalld()], [0, 1]);
  });

  test('a host that was no router does not become one for its neighbours', async () => {
    using lab = netLab();
    const { host } = lab;
    const network = networkOf(lab);
    const neighbours = [lab.neighbour('w1', `${ROUTER4}/24`, '10.91.0.2/24'), lab.neighbour('w2', '10.92.0.1/24', '10.92.0.2/24')];
    lab.serve(neighbours[1]!, '10.92.0.2', 80);
    host.setSysctl('net.ipv4.ip_forward', '0');
    network.driver.up(bridgeRecord({ subnet: '10.1.0.0/16' }));
    assert.equal(host.sysctl('net.ipv4.ip_forward'), '1');
    assert.equal(await ask(neighbours[0]!, '10.92.0.2', 80), 'nothing');
  });
});
