/** Where a network's subnet comes from when nobody says it: Docker 28's default pools, or the daemon's. */
import { createHash } from 'node:crypto';
import { EngineError, invalid } from '../base/errors.ts';
import { bitsOf, formatPrefix, lastOf, overlaps, parseCidr, sizeOf, type Family, type Prefix } from './address.ts';

/** `base` is cut into subnets of `size` bits, as `{ base: '172.17.0.0/12', size: 16 }`. */
export interface AddressPool {
  readonly base: string;
  readonly size: number;
}

/** dockerd's own. */
export const DEFAULT_POOLS: readonly AddressPool[] = [
  ...Array.from({ length: 3 }, (_, at) => ({ base: `172.${17 + at}.0.0/16`, size: 16 })),
  { base: '172.20.0.0/14', size: 16 },
  { base: '172.24.0.0/14', size: 16 },
  { base: '172.28.0.0/14', size: 16 },
  { base: '192.168.0.0/16', size: 20 },
];

/** The /48 of unique local addresses (RFC 4193) of one engine, as dockerd derives it from its id. */
export function localPool(engineId: string): AddressPool {
  const bits = createHash('sha256').update(engineId).digest().readBigUInt64BE(0) & ((1n << 40n) - 1n);
  return { base: formatPrefix({ family: 6, first: (0xfdn << 120n) | (bits << 80n), length: 48 }), size: 64 };
}

/** Throws `invalid` in dockerd's words for pools that cannot be cut so. */
export function checkPools(pools: readonly AddressPool[]): void {
  for (const { base, size } of pools) {
    const parsed = parseCidr(base);
    if (parsed === undefined) throw invalid(`invalid base pool ${JSON.stringify(base)}: invalid CIDR address: ${base}`);
    if (size <= 0) throw invalid(`invalid pool size: size must be greater than 0: got ${size}`);
    if (size > bitsOf(parsed.prefix.family)) throw invalid(`invalid CIDR size ${size}: it is longer than an address`);
    if (size < parsed.prefix.length) throw invalid(`invalid pools request: the requested pool size ${size} is smaller than the base pool ${base}`);
  }
}

/**
 * The first subnet of the pools that overlaps nothing in `taken`. Throws `exhausted` in Docker's words.
 * Subnets are tried beyond what is in the way, not one by one: a /48 has 65,536 of them.
 */
export function freeSubnet(pools: readonly AddressPool[], family: Family, taken: readonly Prefix[]): Prefix {
  for (const { base, size } of pools) {
    const pool = parseCidr(base)?.prefix;
    if (pool?.family !== family) continue;
    for (let at = pool.first; at <= lastOf(pool);) {
      const subnet: Prefix = { family, first: at, length: size };
      const ends = taken.filter((each) => overlaps(each, subnet)).map(lastOf);
      if (ends.length === 0) return subnet;
      const step = sizeOf(subnet);
      const beyond = ends.reduce((most, end) => (end > most ? end : most)) + 1n;
      at = beyond <= at + step ? at + step : ((beyond + step - 1n) / step) * step;
    }
  }
  throw new EngineError('invalid', 'all predefined address pools have been fully subnetted');
}
