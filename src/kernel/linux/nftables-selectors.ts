/** What each selector of a rule loads into a register, and which test must come before. */
import { attribute, nested, text, u32be } from './netlink-message.ts';
import { TYPES } from './nftables-values.ts';
import type { ValueType } from './nftables-values.ts';
import type { NftSelector, NftWritable } from '../nftables-contract.ts';

interface Need {
  readonly test: 'meta nfproto' | 'meta l4proto';
  readonly is: string;
}

interface SelectorFacts {
  readonly type: ValueType;
  readonly needs?: Need;
  readonly from:
    | { readonly meta: number }
    | { readonly ct: number; readonly direction?: number }
    /** NFT_PAYLOAD_NETWORK_HEADER 1, NFT_PAYLOAD_TRANSPORT_HEADER 2. `offset`: bytes. */
    | { readonly header: 1 | 2; readonly offset: number }
    /** NFTA_FIB_F_SADDR 1, NFTA_FIB_F_DADDR 2. */
    | { readonly fib: number };
}

const IPV4: Need = { test: 'meta nfproto', is: 'ipv4' };
const IPV6: Need = { test: 'meta nfproto', is: 'ipv6' };
const NETWORK = 1;
const TRANSPORT = 2;
const NFT_FIB_RESULT_ADDRTYPE = 3;
const ORIGINAL = 0;

function port(name: string | undefined, offset: number): SelectorFacts {
  return { type: 'inet_service', from: { header: TRANSPORT, offset }, ...(name !== undefined && { needs: { test: 'meta l4proto', is: name } }) };
}

const SELECTORS: Readonly<Record<NftSelector, SelectorFacts>> = {
  iifname: { type: 'ifname', from: { meta: 6 } },
  oifname: { type: 'ifname', from: { meta: 7 } },
  iif: { type: 'iface_index', from: { meta: 4 } },
  oif: { type: 'iface_index', from: { meta: 5 } },
  'meta mark': { type: 'mark', from: { meta: 3 } },
  'meta l4proto': { type: 'inet_proto', from: { meta: 16 } },
  'meta nfproto': { type: 'nfproto', from: { meta: 15 } },
  'meta pkttype': { type: 'pkttype', from: { meta: 19 } },
  'ip saddr': { type: 'ipv4_addr', from: { header: NETWORK, offset: 12 }, needs: IPV4 },
  'ip daddr': { type: 'ipv4_addr', from: { header: NETWORK, offset: 16 }, needs: IPV4 },
  'ip6 saddr': { type: 'ipv6_addr', from: { header: NETWORK, offset: 8 }, needs: IPV6 },
  'ip6 daddr': { type: 'ipv6_addr', from: { header: NETWORK, offset: 24 }, needs: IPV6 },
  'th sport': port(undefined, 0),
  'th dport': port(undefined, 2),
  'tcp sport': port('tcp', 0),
  'tcp dport': port('tcp', 2),
  'udp sport': port('udp', 0),
  'udp dport': port('udp', 2),
  'sctp sport': port('sctp', 0),
  'sctp dport': port('sctp', 2),
  // of the error's eight bytes, the IP header's twenty, and the UDP header's first two
  'icmp embedded dport': { type: 'inet_service', from: { header: TRANSPORT, offset: 30 }, needs: { test: 'meta l4proto', is: 'icmp' } },
  'icmpv6 type': { type: 'icmpv6_type', from: { header: TRANSPORT, offset: 0 }, needs: { test: 'meta l4proto', is: 'icmpv6' } },
  'ct state': { type: 'ct_state', from: { ct: 0 } },
  'ct direction': { type: 'ct_dir', from: { ct: 1 } },
  'ct status': { type: 'ct_status', from: { ct: 2 } },
  'ct mark': { type: 'mark', from: { ct: 3 } },
  'ct original ip daddr': { type: 'ipv4_addr', from: { ct: 20, direction: ORIGINAL } },
  'ct original ip6 daddr': { type: 'ipv6_addr', from: { ct: 22, direction: ORIGINAL } },
  'ct original proto-dst': { type: 'inet_service', from: { ct: 12, direction: ORIGINAL } },
  'fib daddr type': { type: 'fib_addrtype', from: { fib: 2 } },
  'fib saddr type': { type: 'fib_addrtype', from: { fib: 1 } },
};

/** How its values are written, and what it needs. */
export function selectorFacts(selector: NftSelector): SelectorFacts {
  return SELECTORS[selector];
}

/** NFT_REG32_00: the first of 16 registers of 4 bytes. */
export const FIRST_REGISTER = 8;

/** As nft(8) and iptables write it: the first one by its other name, NFT_REG_1. */
export function registerNumber(register: number): Buffer {
  return u32be(register === FIRST_REGISTER ? 1 : register);
}

/** The expression that puts it into the registers from this one on. */
export function load(selector: NftSelector, register: number): Buffer {
  const { type, from } = SELECTORS[selector];
  const into = registerNumber(register);
  if ('meta' in from) return expression('meta', [attribute(1, into), attribute(2, u32be(from.meta))]);
  if ('fib' in from) return expression('fib', [attribute(1, into), attribute(2, u32be(NFT_FIB_RESULT_ADDRTYPE)), attribute(3, u32be(from.fib))]);
  if ('ct' in from) {
    const direction = from.direction === undefined ? [] : [attribute(3, Buffer.of(from.direction))];
    return expression('ct', [attribute(1, into), attribute(2, u32be(from.ct)), ...direction]);
  }
  const place = [attribute(2, u32be(from.header)), attribute(3, u32be(from.offset)), attribute(4, u32be(TYPES[type].size))];
  return expression('payload', [attribute(1, into), ...place]);
}

/** Where the checksum is that covers it: bytes from the beginning of the transport header. */
const CHECKSUMS: Readonly<Record<NftWritable, number>> = { 'tcp sport': 16, 'tcp dport': 16, 'udp sport': 6, 'udp dport': 6, 'icmp embedded dport': 2 };
const NFT_PAYLOAD_CSUM_INET = 1;

/** The expression that writes what is in the registers from this one on into the packet. */
export function store(field: NftWritable, register: number): Buffer {
  const { type, from } = SELECTORS[field] as { type: ValueType; from: { header: number; offset: number } };
  const place = [attribute(2, u32be(from.header)), attribute(3, u32be(from.offset)), attribute(4, u32be(TYPES[type].size))];
  const checksum = [attribute(6, u32be(NFT_PAYLOAD_CSUM_INET)), attribute(7, u32be(CHECKSUMS[field]))];
  return expression('payload', [attribute(5, registerNumber(register)), ...place, ...checksum]);
}

/** NFTA_EXPR_NAME, NFTA_EXPR_DATA. */
export function expression(name: string, attributes: readonly Buffer[]): Buffer {
  return Buffer.concat([attribute(1, text(name)), nested(2, attributes)]);
}
