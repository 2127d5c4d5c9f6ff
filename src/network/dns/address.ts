/** Addresses as their bytes, and as the names that ask for the name of an address. */
import { isIPv4, isIPv6 } from 'node:net';

/** The 4 or 16 bytes of an address; undefined where it is none. A prefix length (`/16`) or a zone (`%eth0`) is not looked at. */
export function addressBytes(text: string): Buffer | undefined {
  const address = text.replace(/[/%].*$/, '');
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  if (!isIPv6(address)) return undefined;
  // the last 32 bits may be written as IPv4
  const words = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => `${hex(a * 256 + Number(b))}:${hex(c * 256 + Number(d))}`);
  const [head = [], tail] = words.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = tail === undefined ? [] : Array<string>(8 - head.length - tail.length).fill('0');
  const out = Buffer.alloc(16);
  [...head, ...zeros, ...(tail ?? [])].forEach((word, index) => out.writeUInt16BE(Number.parseInt(word, 16), index * 2));
  return out;
}

function hex(value: number): string {
  return value.toString(16);
}

/** The key (as `nameKey` writes it) of the PTR question about an address (RFC 1035 3.5, RFC 3596 2.5). */
export function reverseKey(address: Buffer): string {
  if (address.length === 4) return `${[...address].toReversed().join('.')}.in-addr.arpa`;
  return `${address.toString('hex').split('').toReversed().join('.')}.ip6.arpa`;
}
