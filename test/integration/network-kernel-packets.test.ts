import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/network-contract.ts';
import type { NftChange, NftStatement } from '../../src/kernel/nftables-contract.ts';
import { filterPrograms, namespaceFor, noNamespaces } from '../support/network-ground.ts';

const options = { skip: noNamespaces, timeout: 120_000 };
const TABLE = { family: 'inet', table: 'kobako' } as const;
const PORTS = { key: ['inet_proto', 'ipv4_addr', 'inet_service'], data: ['ipv4_addr', 'inet_service'] } as const;
const PORTS6 = { key: ['inet_proto', 'inet_service'], data: ['ipv6_addr', 'inet_service'] } as const;

function rule(chain: string, ...statements: NftStatement[]): NftChange {
  return { op: 'rule-add', ...TABLE, chain, statements };
}

test("in a chain of iptables' a rule is listed and deleted by iptables as its own, and found again by its comment", options, async (t) => {
  const namespace = namespaceFor(t);
  const { packetFilter } = namespace;
  const run = await filterPrograms(t);
  if (run === undefined) return;
  const iptables = (...args: string[]): string => run(namespace, 'iptables', ...args);
  iptables('-P', 'FORWARD', 'DROP');
  iptables('-A', 'FORWARD', '-i', 'eth9', '-m', 'comment', '--comment', 'theirs', '-j', 'DROP');
  const chain = { family: 'ip', table: 'filter', chain: 'FORWARD' } as const;
  assert.deepEqual(
    packetFilter
      .chains()
      .filter((found) => found.chain === 'FORWARD')
      .map(({ base }) => base),
    [{ type: 'filter', hook: 'forward', priority: 0, policy: 'drop' }],
  );
  assert.deepEqual(
    packetFilter.rules(chain).map(({ comment, verdict }) => [comment, verdict]),
    [['theirs', 'drop']],
  );
  packetFilter.change([
    {
      op: 'rule-add',
      ...chain,
      prepend: true,
      statements: [{ match: 'oifname', is: 'br-0123' }, { counter: true }, { verdict: 'accept' }],
      comment: 'kobako out',
    },
    {
      op: 'rule-add',
      ...chain,
      prepend: true,
      statements: [{ match: 'iifname', is: 'kb-*' }, { match: 'ip saddr', is: '10.8.0.0/16' }, { counter: true }, { verdict: 'accept' }],
      comment: 'kobako in',
    },
  ]);
  const forward = (): string[] =>
    iptables('-S', 'FORWARD')
      .trim()
      .split('\n')
      .map((line) => line.replaceAll('"', ''));
  const flags = (line: string): string[] => line.split(/ (?=-)/).toSorted();
  assert.deepEqual(
    forward().map(flags),
    [
      '-P FORWARD DROP',
      '-A FORWARD -s 10.8.0.0/16 -i kb-+ -m comment --comment kobako in -j ACCEPT',
      '-A FORWARD -o br-0123 -m comment --comment kobako out -j ACCEPT',
      '-A FORWARD -i eth9 -m comment --comment theirs -j DROP',
    ].map(flags),
  );
  iptables('-D', 'FORWARD', '-o', 'br-0123', '-m', 'comment', '--comment', 'kobako out', '-j', 'ACCEPT');
  const own = packetFilter.rules(chain).filter(({ comment }) => comment?.startsWith('kobako'));
  assert.deepEqual(
    own.map(({ comment }) => comment),
    ['kobako in'],
  );
  packetFilter.change(own.map(({ handle }) => ({ op: 'rule-delete', ...chain, handle })));
  assert.deepEqual(forward(), ['-P FORWARD DROP', '-A FORWARD -i eth9 -m comment --comment theirs -j DROP']);
});

/** A host between a client outside and a server in a network of its own, all of them namespaces. */
function topology(t: { after(hook: () => void): void; skip(message: string): void }): {
  host: NetworkNamespace;
  client: NetworkNamespace;
  server: NetworkNamespace;
} {
  const [host, client, server] = [namespaceFor(t), namespaceFor(t), namespaceFor(t)];
  host.setSysctl('net.ipv4.ip_forward', '1');
  host.setSysctl('net.ipv6.conf.all.forwarding', '1');
  host.change([
    { op: 'link-add', link: { kind: 'bridge', name: 'br0', up: true } },
    { op: 'link-add', link: { kind: 'veth', name: 'v0', master: 'br0', up: true, peer: { name: 'eth0', namespace: server } } },
    { op: 'link-add', link: { kind: 'veth', name: 'wan', up: true, peer: { name: 'eth0', namespace: client } } },
    { op: 'address-add', address: { link: 'br0', address: '10.9.0.1/24' } },
    { op: 'address-add', address: { link: 'br0', address: 'fd09::1/64', nodad: true } },
    { op: 'address-add', address: { link: 'wan', address: '192.0.2.1/24' } },
    { op: 'address-add', address: { link: 'wan', address: 'fd02::1/64', nodad: true } },
  ]);
  for (const [namespace, v4, v6] of [
    [server, '10.9.0', 'fd09:'],
    [client, '192.0.2', 'fd02:'],
  ] as const) {
    namespace.change([
      { op: 'link-set', link: 'eth0', settings: { up: true } },
      { op: 'address-add', address: { link: 'eth0', address: `${v4}.2/24` } },
      { op: 'address-add', address: { link: 'eth0', address: `${v6}:2/64`, nodad: true } },
      { op: 'route-add', route: { to: 'default', via: `${v4}.1` } },
      { op: 'route-add', route: { to: 'default', via: `${v6}:1` } },
    ]);
  }
  return { host, client, server };
}

test('packets: a published port leads through the map to the server, and nothing else does', options, async (t) => {
  const { host, client, server } = topology(t);
  host.packetFilter.change([
    { op: 'table-add', ...TABLE },
    { op: 'chain-add', ...TABLE, chain: 'pre', base: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' } },
    { op: 'chain-add', ...TABLE, chain: 'fwd', base: { type: 'filter', hook: 'forward', priority: 0, policy: 'drop' } },
    { op: 'set-add', ...TABLE, set: 'ports', ...PORTS },
    { op: 'set-add', ...TABLE, set: 'ports6', ...PORTS6 },
    rule(
      'pre',
      { match: 'fib daddr type', is: 'local' },
      { dnat: { ip: 'ip', map: { name: 'ports', key: ['meta l4proto', 'ip daddr', 'th dport'], gives: 'address . port' } } },
    ),
    rule(
      'pre',
      { match: 'fib daddr type', is: 'local' },
      { match: 'meta nfproto', is: 'ipv6' },
      { dnat: { ip: 'ip6', map: { name: 'ports6', key: ['meta l4proto', 'th dport'], gives: 'address . port' } } },
    ),
    rule('fwd', { match: 'ct state', is: ['established', 'related'] }, { verdict: 'accept' }),
    rule('fwd', { match: 'ct status', is: 'dnat' }, { verdict: 'accept' }),
    rule('fwd', { match: 'iifname', is: 'wan' }, { reject: 'tcp reset' }),
    { op: 'elements-add', ...TABLE, set: 'ports', type: PORTS, elements: [{ key: ['tcp', '192.0.2.1', 8080], data: ['10.9.0.2', 80] }] },
    { op: 'elements-add', ...TABLE, set: 'ports6', type: PORTS6, elements: [{ key: ['tcp', 8080], data: ['fd09::2', 80] }] },
  ]);
  const servers = ['10.9.0.2', 'fd09::2'].map((address) => {
    const listening = createServer((socket) => socket.end(`${socket.remoteAddress}`));
    listening.listen({ fd: server.tcpListener({ address, port: 80 }).fd });
    return listening;
  });
  t.after(() => servers.forEach((listening) => listening.close()));
  const get = async (address: string, port: number): Promise<string> => {
    const program = `const s = require('node:net').connect(${port}, '${address}'); s.on('data', (d) => console.log(String(d))); s.on('error', (e) => console.log(e.code)); setTimeout(() => { console.log('nothing'); process.exit(); }, 20000).unref();`;
    const child = client.within(() => spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] }));
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await once(child, 'close');
    return output.trim();
  };
  assert.equal(await get('192.0.2.1', 8080), '192.0.2.2', 'published');
  assert.equal(await get('fd02::1', 8080), 'fd02::2', 'published, IPv6');
  assert.equal(await get('192.0.2.1', 8081), 'ECONNREFUSED', 'not published');
  assert.equal(await get('10.9.0.2', 80), 'ECONNREFUSED', 'not published at its own address');
  host.packetFilter.change([{ op: 'elements-delete', ...TABLE, set: 'ports', type: PORTS, elements: [{ key: ['tcp', '192.0.2.1', 8080] }] }]);
  assert.equal(await get('192.0.2.1', 8080), 'ECONNREFUSED', 'not published any more');
});
