/**
 * Packet filters (nftables) of one network namespace. A batch of changes is data and is made whole or not at all, in one
 * system call. Words are nft(8)'s.
 */

export interface PacketFilter {
  /**
   * Makes the changes in their order, all or none. What the kernel refuses is a SyscallError whose `syscall` names the
   * change, as `nftables change 3 (rule-add)`; `ENOENT`: a table, chain, set or element that is not there; `EEXIST`: an
   * element with other data, or anything with `exclusive`; `EBUSY`: still referred to.
   */
  change(changes: readonly NftChange[]): void;
  /** Goes up with every batch that anybody commits in this namespace: whether something may have changed. */
  generation(): number;
  tables(): NftTable[];
  /** Base chains have `hook`; `policy` and `priority` as they are now. `table` absent: of all tables of all families. */
  chains(table?: NftTableName): NftChain[];
  /** In their order; none of a chain that is not there. */
  rules(chain: NftChainName): NftRuleRead[];
  /** Those whose types are ours, see `NftType`; none of a table that is not there. */
  sets(table: NftTableName): NftSetRead[];
  /** Of intervals each as `{from, to}`, or as one value where both are the same. In no order. `ENOENT`: no such set. */
  elements(set: NftSetName): NftElement[];
  /** Whether all of these are in the set, with their data, however they are written. `type` as in `elements-add`. `ENOENT`: no such set. */
  holds(set: NftSetName, type: NftSetType, elements: readonly NftElement[]): boolean;
}

/** `ip`, `ip6`: one IP version; `inet`: both. */
export type NftFamily = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev';

export interface NftTableName {
  readonly family: NftFamily;
  readonly table: string;
}
export interface NftChainName extends NftTableName {
  readonly chain: string;
}
export interface NftSetName extends NftTableName {
  readonly set: string;
}

export interface NftTable extends NftTableName {
  readonly handle: string;
  readonly comment: string | undefined;
}

export type NftHook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

export interface NftBase {
  readonly type: 'filter' | 'nat' | 'route';
  readonly hook: NftHook;
  /** nft's names: raw -300, mangle -150, dstnat -100, filter 0, security 50, srcnat 100. */
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
}

export interface NftChain extends NftChainName {
  readonly handle: string;
  readonly base: NftBase | undefined;
  /** How many rules and jumps refer to it, plus its own rules. */
  readonly use: number;
}

/** What is counted and compared; see `NftValue` for how each is written. */
export type NftType = 'ipv4_addr' | 'ipv6_addr' | 'inet_service' | 'inet_proto' | 'ifname' | 'iface_index' | 'mark' | 'ether_addr';

/**
 * Addresses as text, with a prefix length where intervals are allowed; ports, marks, indexes as numbers; protocols as
 * `tcp`, `udp`, `sctp`, `icmp`, `icmpv6` or a number; interface names as text (in a rule, not in sets: `br-*` for all that
 * begin so). Ends of a range belong to it.
 */
export type NftValue = string | number | { readonly from: string | number; readonly to: string | number };

export interface NftSet extends NftSetName {
  /** Several: a concatenation. */
  readonly key: readonly NftType[];
  /** What a map gives; `verdict` for a verdict map. Absent: a set. */
  readonly data?: 'verdict' | readonly NftType[];
  /** Elements may be prefixes and ranges; they must not overlap. */
  readonly interval?: boolean;
  readonly comment?: string;
}
export interface NftSetRead extends NftSet {
  readonly handle: string;
}

export interface NftElement {
  /** One value for each part of the key. */
  readonly key: readonly NftValue[];
  /** Of maps. */
  readonly data?: NftVerdict | readonly NftValue[];
  readonly comment?: string;
}

export type NftVerdict = 'accept' | 'drop' | 'return' | 'continue' | { readonly jump: string } | { readonly goto: string };

/**
 * What of a packet is looked at. In family `inet` the test of the IP version that `ip …` and `ip6 …` need is put before by
 * itself, and that of the protocol before `tcp …`, `udp …`, `sctp …`, `icmpv6 …`. `th …` needs a test of `meta l4proto`
 * (or it as part of the same concatenation).
 */
export type NftSelector =
  | 'iifname'
  | 'oifname'
  | 'iif'
  | 'oif'
  | 'meta mark'
  | 'meta l4proto'
  | 'meta nfproto'
  | 'meta pkttype'
  | 'ip saddr'
  | 'ip daddr'
  | 'ip6 saddr'
  | 'ip6 daddr'
  | 'th sport'
  | 'th dport'
  | 'tcp sport'
  | 'tcp dport'
  | 'udp sport'
  | 'udp dport'
  | 'sctp sport'
  | 'sctp dport'
  | 'icmp embedded dport'
  | 'icmpv6 type'
  | 'ct state'
  | 'ct status'
  | 'ct direction'
  | 'ct mark'
  | 'ct original ip daddr'
  | 'ct original ip6 daddr'
  | 'ct original proto-dst'
  | 'fib daddr type'
  | 'fib saddr type';

/**
 * How the values of selectors without an NftType are written: nfproto `ipv4` `ipv6`; pkttype `host` `broadcast`
 * `multicast` `other`; ct direction `original` `reply`; fib type `local` `unicast` `broadcast` `multicast`; ct state
 * (`invalid` `established` `related` `new` `untracked`) and ct status (`snat` `dnat` `assured` …): an array is "any of".
 */
export type NftStatement =
  /** `not`: other than that. `is` as an array: any of these bits for `ct state` and `ct status`; otherwise refused, use a set. */
  | { readonly match: NftSelector; readonly is: NftValue | readonly string[]; readonly not?: boolean }
  /** One selector for each part of the set's key. */
  | { readonly match: NftSelector | readonly NftSelector[]; readonly in: string; readonly not?: boolean }
  /** Does what the verdict map says; goes on with the next statement when it says nothing. */
  | { readonly vmap: NftSelector | readonly NftSelector[]; readonly map: string }
  | { readonly verdict: NftVerdict }
  | { readonly counter: true }
  | { readonly dnat: NftNat }
  | { readonly snat: NftNat }
  | { readonly masquerade: { readonly random?: boolean } }
  | { readonly reject: 'tcp reset' | 'port-unreachable' | 'admin-prohibited' | 'host-unreachable' }
  | { readonly notrack: true }
  | { readonly set: 'meta mark' | 'ct mark'; readonly to: number }
  /** In the packet itself, with its checksum; the rule must have tested the protocol. Connections are not followed for it. */
  | { readonly set: NftWritable; readonly to: number };

/** Ports of a packet; `icmp embedded dport`: of the UDP packet, without IP options, that an ICMP error tells about. */
export type NftWritable = 'tcp sport' | 'tcp dport' | 'udp sport' | 'udp dport' | 'icmp embedded dport';

/** Where to. In family `inet` say which IP version by `ip`; the rule must have tested it. */
export interface NftNat {
  readonly ip: 'ip' | 'ip6';
  readonly address?: string;
  readonly port?: number;
  /** Instead of `address` and `port`: a map whose data are an address, or an address and a port. No entry: no nat. */
  readonly map?: { readonly name: string; readonly key: readonly NftSelector[]; readonly gives: 'address' | 'address . port' };
  readonly random?: boolean;
  readonly persistent?: boolean;
}

/**
 * A rule in a chain of iptables-nft's (`ip filter FORWARD`) must be one that it can read, else it refuses the whole table:
 * only `match … is` of interface names, mark, addresses, protocol and ports (in this order, of no ranges), then `counter`,
 * then `verdict`. No `ct`, `fib`, sets and maps. It lists and deletes such a rule as its own.
 */
export interface NftRule extends NftChainName {
  readonly statements: readonly NftStatement[];
  /** At most 127 bytes; shown by `nft list`, and as iptables' comment in iptables-nft's chains. */
  readonly comment?: string;
}

export interface NftRuleRead extends NftChainName {
  /** Of this rule while it lives; a number that may be larger than 2^53. */
  readonly handle: string;
  /** nft's or iptables' (`-m comment`). */
  readonly comment: string | undefined;
  /** The kernel's names of its expressions in order: `meta`, `cmp`, `counter`, `immediate`, `match`, `target`. */
  readonly expressions: readonly string[];
  /** The verdict it ends with, if it has one of its own. */
  readonly verdict: NftVerdict | undefined;
  /** Equal for two rules that do the same (counts of counters left out); hex digits. Compare, do not read. */
  readonly fingerprint: string;
}

export type NftChange =
  /** One that is there already is right, unless `exclusive`. */
  | ({ readonly op: 'table-add'; readonly exclusive?: boolean; readonly comment?: string } & NftTableName)
  /** With all that is in it. `missingOk` here and below: nothing happens when there is none. */
  | ({ readonly op: 'table-delete'; readonly missingOk?: boolean } & NftTableName)
  /** Sets the policy of one that is there. */
  | ({ readonly op: 'chain-add'; readonly base?: NftBase } & NftChainName)
  /** Its rules go. */
  | ({ readonly op: 'chain-flush' } & NftChainName)
  | ({ readonly op: 'chain-delete'; readonly missingOk?: boolean } & NftChainName)
  /** At the end of its chain; `prepend`: at its beginning; `after`, `before`: beside the rule of that handle. */
  | ({ readonly op: 'rule-add'; readonly prepend?: boolean; readonly after?: string; readonly before?: string } & NftRule)
  | ({ readonly op: 'rule-delete'; readonly handle: string } & NftChainName)
  | ({ readonly op: 'set-add' } & NftSet)
  | ({ readonly op: 'set-flush' } & NftSetName)
  | ({ readonly op: 'set-delete'; readonly missingOk?: boolean } & NftSetName)
  /**
   * `type` tells how the elements are written: that of the set (its key, data, interval). One that is there with the same
   * data is right; to give it other data, delete it in the same batch before.
   */
  | ({ readonly op: 'elements-add'; readonly type: NftSetType; readonly elements: readonly NftElement[] } & NftSetName)
  | ({ readonly op: 'elements-delete'; readonly type: NftSetType; readonly elements: readonly NftElement[]; readonly missingOk?: boolean } & NftSetName);

export type NftSetType = Pick<NftSet, 'key' | 'data' | 'interval'>;
