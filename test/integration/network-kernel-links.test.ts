import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SyscallError } from '../../src/base/errors.ts';
import type { NetworkNamespace, NewLink } from '../../src/kernel/network-contract.ts';
import { ipJson, namespaceFor, networkKernel, noNamespaces } from '../support/network-ground.ts';

const options = { skip: noNamespaces, timeout: 60_000 };

/** A bridge `br0` in the first, a veth `v0` on it whose other end is `eth0` in the second. */
function pair(a: NetworkNamespace, b: NetworkNamespace): void {
  a.change([
    { op: 'link-add', link: { kind: 'bridge', name: 'br0', mac: '02:00:00:00:00:01', up: true, alias: 'kobako br' } },
    {
      op: 'link-add',
      link: {
        kind: 'veth',
        name: 'v0',
        mtu: 1400,
        master: 'br0',
        up: true,
        alias: 'kobako v',
        peer: { name: 'eth0', mac: '02:42:ac:11:00:02', mtu: 1400, namespace: b },
      },
    },
  ]);
}

test('a bridge and a veth into another namespace, as ip(8) sees them', options, (t) => {
  const [a, b] = [namespaceFor(t), namespaceFor(t)];
  pair(a, b);
  const bridge = a.link('br0')!;
  const end = a.link('v0')!;
  const eth0 = b.link('eth0')!;
  assert.deepEqual([bridge.kind, bridge.mac, bridge.up, bridge.alias], ['bridge', '02:00:00:00:00:01', true, 'kobako br']);
  assert.deepEqual([end.kind, end.up, end.mtu, end.master, end.alias, end.peer], ['veth', true, 1400, bridge.index, 'kobako v', eth0.index]);
  assert.deepEqual([eth0.kind, eth0.up, eth0.mac, eth0.mtu, eth0.peer, eth0.master], ['veth', false, '02:42:ac:11:00:02', 1400, end.index, undefined]);
  assert.equal(typeof eth0.peerNamespace, 'number');
  b.change([{ op: 'link-set', link: eth0.index, settings: { up: true } }]);
  assert.ok(b.link('eth0')!.running);
  assert.deepEqual(
    a.links().map(({ name }) => name),
    ['lo', 'br0', 'v0'],
  );
  assert.deepEqual(
    a.links(a.index('br0')).map(({ name }) => name),
    ['v0'],
  );
  assert.equal(a.link('nope'), undefined);
  assert.equal(a.link(4711), undefined);
  assert.equal(a.link('a-name-that-is-too-long'), undefined);
  const seen = ipJson(t, a, 'link', 'show');
  if (seen === undefined) return;
  const theirs = Object.fromEntries(seen.map((link) => [link['ifname'], link])) as Record<string, Record<string, unknown>>;
  const info = (theirs['br0']!['linkinfo'] as { info_data: Record<string, unknown> }).info_data;
  assert.deepEqual([info['forward_delay'], info['stp_state']], [0, 0]);
  assert.deepEqual([theirs['v0']!['master'], theirs['v0']!['mtu'], theirs['v0']!['ifalias']], ['br0', 1400, 'kobako v']);
});

test('options of a bridge and of its ports', options, (t) => {
  const [a, b] = [namespaceFor(t), namespaceFor(t)];
  pair(a, b);
  a.change([
    { op: 'bridge-set', link: 'br0', options: { multicastSnooping: false, ageing: 60 } },
    { op: 'bridge-port-set', link: 'v0', options: { hairpin: true, isolated: true, flood: false, learning: false } },
  ]);
  const read = (): unknown[] | undefined => {
    const port = ipJson(t, a, 'link', 'show', 'v0');
    const bridge = ipJson(t, a, 'link', 'show', 'br0');
    if (port === undefined || bridge === undefined) return undefined;
    const data = (link: Record<string, unknown>, which: string): Record<string, unknown> =>
      (link['linkinfo'] as Record<string, Record<string, unknown>>)[which]!;
    const slave = data(port[0]!, 'info_slave_data');
    const own = data(bridge[0]!, 'info_data');
    return [slave['hairpin'], slave['isolated'], slave['flood'], slave['learning'], own['mcast_snooping'], own['ageing_time']];
  };
  const first = read();
  if (first === undefined) return;
  assert.deepEqual(first, [true, true, false, false, 0, 6000]);
  a.change([{ op: 'bridge-port-set', link: 'v0', options: { flood: true } }]);
  assert.deepEqual(read(), [true, true, true, false, 0, 6000], 'what is not named stays');
});

test('a link is renamed, moved, taken off its bridge, and deleted with its peer', options, (t) => {
  const [a, b, c] = [namespaceFor(t), namespaceFor(t), namespaceFor(t)];
  pair(a, b);
  b.change([{ op: 'link-set', link: 'eth0', settings: { up: false, name: 'eth7', mac: '02:00:00:00:00:07', mtu: 1300 } }]);
  assert.deepEqual([b.link('eth7')!.mac, b.link('eth7')!.mtu, b.link('eth0')], ['02:00:00:00:00:07', 1300, undefined]);
  b.change([{ op: 'link-set', link: 'eth7', settings: { namespace: c, name: 'eth1', up: true } }]);
  assert.equal(b.link('eth7'), undefined);
  assert.equal(c.link('eth1')!.up, true);
  a.change([{ op: 'link-set', link: 'v0', settings: { master: null } }]);
  assert.equal(a.link('v0')!.master, undefined);
  a.change([{ op: 'link-delete', link: 'v0' }]);
  assert.equal(c.link('eth1'), undefined);
  a.change([{ op: 'link-delete', link: 'v0', missingOk: true }]);
  assert.throws(() => a.change([{ op: 'link-delete', link: 'v0' }]), { code: 'ENODEV', syscall: 'netlink change 0 (link-delete)' });
});

test('links are changed and deleted on another thread; what is there no more is no error', options, async (t) => {
  const [a, b] = [namespaceFor(t), namespaceFor(t)];
  pair(a, b);
  await b.changeAside([{ op: 'link-set', link: 'eth0', settings: { mac: '02:00:00:00:00:09', mtu: 1280 } }]);
  assert.deepEqual([b.link('eth0')!.mac, b.link('eth0')!.mtu], ['02:00:00:00:00:09', 1280]);
  const mtu = (link: string, mtu: number) => ({ op: 'link-set', link, settings: { mtu } }) as const;
  await assert.rejects(b.changeAside([mtu('nope', 1280)]), { code: 'ENODEV' });
  await assert.rejects(b.changeAside([mtu('lo', 1500), mtu('eth0', 1), mtu('eth0', 1300)]), { code: 'EINVAL', syscall: 'netlink change 1 (link-set)' });
  assert.equal(b.link('eth0')!.mtu, 1300, 'all are tried');
  const deletions = Promise.all(['v0', 'nope', 'br0'].map((name) => a.deleteLink(name)));
  assert.ok(a.links().length > 0, 'the namespace can be used meanwhile');
  await deletions;
  assert.deepEqual([a.link('v0'), a.link('br0'), b.link('eth0')], [undefined, undefined, undefined]);
  await assert.rejects(a.deleteLink('lo'), { code: 'ENOTSUP', syscall: 'netlink delete lo' });
});

test('with its namespace a veth goes, and its peer', options, async (t) => {
  const a = namespaceFor(t);
  const b = networkKernel.create();
  pair(a, b);
  b[Symbol.dispose]();
  for (let tries = 0; a.link('v0') !== undefined && tries < 500; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(a.link('v0'), undefined);
});

test('links on a parent: each kind that this kernel has, also right into another namespace', options, (t) => {
  const [a, b] = [namespaceFor(t), namespaceFor(t)];
  pair(a, b);
  const missing: string[] = [];
  const add = (link: NewLink): boolean => {
    try {
      a.change([{ op: 'link-add', link }]);
      return true;
    } catch (error) {
      if ((error as SyscallError).code !== 'ENOTSUP') throw error;
      missing.push(link.kind);
      return false;
    }
  };
  const data = (namespace: NetworkNamespace, name: string): Record<string, unknown> | undefined => {
    const [link] = ipJson(t, namespace, 'link', 'show', name) ?? [];
    return link && (link['linkinfo'] as { info_data?: Record<string, unknown> }).info_data;
  };
  if (add({ kind: 'dummy', name: 'dm0', up: true })) assert.equal(a.link('dm0')!.up, true);
  if (add({ kind: 'vlan', name: 'v0.7', parent: 'v0', id: 7 })) assert.equal(data(a, 'v0.7')?.['id'], 7);
  for (const mode of ['bridge', 'vepa', 'private'] as const) {
    // a port of a bridge cannot have it
    if (!add({ kind: 'macvlan', name: `mv-${mode}`, parent: 'br0', mode, mac: '02:00:00:00:00:09' })) break;
    assert.equal(data(a, `mv-${mode}`)?.['mode'], mode);
    assert.equal(a.link(`mv-${mode}`)!.peer, a.link('br0')!.index);
    a.change([{ op: 'link-delete', link: `mv-${mode}` }]);
  }
  if (add({ kind: 'macvlan', name: 'eth1', parent: 'br0', mode: 'bridge', namespace: b, mac: '02:00:00:00:00:08', up: true })) {
    const link = b.link('eth1')!;
    assert.deepEqual([link.kind, link.up, link.mac, link.peer, a.link('eth1')], ['macvlan', true, '02:00:00:00:00:08', a.link('br0')!.index, undefined]);
    b.change([{ op: 'link-delete', link: 'eth1' }]); // a parent of macvlans cannot be one of ipvlans
  }
  a.change([{ op: 'link-add', link: { kind: 'veth', name: 'p0', peer: { name: 'p1' } } }]);
  if (add({ kind: 'macvlan', name: 'pt', parent: 'p0', mode: 'passthru' })) assert.equal(data(a, 'pt')?.['mode'], 'passthru');
  for (const mode of ['l2', 'l3', 'l3s'] as const) {
    if (!add({ kind: 'ipvlan', name: `iv-${mode}`, parent: 'br0', mode, flag: 'private' })) break;
    assert.equal(data(a, `iv-${mode}`)?.['mode'], mode);
    a.change([{ op: 'link-delete', link: `iv-${mode}` }]);
  }
  if (missing.length > 0) t.diagnostic(`not in this kernel: ${missing.join(', ')}`);
});

test('addresses and routes of both families, as ip(8) sees them', options, (t) => {
  const [a, b] = [namespaceFor(t), namespaceFor(t)];
  pair(a, b);
  b.change([
    { op: 'link-set', link: 'eth0', settings: { up: true, ipv6LinkLocal: 'none' } },
    { op: 'address-add', address: { link: 'eth0', address: '172.17.0.2/16', broadcast: '172.17.255.255' } },
    { op: 'address-add', address: { link: 'eth0', address: 'fd00::2/64', nodad: true } },
    { op: 'address-add', address: { link: 'eth0', address: '10.5.5.5/24', noprefixroute: true } },
    { op: 'route-add', route: { to: 'default', via: '172.17.0.1' } },
    { op: 'route-add', route: { to: 'default', via: 'fd00::1' } },
    { op: 'route-add', route: { to: '10.0.0.0/8', via: '192.0.2.1', link: 'eth0', onlink: true, metric: 7 } },
    { op: 'route-add', route: { to: '192.168.5.0/24', link: 'eth0', source: '172.17.0.2', mtu: 1280 } },
  ]);
  const index = b.link('eth0')!.index;
  assert.deepEqual(b.addresses('eth0'), [
    { link: index, address: '172.17.0.2/16', broadcast: '172.17.255.255', scope: 'global' },
    { link: index, address: '10.5.5.5/24', scope: 'global', noprefixroute: true },
    { link: index, address: 'fd00::2/64', scope: 'global', nodad: true },
  ]);
  assert.deepEqual(b.addresses('nope'), []);
  assert.equal(b.index('eth0'), index);
  for (const none of ['nope', '', 'eth0:1', 'eth0\0', 'a'.repeat(16)]) assert.equal(b.index(none), undefined, none);
  assert.equal(b.addresses().length, 5, 'those of lo too');
  assert.deepEqual(b.routes(), [
    { to: 'default', family: 'inet', via: '172.17.0.1', link: index, protocol: 'static' },
    { to: '10.0.0.0/8', family: 'inet', via: '192.0.2.1', link: index, onlink: true, metric: 7, protocol: 'static' },
    { to: '172.17.0.0/16', family: 'inet', link: index, source: '172.17.0.2', protocol: 'kernel' },
    { to: '192.168.5.0/24', family: 'inet', link: index, source: '172.17.0.2', mtu: 1280, protocol: 'static' },
    { to: 'fd00::/64', family: 'inet6', link: index, metric: 256, protocol: 'kernel' },
    { to: 'default', family: 'inet6', via: 'fd00::1', link: index, metric: 1024, protocol: 'static' },
  ]);
  const theirs = ipJson(t, b, 'route', 'show');
  if (theirs === undefined) return;
  assert.deepEqual(
    theirs.map((route) => [route['dst'], route['gateway'], route['dev'], route['metric'], route['flags']]),
    [
      ['default', '172.17.0.1', 'eth0', undefined, []],
      ['10.0.0.0/8', '192.0.2.1', 'eth0', 7, ['onlink']],
      ['172.17.0.0/16', undefined, 'eth0', undefined, []],
      ['192.168.5.0/24', undefined, 'eth0', undefined, []],
    ],
  );
});

test('addresses, routes and neighbours are replaced and taken away', options, (t) => {
  const [a, b] = [namespaceFor(t), namespaceFor(t)];
  pair(a, b);
  const address = { link: 'eth0', address: '10.0.0.2/24' };
  const route = { to: 'default', via: '10.0.0.1' };
  b.change([
    { op: 'link-set', link: 'eth0', settings: { up: true, ipv6LinkLocal: 'none' } },
    { op: 'address-add', address },
    { op: 'route-add', route },
  ]);
  assert.throws(() => b.change([{ op: 'address-add', address }]), { code: 'EEXIST' });
  assert.throws(() => b.change([{ op: 'route-add', route }]), { code: 'EEXIST' });
  b.change([
    { op: 'address-add', address, replace: true },
    { op: 'route-add', route: { to: 'default', via: '10.0.0.9' }, replace: true },
  ]);
  assert.deepEqual(
    b.routes('inet').map(({ via }) => via),
    ['10.0.0.9', undefined],
  );
  b.change([{ op: 'neighbour-set', neighbour: { link: 'eth0', address: '10.0.0.7', mac: '02:00:00:00:00:07' } }]);
  const neighbours = ipJson(t, b, 'neigh', 'show');
  if (neighbours !== undefined) assert.deepEqual(neighbours, [{ dst: '10.0.0.7', dev: 'eth0', lladdr: '02:00:00:00:00:07', state: ['PERMANENT'] }]);
  b.change([
    { op: 'neighbour-delete', neighbour: { link: 'eth0', address: '10.0.0.7' } },
    { op: 'neighbour-delete', neighbour: { link: 'eth0', address: '10.0.0.7' }, missingOk: true },
    { op: 'route-delete', route: { to: 'default', family: 'inet' } },
    { op: 'route-delete', route: { to: 'default', family: 'inet' }, missingOk: true },
    { op: 'address-delete', address },
    { op: 'address-delete', address, missingOk: true },
    { op: 'address-delete', address: { link: 'nope', address: '10.0.0.1/8' }, missingOk: true },
  ]);
  assert.deepEqual([b.addresses('eth0'), b.routes()], [[], []]);
  assert.throws(() => b.change([{ op: 'route-delete', route: { to: 'default', family: 'inet' } }]), { code: 'ESRCH' });
  assert.throws(() => b.change([{ op: 'address-delete', address }]), { code: 'EADDRNOTAVAIL' });
});

test('a change that is refused is named, with what the kernel says of it; those after it are not made', options, (t) => {
  const a = namespaceFor(t);
  assert.throws(
    () =>
      a.change([
        { op: 'link-add', link: { kind: 'bridge', name: 'br0' } },
        { op: 'route-add', route: { to: '10.0.0.0/8', via: '192.0.2.1' } },
        { op: 'link-add', link: { kind: 'bridge', name: 'br1' } },
      ]),
    {
      name: 'SyscallError',
      code: 'ENETUNREACH',
      syscall: 'netlink change 1 (route-add)',
      message: 'netlink change 1 (route-add): network is unreachable (Nexthop has invalid gateway)',
    },
  );
  assert.deepEqual(
    a.links().map(({ name }) => name),
    ['lo', 'br0'],
  );
  assert.throws(() => a.change([{ op: 'link-add', link: { kind: 'bridge', name: 'br0' } }]), { code: 'EEXIST' });
  assert.throws(() => a.change([{ op: 'address-add', address: { link: 'nope', address: '10.0.0.1/8' } }]), {
    code: 'ENODEV',
    message: /no such device \(nope\)/,
  });
  // the alias that the kernel refuses (over 255 bytes) takes its link with it
  assert.throws(() => a.change([{ op: 'link-add', link: { kind: 'bridge', name: 'br2', alias: 'x'.repeat(300) } }]), {
    syscall: 'netlink change 0 (link-add)',
  });
  assert.equal(a.link('br2'), undefined);
});

test('hundreds of links, addresses and routes are read whole', options, (t) => {
  const a = namespaceFor(t);
  a.change([
    { op: 'link-add', link: { kind: 'bridge', name: 'br0' } },
    { op: 'link-set', link: 'br0', settings: { ipv6LinkLocal: 'none', up: true } },
  ]);
  a.change(Array.from({ length: 100 }, (_, i) => ({ op: 'link-add', link: { kind: 'bridge', name: `b${i}` } }) as const));
  a.change(Array.from({ length: 600 }, (_, i) => ({ op: 'address-add', address: { link: 'br0', address: `10.${i >> 8}.${i & 255}.1/24` } }) as const));
  assert.equal(a.links().length, 102);
  assert.equal(a.addresses('br0').length, 600);
  assert.equal(a.routes('inet').length, 600);
});
