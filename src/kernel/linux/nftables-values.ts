/** Values of nftables as bytes: each nft(8) type's number, size and order, and concatenations of them. */
import { invalid } from '../../base/errors.ts';
import { addressBytes, addressText, macBytes, macText, parsePrefix, prefixRange } from './ip-bytes.ts';
import { u16be, u32 } from './netlink-message.ts';
import type { NftType, NftValue } from '../nftables-contract.ts';

/** Types that selectors have beside those of sets. */
export type ValueType = NftType | 'nfproto' | 'pkttype' | 'ct_state' | 'ct_status' | 'ct_dir' | 'fib_addrtype' | 'icmpv6_type';

interface TypeFacts {
  /** Bytes. */
  readonly size: number;
  /** nft(8)'s own number, by which it knows how to show elements; the kernel only keeps it. */
  readonly number: number;
  /** Compared as numbers byte by byte: ranges are possible. */
  readonly ordered: boolean;
  readonly words?: Readonly<Record<string, number>>;
}

/** What is known of each type. */
export const TYPES: Readonly<Record<ValueType, TypeFacts>> = {
  nfproto: { size: 1, number: 2, ordered: false, words: { ipv4: 2, ipv6: 10 } },
  ipv4_addr: { size: 4, number: 7, ordered: true },
  ipv6_addr: { size: 16, number: 8, ordered: true },
  ether_addr: { size: 6, number: 9, ordered: true },
  inet_proto: { size: 1, number: 12, ordered: true, words: { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } },
  inet_service: { size: 2, number: 13, ordered: true },
  mark: { size: 4, number: 19, ordered: false },
  iface_index: { size: 4, number: 20, ordered: false },
  ct_state: { size: 4, number: 26, ordered: false, words: { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } },
  ct_dir: { size: 1, number: 27, ordered: false, words: { original: 0, reply: 1 } },
  ct_status: { size: 4, number: 28, ordered: false, words: { expected: 1, 'seen-reply': 2, assured: 4, confirmed: 8, snat: 16, dnat: 32, dying: 512 } },
  icmpv6_type: { size: 1, number: 29, ordered: true },
  pkttype: { size: 1, number: 31, ordered: false, words: { host: 0, broadcast: 1, multicast: 2, other: 3 } },
  fib_addrtype: { size: 4, number: 38, ordered: false, words: { unicast: 1, local: 2, broadcast: 3, multicast: 5 } },
  ifname: { size: 16, number: 41, ordered: false },
};

/** How many bits of a concatenation's number each part takes. */
const TYPE_BITS = 6;
const SET_TYPES: readonly NftType[] = ['ipv4_addr', 'ipv6_addr', 'inet_service', 'inet_proto', 'ifname', 'iface_index', 'mark', 'ether_addr'];

/** Ends of a value, both part of it; the same bytes for one value alone. */
export interface ValueRange {
  readonly first: Buffer;
  readonly last: Buffer;
}

/** Of a range, a prefix, or one value. Throws `invalid` for what is none of the type. */
export function encodeRange(type: ValueType, value: NftValue): ValueRange {
  if (typeof value === 'object') {
    if (!TYPES[type].ordered) throw invalid(`no range of ${type} is possible`);
    const range = { first: encodeScalar(type, value.from), last: encodeScalar(type, value.to) };
    if (Buffer.compare(range.first, range.last) > 0) throw invalid(`range ends before it begins: ${value.from}-${value.to}`);
    return range;
  }
  if ((type === 'ipv4_addr' || type === 'ipv6_addr') && typeof value === 'string' && value.includes('/')) {
    const prefix = parsePrefix(value);
    mustHaveSize(type, prefix.bytes, value);
    return prefixRange(prefix);
  }
  const scalar = encodeScalar(type, value);
  return { first: scalar, last: scalar };
}

/** Of one value alone. Throws `invalid` for a range, and for what is none of the type. */
export function encodeScalar(type: ValueType, value: NftValue): Buffer {
  if (typeof value === 'object') throw invalid(`one value is wanted, not a range: ${value.from}-${value.to}`);
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return mustHaveSize(type, addressBytes(String(value)), value);
    case 'ether_addr':
      return macBytes(String(value));
    case 'ifname':
      return interfaceName(String(value));
    default:
      return encodeNumber(type, value);
  }
}

function encodeNumber(type: ValueType, value: string | number): Buffer {
  const { size, words } = TYPES[type];
  const number = typeof value === 'number' ? value : words !== undefined && Object.hasOwn(words, value) ? words[value]! : NaN;
  if (!Number.isInteger(number) || number < 0 || number >= 2 ** (size * 8)) throw invalid(`invalid ${type}: ${value}`);
  return size === 1 ? Buffer.of(number) : size === 2 ? u16be(number) : u32(number);
}

function interfaceName(name: string): Buffer {
  const bytes = Buffer.alloc(TYPES.ifname.size);
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) >= bytes.length) throw invalid(`invalid interface name: ${JSON.stringify(name)}`);
  bytes.write(name);
  return bytes;
}

function mustHaveSize(type: ValueType, bytes: Buffer, value: NftValue): Buffer {
  if (bytes.length !== TYPES[type].size) throw invalid(`not an ${type}: ${String(value)}`);
  return bytes;
}

/** Several parts each filled up to whole registers of 4 bytes; one part alone as it is. */
export function concatenate(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts.flatMap((part) => [part, Buffer.alloc(registers(part.length) * 4 - part.length)]));
}

/** How many 32-bit registers hold so many bytes. */
export function registers(size: number): number {
  return Math.ceil(size / 4);
}

/** Bytes of a key or of data of these types; see `concatenate`. */
export function typesSize(types: readonly NftType[]): number {
  return types.length === 1 ? TYPES[types[0]!].size : types.reduce((sum, type) => sum + registers(TYPES[type].size) * 4, 0);
}

/** nft(8)'s number for a concatenation of these types. */
export function typesNumber(types: readonly NftType[]): number {
  return types.reduce((number, type) => number * 2 ** TYPE_BITS + TYPES[type].number, 0);
}

/** undefined: a type is in it that is not ours. */
export function typesOfNumber(number: number): NftType[] | undefined {
  const types: NftType[] = [];
  for (let rest = number; rest > 0; rest = Math.floor(rest / 2 ** TYPE_BITS)) {
    const type = SET_TYPES.find((name) => TYPES[name].number === rest % 2 ** TYPE_BITS);
    if (type === undefined) return undefined;
    types.unshift(type);
  }
  return types.length === 0 ? undefined : types;
}

/** The opposite of `concatenate`. */
export function split(types: readonly NftType[], bytes: Buffer): Buffer[] {
  let at = 0;
  return types.map((type) => {
    const { size } = TYPES[type];
    const part = bytes.subarray(at, at + size);
    at += registers(size) * 4;
    return part;
  });
}

/** The opposite of `encodeScalar`. */
export function decodeScalar(type: NftType, bytes: Buffer): string | number {
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return addressText(bytes);
    case 'ether_addr':
      return macText(bytes);
    case 'ifname':
      return bytes.toString('utf8').replace(/\0.*$/s, '');
    case 'inet_service':
      return bytes.readUInt16BE(0);
    case 'inet_proto': {
      const words = TYPES.inet_proto.words!;
      return Object.keys(words).find((word) => words[word] === bytes[0]) ?? bytes[0]!;
    }
    default:
      return bytes.readUInt32LE(0);
  }
}

/** One value where both ends are the same. */
export function decodeRange(type: NftType, range: ValueRange): NftValue {
  const from = decodeScalar(type, range.first);
  return range.first.equals(range.last) ? from : { from, to: decodeScalar(type, range.last) };
}
