/**
 * The packet filter of one engine: one nftables table whose chains never change. What networks and ports there are is
 * in its sets and maps only, so that publishing a port is adding an element.
 *
 * A packet for one of our bridges gets there when it is an answer, was sent to a published port, comes from the same
 * bridge, or goes to what a network says is open. Nothing else does: not from outside, not from another network.
 * Packets that do not touch our bridges pass by.
 */
import type { NftChange, NftSetType, NftStatement } from '../../kernel/nftables-contract.ts';

/** Names of the sets and maps, and what is in each. */
export const SETS = {
  /** Bridges of ours. */
  bridges: { key: ['ifname'] },
  /** Bridges of networks that reach nothing outside, and that nothing outside reaches. */
  internal: { key: ['ifname'] },
  /** From which bridge to which bridge containers talk without more ado: each to itself, unless the network forbids it. */
  direct: { key: ['ifname', 'ifname'] },
  /** Bridges whose containers anybody reaches at any port (gateway mode nat-unprotected). */
  open_bridges: { key: ['ifname'] },
  /** Ports of containers that are reached at their own address (gateway mode routed). */
  open4: { key: ['ipv4_addr', 'inet_proto', 'inet_service'] },
  open6: { key: ['ipv6_addr', 'inet_proto', 'inet_service'] },
  /** The same for who comes by one interface of the host's. */
  trusted4: { key: ['ifname', 'ipv4_addr', 'inet_proto', 'inet_service'] },
  trusted6: { key: ['ifname', 'ipv6_addr', 'inet_proto', 'inet_service'] },
  /** Subnets whose packets leave with the host's address. */
  masked4: { key: ['ipv4_addr'], interval: true },
  masked6: { key: ['ipv6_addr'], interval: true },
  /** Subnets and their bridges: who asks for a published port of the same network must hear the answer from the host. */
  hairpin4: { key: ['ipv4_addr', 'ifname'], interval: true },
  hairpin6: { key: ['ipv6_addr', 'ifname'], interval: true },
  /** Interfaces that the host did not forward between before there were networks, by IP version. */
  outside4: { key: ['ifname'] },
  outside6: { key: ['ifname'] },
  /** Published ports: at every address of the host, and at one of them. */
  ports4: { key: ['inet_proto', 'inet_service'], data: ['ipv4_addr', 'inet_service'] },
  ports6: { key: ['inet_proto', 'inet_service'], data: ['ipv6_addr', 'inet_service'] },
  at4: { key: ['ipv4_addr', 'inet_proto', 'inet_service'], data: ['ipv4_addr', 'inet_service'] },
  at6: { key: ['ipv6_addr', 'inet_proto', 'inet_service'], data: ['ipv6_addr', 'inet_service'] },
  /** Subnets whose packets leave with an address that the user chose (com.docker.network.host_ipv4). */
  snat4: { key: ['ipv4_addr'], data: ['ipv4_addr'], interval: true },
  snat6: { key: ['ipv6_addr'], data: ['ipv6_addr'], interval: true },
} as const satisfies Record<string, NftSetType>;

export type SetName = keyof typeof SETS;

/** Sets whose elements must outlive all networks, and the engine: the host goes on forwarding. */
export const LASTING: readonly SetName[] = ['outside4', 'outside6'];

const PORTS = [
  { name: 'at4', ip: 'ip', key: ['ip daddr', 'meta l4proto', 'th dport'] },
  { name: 'ports4', ip: 'ip', key: ['meta l4proto', 'th dport'] },
  { name: 'at6', ip: 'ip6', key: ['ip6 daddr', 'meta l4proto', 'th dport'] },
  { name: 'ports6', ip: 'ip6', key: ['meta l4proto', 'th dport'] },
] as const;

const accept: NftStatement = { verdict: 'accept' };
const drop: NftStatement = { verdict: 'drop' };
const local: NftStatement = { match: 'fib daddr type', is: 'local' };

/** Chains and their rules, in their order. */
const CHAINS: readonly {
  readonly chain: string;
  readonly base?: Extract<NftChange, { op: 'chain-add' }>['base'];
  readonly rules: readonly (readonly NftStatement[])[];
}[] = [
  {
    chain: 'publish',
    rules: PORTS.map(({ name, ip, key }) => [
      { match: 'meta nfproto', is: ip === 'ip' ? 'ipv4' : 'ipv6' },
      { dnat: { ip, map: { name, key, gives: 'address . port' } } },
    ]),
  },
  {
    chain: 'raw',
    base: { type: 'filter', hook: 'prerouting', priority: -300, policy: 'accept' },
    // route_localnet, which our bridges have for the host's own sake, must not open the host's loopback (CVE-2020-8558)
    rules: [[{ match: 'iifname', in: 'bridges' }, { match: 'ip daddr', is: '127.0.0.0/8' }, drop]],
  },
  {
    chain: 'prerouting',
    base: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
    rules: [
      // what is published on the loopback is for the host alone
      [{ match: 'ip daddr', is: '127.0.0.0/8' }, { verdict: 'return' }],
      [{ match: 'iifname', in: 'internal' }, { verdict: 'return' }],
      [local, { verdict: { jump: 'publish' } }],
    ],
  },
  {
    chain: 'output',
    base: { type: 'nat', hook: 'output', priority: -100, policy: 'accept' },
    // IPv6 has no route from ::1 to a bridge: those connections are relayed
    rules: [
      [{ match: 'ip6 daddr', is: '::1' }, { verdict: 'return' }],
      [local, { verdict: { jump: 'publish' } }],
    ],
  },
  {
    chain: 'incoming',
    rules: [
      [{ match: 'ct state', is: ['established', 'related'] }, accept],
      [{ match: 'ct status', is: ['dnat'] }, accept],
      [{ match: 'oifname', in: 'open_bridges' }, accept],
      [{ match: ['ip daddr', 'meta l4proto', 'th dport'], in: 'open4' }, accept],
      [{ match: ['ip6 daddr', 'meta l4proto', 'th dport'], in: 'open6' }, accept],
      [{ match: ['iifname', 'ip daddr', 'meta l4proto', 'th dport'], in: 'trusted4' }, accept],
      [{ match: ['iifname', 'ip6 daddr', 'meta l4proto', 'th dport'], in: 'trusted6' }, accept],
      [drop],
    ],
  },
  {
    chain: 'forward',
    base: { type: 'filter', hook: 'forward', priority: 0, policy: 'accept' },
    rules: [
      [{ match: ['iifname', 'oifname'], in: 'direct' }, accept],
      [{ match: 'iifname', in: 'internal' }, drop],
      [{ match: 'oifname', in: 'internal' }, drop],
      [{ match: 'oifname', in: 'bridges' }, { verdict: { jump: 'incoming' } }],
      // other bridges of ours may have been there before the host was told to forward
      [{ match: 'iifname', in: 'bridges' }, accept],
      [{ match: 'meta nfproto', is: 'ipv4' }, { match: 'iifname', in: 'outside4' }, { match: 'oifname', in: 'outside4' }, drop],
      [{ match: 'meta nfproto', is: 'ipv6' }, { match: 'iifname', in: 'outside6' }, { match: 'oifname', in: 'outside6' }, drop],
    ],
  },
  {
    chain: 'postrouting',
    base: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
    rules: [
      [{ match: 'ip saddr', is: '127.0.0.0/8' }, { match: 'oifname', in: 'bridges' }, { masquerade: {} }],
      [{ match: 'ct status', is: ['dnat'] }, { match: ['ip saddr', 'oifname'], in: 'hairpin4' }, { masquerade: {} }],
      [{ match: 'ct status', is: ['dnat'] }, { match: ['ip6 saddr', 'oifname'], in: 'hairpin6' }, { masquerade: {} }],
      [{ match: 'oifname', in: 'bridges' }, { verdict: 'return' }],
      [{ match: 'meta nfproto', is: 'ipv4' }, { snat: { ip: 'ip', map: { name: 'snat4', key: ['ip saddr'], gives: 'address' } } }],
      [{ match: 'meta nfproto', is: 'ipv6' }, { snat: { ip: 'ip6', map: { name: 'snat6', key: ['ip6 saddr'], gives: 'address' } } }],
      [{ match: 'ip saddr', in: 'masked4' }, { masquerade: {} }],
      [{ match: 'ip6 saddr', in: 'masked6' }, { masquerade: {} }],
    ],
  },
];

/** The table with nothing in its sets. It must not be there yet: with `exclusive` the whole batch fails with EEXIST when it is. */
export function tableChanges(table: string, comment: string): NftChange[] {
  const at = { family: 'inet', table } as const;
  return [
    { op: 'table-add', exclusive: true, comment, ...at },
    ...Object.entries(SETS).map(([set, type]): NftChange => ({ op: 'set-add', set, ...type, ...at })),
    ...CHAINS.map(({ chain, base }): NftChange => ({ op: 'chain-add', chain, ...(base === undefined ? {} : { base }), ...at })),
    ...CHAINS.flatMap(({ chain, rules }) => rules.map((statements): NftChange => ({ op: 'rule-add', chain, statements, ...at }))),
  ];
}

/** How many rules each chain has. */
export const RULE_COUNTS: ReadonlyMap<string, number> = new Map(CHAINS.map(({ chain, rules }) => [chain, rules.length]));
