import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinuxPacketFilter } from '../../src/kernel/linux/nftables.ts';
import { NETLINK, NetlinkSocket } from '../../src/kernel/linux/netlink-socket.ts';
import type { NftChange, NftElement, NftStatement } from '../../src/kernel/nftables-contract.ts';
import { filterPrograms, namespaceFor, noNamespaces } from '../support/network-ground.ts';

const options = { skip: noNamespaces, timeout: 120_000 };
const TABLE = { family: 'inet', table: 'kobako' } as const;
const PORTS = { key: ['inet_proto', 'ipv4_addr', 'inet_service'], data: ['ipv4_addr', 'inet_service'] } as const;
const PORTS6 = { key: ['inet_proto', 'inet_service'], data: ['ipv6_addr', 'inet_service'] } as const;
const NETS = { key: ['ipv4_addr'], interval: true } as const;
const BRIDGES = { key: ['ifname'], data: 'verdict' } as const;
const RANGES = { key: ['ipv4_addr', 'inet_service'], interval: true } as const;

function rule(chain: string, ...statements: NftStatement[]): NftChange {
  return { op: 'rule-add', ...TABLE, chain, statements };
}

const WHOLE: readonly NftChange[] = [
  { op: 'table-add', ...TABLE, comment: 'of kobako' },
  { op: 'chain-add', ...TABLE, chain: 'pre', base: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' } },
  { op: 'chain-add', ...TABLE, chain: 'post', base: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' } },
  { op: 'chain-add', ...TABLE, chain: 'fwd', base: { type: 'filter', hook: 'forward', priority: 0, policy: 'drop' } },
  { op: 'chain-add', ...TABLE, chain: 'raw', base: { type: 'filter', hook: 'prerouting', priority: -300, policy: 'accept' } },
  { op: 'chain-add', ...TABLE, chain: 'sub' },
  { op: 'set-add', ...TABLE, set: 'ports', ...PORTS, comment: 'published' },
  { op: 'set-add', ...TABLE, set: 'ports6', ...PORTS6 },
  { op: 'set-add', ...TABLE, set: 'nets', ...NETS },
  { op: 'set-add', ...TABLE, set: 'bridges', ...BRIDGES },
  { op: 'set-add', ...TABLE, set: 'ranges', ...RANGES },
  { op: 'set-add', ...TABLE, set: 'others', key: ['mark', 'iface_index', 'ether_addr', 'ipv6_addr'] },
  { op: 'elements-add', ...TABLE, set: 'ports', type: PORTS, elements: [{ key: ['tcp', '0.0.0.0', 8080], data: ['172.17.0.2', 80], comment: 'web' }] },
  { op: 'elements-add', ...TABLE, set: 'ports6', type: PORTS6, elements: [{ key: ['udp', 53], data: ['fd00::2', 5353] }] },
  {
    op: 'elements-add',
    ...TABLE,
    set: 'nets',
    type: NETS,
    elements: [
      { key: ['172.17.0.0/16'] },
      { key: ['172.18.0.0/16'] },
      { key: [{ from: '10.0.0.3', to: '10.0.0.9' }] },
      { key: ['9.9.9.9'] },
      { key: ['255.0.0.0/8'] },
    ],
  },
  {
    op: 'elements-add',
    ...TABLE,
    set: 'bridges',
    type: BRIDGES,
    elements: [
      { key: ['br0'], data: { jump: 'sub' } },
      { key: ['br1'], data: 'drop' },
    ],
  },
  { op: 'elements-add', ...TABLE, set: 'ranges', type: RANGES, elements: [{ key: ['10.0.0.0/8', { from: 1, to: 1024 }] }] },
  {
    op: 'elements-add',
    ...TABLE,
    set: 'others',
    type: { key: ['mark', 'iface_index', 'ether_addr', 'ipv6_addr'] },
    elements: [{ key: [0x1234, 1, '02:00:00:00:00:01', 'fd00::9'] }],
  },
  {
    op: 'rule-add',
    ...TABLE,
    chain: 'pre',
    comment: 'published',
    statements: [
      { match: 'fib daddr type', is: 'local' },
      { dnat: { ip: 'ip', map: { name: 'ports', key: ['meta l4proto', 'ip daddr', 'th dport'], gives: 'address . port' } } },
    ],
  },
  rule(
    'pre',
    { match: 'meta nfproto', is: 'ipv6' },
    { dnat: { ip: 'ip6', map: { name: 'ports6', key: ['meta l4proto', 'th dport'], gives: 'address . port' } } },
  ),
  rule('pre', { match: 'ip daddr', is: '1.2.3.4' }, { match: 'tcp dport', is: { from: 1, to: 100 } }, { dnat: { ip: 'ip', address: '10.0.0.1', port: 99 } }),
  rule('post', { match: 'ip saddr', is: '172.17.0.0/16' }, { match: 'oifname', is: 'br-abc', not: true }, { counter: true }, { masquerade: {} }),
  rule('post', { match: 'ip6 saddr', is: 'fd00::/64' }, { snat: { ip: 'ip6', address: 'fd00::1', random: true, persistent: true } }),
  rule('fwd', { match: 'ct state', is: ['established', 'related'] }, { verdict: 'accept' }),
  rule('fwd', { match: 'ct status', is: 'dnat' }, { verdict: 'accept' }),
  rule('fwd', { match: 'ct state', is: ['invalid'], not: true }, { vmap: 'iifname', map: 'bridges' }),
  rule('fwd', { match: 'ip saddr', in: 'nets', not: true }, { verdict: 'return' }),
  rule('fwd', { match: ['ip saddr', 'udp dport'], in: 'ranges' }, { verdict: { jump: 'sub' } }),
  rule('fwd', { match: 'iifname', is: 'br-*' }, { match: 'meta pkttype', is: 'host' }, { match: 'ct direction', is: 'original' }, { reject: 'tcp reset' }),
  rule('fwd', { match: 'ct original ip daddr', is: '1.1.1.1' }, { match: 'ct original proto-dst', is: 80 }, { reject: 'port-unreachable' }),
  rule(
    'fwd',
    { match: 'meta mark', is: 5 },
    { set: 'meta mark', to: 6 },
    { set: 'ct mark', to: 7 },
    { match: 'icmpv6 type', is: 135 },
    { verdict: { goto: 'sub' } },
  ),
  rule('fwd', { match: 'sctp dport', is: 5, not: true }, { match: 'iif', is: 1 }, { match: 'ip6 daddr', is: 'fd00::7' }, { reject: 'admin-prohibited' }),
  rule('raw', { match: 'udp sport', is: 53 }, { notrack: true }),
];

test('a batch of everything, as nft(8) lists it', options, async (t) => {
  const namespace = namespaceFor(t);
  namespace.packetFilter.change(WHOLE);
  const run = await filterPrograms(t);
  if (run === undefined) return;
  const listed = run(namespace, 'nft', 'list', 'ruleset')
    .split('\n')
    .map((line) => line.trim())
    .join('\n');
  for (const line of [
    'type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service',
    'elements = { tcp . 0.0.0.0 . 8080 comment "web" : 172.17.0.2 . 80 }',
    'elements = { udp . 53 : fd00::2 . 5353 }',
    '172.17.0.0/16, 172.18.0.0/16,',
    '"br1" : drop }',
    'elements = { 10.0.0.0/8 . 1-1024 }',
    'elements = { 0x00001234 . "lo" . 02:00:00:00:00:01 . fd00::9 }',
    'type nat hook prerouting priority dstnat; policy accept;',
    'fib daddr type local dnat ip to meta l4proto . ip daddr . th dport map @ports comment "published"',
    'meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @ports6',
    'ip daddr 1.2.3.4 tcp dport 1-100 dnat ip to 10.0.0.1:99',
    'ip saddr 172.17.0.0/16 oifname != "br-abc" counter packets 0 bytes 0 masquerade',
    'ip6 saddr fd00::/64 snat ip6 to fd00::1 random,persistent',
    'type filter hook forward priority filter; policy drop;',
    'ct state established,related accept',
    'ct status dnat accept',
    'ip saddr != @nets return',
    'ip saddr . udp dport @ranges jump sub',
    'meta mark 0x00000005 meta mark set 0x00000006 ct mark set 0x00000007 icmpv6 type nd-neighbor-solicit goto sub',
    'sctp dport != 5 iif "lo" ip6 daddr fd00::7 reject with icmpx admin-prohibited',
    'udp sport 53 notrack',
  ]) {
    assert.ok(listed.includes(line), `${line}\nis not in\n${listed}`);
  }
  assert.match(listed, /iifname "br-\*" meta pkttype host ct direction original .*reject with tcp reset/);
  assert.match(listed, /10\.0\.0\.3-10\.0\.0\.9/);
  assert.match(listed, /iifname vmap @bridges/);
  // an older nft does not know which protocol's port it is
  assert.match(listed, /ct original ip daddr 1\.1\.1\.1 ct original proto-dst .*reject/);
});

test('what is there is read back', options, (t) => {
  const { packetFilter } = namespaceFor(t);
  assert.deepEqual([packetFilter.tables(), packetFilter.chains(), packetFilter.sets(TABLE)], [[], [], []]);
  packetFilter.change(WHOLE);
  assert.deepEqual(
    packetFilter.tables().map(({ family, table, comment }) => ({ family, table, comment })),
    [{ ...TABLE, comment: 'of kobako' }],
  );
  assert.deepEqual(
    packetFilter.chains(TABLE).map(({ chain, base }) => [chain, base]),
    WHOLE.flatMap((change) => (change.op === 'chain-add' ? [[change.chain, change.base]] : [])),
  );
  assert.deepEqual(
    packetFilter.sets(TABLE).map((set) => {
      const { handle: _, ...rest } = set;
      return { op: 'set-add', ...rest };
    }),
    WHOLE.filter((change) => change.op === 'set-add'),
  );
  const elements = (set: string): NftElement[] => packetFilter.elements({ ...TABLE, set });
  assert.deepEqual(elements('ports'), [{ key: ['tcp', '0.0.0.0', 8080], data: ['172.17.0.2', 80], comment: 'web' }]);
  assert.deepEqual(elements('nets'), [
    { key: ['9.9.9.9'] },
    { key: [{ from: '10.0.0.3', to: '10.0.0.9' }] },
    { key: [{ from: '172.17.0.0', to: '172.17.255.255' }] },
    { key: [{ from: '172.18.0.0', to: '172.18.255.255' }] },
    { key: [{ from: '255.0.0.0', to: '255.255.255.255' }] },
  ]);
  assert.deepEqual(
    elements('bridges').toSorted((a, b) => String(a.key).localeCompare(String(b.key))),
    [
      { key: ['br0'], data: { jump: 'sub' } },
      { key: ['br1'], data: 'drop' },
    ],
  );
  assert.deepEqual(elements('ranges'), [
    {
      key: [
        { from: '10.0.0.0', to: '10.255.255.255' },
        { from: 1, to: 1024 },
      ],
    },
  ]);
  assert.deepEqual(elements('others'), [{ key: [0x1234, 1, '02:00:00:00:00:01', 'fd00::9'] }]);
  assert.throws(() => elements('nope'), { code: 'ENOENT' });
  for (const change of WHOLE) {
    if (change.op === 'elements-add') assert.ok(packetFilter.holds({ ...TABLE, set: change.set }, change.type, change.elements), change.set);
  }
  const holds = (...key: string[]) => packetFilter.holds({ ...TABLE, set: 'nets' }, NETS, [{ key: ['172.17.0.0/16'] }, { key }]);
  assert.deepEqual([holds('9.9.9.9/32'), holds('172.18.0.0/17'), holds('8.8.8.8')], [true, false, false]);
  const port = (...data: [string, number]) => packetFilter.holds({ ...TABLE, set: 'ports' }, PORTS, [{ key: ['tcp', '0.0.0.0', 8080], data }]);
  assert.deepEqual([port('172.17.0.2', 80), port('172.17.0.3', 80)], [true, false]);
  assert.throws(() => packetFilter.holds({ ...TABLE, set: 'nope' }, NETS, []), { code: 'ENOENT' });
  assert.deepEqual(
    [
      packetFilter.rules({ ...TABLE, chain: 'nope' }),
      packetFilter.rules({ family: 'ip', table: 'nope', chain: 'c' }),
      packetFilter.sets({ family: 'ip', table: 'nope' }),
    ],
    [[], [], []],
  );
  const rules = packetFilter.rules({ ...TABLE, chain: 'fwd' });
  assert.deepEqual(
    rules.map(({ verdict }) => verdict),
    ['accept', 'accept', undefined, 'return', { jump: 'sub' }, undefined, undefined, { goto: 'sub' }, undefined],
  );
  assert.deepEqual(rules[0]!.expressions, ['ct', 'bitwise', 'cmp', 'immediate']);
  assert.equal(packetFilter.rules({ ...TABLE, chain: 'pre' })[0]!.comment, 'published');
});

test('a batch is made whole or not at all, and says which change was refused', options, (t) => {
  const { packetFilter } = namespaceFor(t);
  packetFilter.change(WHOLE);
  const generation = packetFilter.generation();
  const element: NftElement = { key: ['tcp', '0.0.0.0', 81], data: ['172.17.0.3', 80] };
  assert.throws(
    () =>
      packetFilter.change([
        { op: 'elements-add', ...TABLE, set: 'ports', type: PORTS, elements: [element] },
        { op: 'table-delete', ...TABLE, missingOk: true },
        { op: 'table-add', ...TABLE },
        rule('nope', { verdict: 'accept' }),
      ]),
    { name: 'SyscallError', code: 'ENOENT', syscall: 'nftables change 3 (rule-add)' },
  );
  assert.equal(packetFilter.elements({ ...TABLE, set: 'ports' }).length, 1);
  assert.equal(packetFilter.generation(), generation);
  packetFilter.change([{ op: 'elements-add', ...TABLE, set: 'ports', type: PORTS, elements: [element] }]);
  assert.equal(packetFilter.generation(), generation + 1);
  packetFilter.change([{ op: 'elements-add', ...TABLE, set: 'ports', type: PORTS, elements: [element] }]);
  assert.throws(
    () => packetFilter.change([{ op: 'elements-add', ...TABLE, set: 'ports', type: PORTS, elements: [{ ...element, data: ['172.17.0.9', 80] }] }]),
    {
      code: 'EEXIST',
      syscall: 'nftables change 0 (elements-add)',
    },
  );
  assert.throws(() => packetFilter.change([{ op: 'elements-add', ...TABLE, set: 'nets', type: NETS, elements: [{ key: ['172.17.5.0/24'] }] }]), {
    syscall: 'nftables change 0 (elements-add)',
  });
  assert.throws(() => packetFilter.change([{ op: 'table-add', ...TABLE, exclusive: true }]), { code: 'EEXIST' });
  assert.throws(() => packetFilter.change([{ op: 'chain-delete', ...TABLE, chain: 'sub' }]), { code: 'EBUSY' });
  packetFilter.change([]);
  packetFilter.change([
    { op: 'elements-delete', ...TABLE, set: 'ports', type: PORTS, elements: [element] },
    { op: 'elements-add', ...TABLE, set: 'ports', type: PORTS, elements: [{ ...element, data: ['172.17.0.9', 90] }] },
  ]);
  assert.deepEqual(packetFilter.elements({ ...TABLE, set: 'ports' }).find(({ key }) => key[2] === 81)?.data, ['172.17.0.9', 90], 'replaced in one batch');
});

test('names of interfaces side by side in one key', options, (t) => {
  const { packetFilter } = namespaceFor(t);
  const type = { key: ['ifname', 'ifname'], data: 'verdict' } as const;
  const elements: NftElement[] = [{ key: ['br-0123456789ab', 'br0'], data: 'accept' }];
  packetFilter.change([
    { op: 'table-add', ...TABLE },
    { op: 'chain-add', ...TABLE, chain: 'c' },
    { op: 'set-add', ...TABLE, set: 'pairs', ...type },
    { op: 'elements-add', ...TABLE, set: 'pairs', type, elements },
    rule('c', { vmap: ['iifname', 'oifname'], map: 'pairs' }),
  ]);
  assert.deepEqual(packetFilter.elements({ ...TABLE, set: 'pairs' }), elements);
  assert.deepEqual(packetFilter.rules({ ...TABLE, chain: 'c' })[0]!.expressions, ['meta', 'meta', 'lookup']);
});

test('the whole table is replaced in one batch, and taken away', options, (t) => {
  const { packetFilter } = namespaceFor(t);
  packetFilter.change(WHOLE);
  packetFilter.change([rule('sub', { counter: true })]);
  const fingerprints = (): string[] =>
    ['pre', 'post', 'fwd', 'raw', 'sub'].flatMap((chain) => packetFilter.rules({ ...TABLE, chain }).map((found) => found.fingerprint));
  const before = fingerprints();
  packetFilter.change([{ op: 'table-delete', ...TABLE, missingOk: true }, ...WHOLE]);
  assert.deepEqual(fingerprints(), before.slice(0, -1));
  packetFilter.change([{ op: 'table-delete', ...TABLE }]);
  packetFilter.change([{ op: 'table-delete', ...TABLE, missingOk: true }]);
  assert.deepEqual(packetFilter.tables(), []);
  assert.throws(() => packetFilter.change([{ op: 'table-delete', ...TABLE }]), { code: 'ENOENT' });
});

test('rules at places, chains flushed, policies set anew', options, (t) => {
  const { packetFilter } = namespaceFor(t);
  packetFilter.change(WHOLE);
  const chain = { ...TABLE, chain: 'sub' };
  const add = (comment: string, place: { prepend?: boolean; after?: string; before?: string } = {}) =>
    packetFilter.change([{ op: 'rule-add', ...chain, ...place, statements: [{ counter: true }], comment }]);
  const names = (): (string | undefined)[] => packetFilter.rules(chain).map(({ comment }) => comment);
  const handle = (comment: string): string => packetFilter.rules(chain).find((found) => found.comment === comment)!.handle;
  add('b');
  add('d');
  add('a', { prepend: true });
  add('c', { after: handle('b') });
  add('b2', { before: handle('c') });
  assert.deepEqual(names(), ['a', 'b', 'b2', 'c', 'd']);
  packetFilter.change([{ op: 'rule-delete', ...chain, handle: handle('b2') }]);
  assert.deepEqual(names(), ['a', 'b', 'c', 'd']);
  packetFilter.change([{ op: 'chain-flush', ...chain }]);
  assert.deepEqual(names(), []);
  const base = { type: 'filter', hook: 'forward', priority: 0, policy: 'accept' } as const;
  packetFilter.change([{ op: 'chain-add', ...TABLE, chain: 'fwd', base }]);
  assert.equal(packetFilter.chains(TABLE).find((found) => found.chain === 'fwd')!.base!.policy, 'accept');
  packetFilter.change([
    { op: 'chain-add', ...TABLE, chain: 'own' },
    rule('own', { verdict: 'drop' }),
    { op: 'chain-delete', ...TABLE, chain: 'own' },
    { op: 'chain-delete', ...TABLE, chain: 'own', missingOk: true },
  ]);
  assert.ok(!packetFilter.chains(TABLE).some((found) => found.chain === 'own'));
});

test('elements and sets that are not there are deleted without complaint where that is allowed, also by an older kernel', options, (t) => {
  const namespace = namespaceFor(t);
  const socket = namespace.within(() => new NetlinkSocket(NETLINK.NETFILTER));
  t.after(() => socket[Symbol.dispose]());
  // as this kernel can, and as an older one would
  for (const canDestroy of [undefined, false]) {
    const packetFilter = new LinuxPacketFilter(() => socket, canDestroy);
    packetFilter.change([{ op: 'table-delete', ...TABLE, missingOk: true }, ...WHOLE]);
    const there: NftElement[] = [{ key: ['172.17.0.0/16'] }, { key: [{ from: '10.0.0.3', to: '10.0.0.9' }] }];
    const elements: NftElement[] = [...there, { key: ['1.0.0.0/8'] }];
    const deletion = { op: 'elements-delete', ...TABLE, set: 'nets', type: NETS, elements } as const;
    assert.throws(() => packetFilter.change([deletion]), { code: 'ENOENT' });
    packetFilter.change([{ ...deletion, missingOk: true }]);
    assert.equal(packetFilter.elements({ ...TABLE, set: 'nets' }).length, 3);
    packetFilter.change([{ op: 'set-flush', ...TABLE, set: 'nets' }]);
    assert.deepEqual(packetFilter.elements({ ...TABLE, set: 'nets' }), []);
    packetFilter.change([
      { op: 'set-delete', ...TABLE, set: 'others' },
      { op: 'set-delete', ...TABLE, set: 'nope', missingOk: true },
    ]);
    packetFilter.change([{ op: 'set-delete', ...TABLE, set: 'others', missingOk: true }]);
    assert.throws(() => packetFilter.change([{ op: 'set-delete', ...TABLE, set: 'others' }]), { code: 'ENOENT' });
    assert.throws(() => packetFilter.change([{ op: 'set-delete', ...TABLE, set: 'ports' }]), { code: 'EBUSY' });
  }
});

test('thousands of elements in one batch', options, (t) => {
  const { packetFilter } = namespaceFor(t);
  packetFilter.change(WHOLE);
  const elements = Array.from({ length: 20_000 }, (_, i): NftElement => ({ key: ['udp', '0.0.0.0', i + 1], data: ['172.17.0.2', i + 1] }));
  packetFilter.change([{ op: 'elements-add', ...TABLE, set: 'ports', type: PORTS, elements }]);
  assert.equal(packetFilter.elements({ ...TABLE, set: 'ports' }).length, 20_001);
  packetFilter.change([{ op: 'elements-delete', ...TABLE, set: 'ports', type: PORTS, elements }]);
  assert.equal(packetFilter.elements({ ...TABLE, set: 'ports' }).length, 1);
  // as many failures as there are changes, and the first of them is named
  assert.throws(() => packetFilter.change(Array.from({ length: 5000 }, () => rule('nope', { verdict: 'accept' }))), {
    code: 'ENOENT',
    syscall: 'nftables change 0 (rule-add)',
  });
});
