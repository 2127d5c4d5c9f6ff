/** Addresses and subnets of IPv4 and IPv6 as numbers. */
import { isIP, isIPv4 } from 'node:net';

export type Family = 4 | 6;

export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** The addresses that begin with the same bits. `first` has no bits beyond them. */
export interface Prefix {
  readonly family: Family;
  readonly first: bigint;
  /** How many bits are the same: /24. */
  readonly length: number;
}

export function bitsOf(family: Family): number {
  return family === 4 ? 32 : 128;
}

/** The number that the text of an IPv4 address stands for, or, with `6`, that of an IPv6 address. It must be one. */
export function addressValue(text: string, family: Family): bigint {
  return family === 4 ? value4(text) : value6(text);
}

/** Undefined for what is no address. An IPv6 address with a zone is none; one that stands for an IPv4 address (`::ffff:…`) is that one. */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, value: value4(text) };
  if (isIP(text) !== 6 || text.includes('%')) return undefined;
  const value = value6(text);
  return value >> 32n === 0xffffn ? { family: 4, value: value & 0xffff_ffffn } : { family: 6, value };
}

function value4(text: string): bigint {
  return text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function value6(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const hex = (value: bigint) => value.toString(16);
  const plain = dotted === null ? text : `${dotted[1]}${hex(value4(dotted[2]!) >> 16n)}:${hex(value4(dotted[2]!) & 0xffffn)}`;
  const [head = '', tail] = plain.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** As RFC 5952 writes it: lower case, the longest run of zero groups short. */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
  const groups = Array.from({ length: 8 }, (_, at) => ((value >> BigInt(112 - 16 * at)) & 0xffffn).toString(16));
  let [from, count] = [0, 0];
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === '0') end++;
    if (end - start > count) [from, count] = [start, end - start];
  }
  if (count < 2) return groups.join(':');
  return `${groups.slice(0, from).join(':')}::${groups.slice(from + count).join(':')}`;
}

/** `10.1.2.0/24` and the address that was written before the slash. Undefined for what is no subnet. */
export function parseCidr(text: string): { readonly prefix: Prefix; readonly address: Address } | undefined {
  const [, host = '', bits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const address = parseAddress(host);
  // `::ffff:10.0.0.0/120` is a subnet of nothing that has a name
  if (address === undefined || (address.family === 4 && host.includes(':'))) return undefined;
  const length = Number(bits);
  if (length > bitsOf(address.family) || (bits.length > 1 && bits.startsWith('0'))) return undefined;
  return { prefix: prefixOf(address, length), address };
}

/** The subnet of that length that the address is in. */
export function prefixOf({ family, value }: Address, length: number): Prefix {
  const shift = BigInt(bitsOf(family) - length);
  return { family, first: (value >> shift) << shift, length };
}

export function formatPrefix({ family, first, length }: Prefix): string {
  return `${formatAddress({ family, value: first })}/${length}`;
}

/** How many addresses there are in it. */
export function sizeOf({ family, length }: Prefix): bigint {
  return 1n << BigInt(bitsOf(family) - length);
}

export function lastOf(prefix: Prefix): bigint {
  return prefix.first + sizeOf(prefix) - 1n;
}

export function contains(prefix: Prefix, { family, value }: Address): boolean {
  return family === prefix.family && value >= prefix.first && value <= lastOf(prefix);
}

/** Whether all of `inner` is in `outer`. */
export function covers(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && contains(outer, { family: inner.family, value: inner.first });
}

/** Two subnets overlap only where one is in the other. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return covers(a, b) || covers(b, a);
}
