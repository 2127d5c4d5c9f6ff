/** IP and MAC addresses as bytes, and back. Text that is no address is `invalid`. */
import { isIPv4, isIPv6 } from 'node:net';
import { invalid } from '../../base/errors.ts';

/** AF_*. */
export const AF = { INET: 2, INET6: 10 } as const;

/** An address and how many of its bits name the subnet. */
export interface Prefix {
  /** 4 or 16 bytes. */
  readonly bytes: Buffer;
  /** Bits. */
  readonly length: number;
}

/** 4 or 16 bytes. */
export function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  if (!isIPv6(address) || address.includes('%')) throw invalid(`invalid IP address: ${address}`);
  // an IPv4 tail becomes two groups
  const groups = address.replace(/[\d.]*\.[\d.]*$/, (tail) => {
    const [a, b, c, d] = tail.split('.').map(Number) as [number, number, number, number];
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head, tail] = groups.split('::') as [string, string | undefined];
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const bytes = Buffer.alloc(16);
  before.forEach((group, index) => bytes.writeUInt16BE(parseInt(group, 16), index * 2));
  after.forEach((group, index) => bytes.writeUInt16BE(parseInt(group, 16), 16 - (after.length - index) * 2));
  return bytes;
}

/** As RFC 5952 writes it. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw invalid(`not an IP address: ${bytes.toString('hex')}`);
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  let start = -1;
  let longest = 1; // one group of zeros is not shortened
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (end < 8 && groups[end] === 0) end++;
    if (end - at > longest) [start, longest] = [at, end - at];
  }
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return `::ffff:${bytes.subarray(12).join('.')}`;
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  return start === -1 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + longest))}`;
}

/** `10.0.0.1/8` as it is written, host bits and all; without a length: the whole address. */
export function parsePrefix(prefix: string): Prefix {
  const slash = prefix.indexOf('/');
  const bytes = addressBytes(slash === -1 ? prefix : prefix.slice(0, slash));
  if (slash === -1) return { bytes, length: bytes.length * 8 };
  const digits = prefix.slice(slash + 1);
  const length = Number(digits);
  if (!/^\d{1,3}$/.test(digits) || length > bytes.length * 8) throw invalid(`invalid prefix length: ${prefix}`);
  return { bytes, length };
}

/** The first `length` bits set, of `size` bytes. */
export function maskBytes(length: number, size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, index) => (0xff00 >> Math.min(8, Math.max(0, length - index * 8))) & 0xff));
}

/** The first and the last address of a prefix. */
export function prefixRange(prefix: Prefix): { first: Buffer; last: Buffer } {
  const mask = maskBytes(prefix.length, prefix.bytes.length);
  return {
    first: Buffer.from(prefix.bytes.map((byte, index) => byte & mask[index]!)),
    last: Buffer.from(prefix.bytes.map((byte, index) => byte | (~mask[index]! & 0xff))),
  };
}

/** Of `02:42:ac:11:00:02`; 6 bytes. */
export function macBytes(mac: string): Buffer {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac)) throw invalid(`invalid MAC address: ${mac}`);
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

/** The opposite of `macBytes`, in lower case. */
export function macText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/..(?=.)/g, '$&:');
}
