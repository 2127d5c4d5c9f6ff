/** Addresses as their bytes, and as the names that ask for the name of an address. */
import { isIPv4, isIPv6 } from 'node:net';
import { addressValue, bitsOf } from '../address.ts';

/** The 4 or 16 bytes of an address; undefined where it is none. A prefix length (`/16`) or a zone (`%eth0`) is not looked at. */
export function addressBytes(text: string): Buffer | undefined {
  const address = text.replace(/[/%].*$/, '');
  const family = isIPv4(address) ? 4 : isIPv6(address) ? 6 : undefined;
  if (family === undefined) return undefined;
  return Buffer.from(
    addressValue(address, family)
      .toString(16)
      .padStart(bitsOf(family) / 4, '0'),
    'hex',
  );
}

/** The key (as `nameKey` writes it) of the PTR question about an address (RFC 1035 3.5, RFC 3596 2.5). */
export function reverseKey(address: Buffer): string {
  if (address.length === 4) return `${[...address].toReversed().join('.')}.in-addr.arpa`;
  return `${address.toString('hex').split('').toReversed().join('.')}.ip6.arpa`;
}
