/** Hardware addresses of container's interfaces. */
import { createHash, randomBytes } from 'node:crypto';
import { invalid } from '../base/errors.ts';

/** A random one for one interface: unicast, and locally administered. */
export function randomMac(): string {
  return macFrom(randomBytes(6));
}

/**
 * The one of an address in a network: the same whenever the address is given again, so that neighbours which remember
 * it reach a container that was started again at once, and not when they have forgotten it.
 */
export function macOf(networkId: string, address: string): string {
  return macFrom(createHash('sha256').update(`${networkId} ${address}`).digest().subarray(0, 6));
}

function macFrom(bytes: Buffer): string {
  bytes[0] = (bytes[0]! & 0xfe) | 0x02;
  return bytes.toString('hex').match(/../g)!.join(':');
}

/** In lower case with colons. Throws `invalid` in Docker's words for what is none, and for one of a group. */
export function readMac(text: string): string {
  const digits = /^([0-9a-f]{2}([:-])(?:[0-9a-f]{2}\2){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4})$/i.test(text)
    ? text.toLowerCase().replaceAll(/[^0-9a-f]/g, '')
    : '';
  if (digits === '' || (Number.parseInt(digits.slice(0, 2), 16) & 1) === 1) throw invalid(`invalid MAC address ${text}`);
  return digits.match(/../g)!.join(':');
}
