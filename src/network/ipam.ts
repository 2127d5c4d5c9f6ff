/**
 * Which addresses a network has and gives out. Nothing is kept here: what is taken is told to each call. Throws
 * EngineError in Docker's words.
 */
import { EngineError, invalid } from '../base/errors.ts';
import { freeSubnet, type AddressPool } from './address-pools.ts';
import { bitsOf, contains, formatAddress, formatPrefix, lastOf, overlaps, parseAddress, parseCidr, type Family, type Prefix } from './address.ts';
import type { IpamConfig, NetworkRecord } from './contract.ts';

/** A network's subnet, read. */
export interface Subnet {
  readonly prefix: Prefix;
  /** What addresses are given out of. */
  readonly range: Prefix;
  readonly gateway: bigint | undefined;
  readonly auxiliary: readonly bigint[];
}

/** Those of a network, of one family. */
export function subnetsOf({ ipam }: Pick<NetworkRecord, 'ipam'>, family: Family): Subnet[] {
  return ipam.config.map(readSubnet).filter(({ prefix }) => prefix.family === family);
}

function readSubnet({ Subnet: text = '', IPRange, Gateway, AuxiliaryAddresses = {} }: IpamConfig): Subnet {
  const prefix = parseCidr(text)!.prefix;
  const value = (address: string | undefined) => (address ? parseAddress(address)?.value : undefined);
  return {
    prefix,
    range: IPRange ? parseCidr(IPRange)!.prefix : prefix,
    gateway: value(Gateway),
    auxiliary: Object.values(AuxiliaryAddresses).flatMap((each) => value(each) ?? []),
  };
}

/** The subnets of networks: no other may overlap them. */
export function prefixesOf(networks: readonly Pick<NetworkRecord, 'ipam' | 'configOnly'>[]): Prefix[] {
  return networks.flatMap(({ ipam, configOnly }) => (configOnly ? [] : ipam.config.flatMap(({ Subnet: text = '' }) => parseCidr(text)?.prefix ?? [])));
}

/** The lowest and the highest of an IPv4 subnet name the subnet and all in it; of IPv6 the lowest is any router's. */
function isReserved(prefix: Prefix, value: bigint): boolean {
  if (bitsOf(prefix.family) - prefix.length < 2) return false;
  return value === prefix.first || (prefix.family === 4 && value === lastOf(prefix));
}

export interface PlanInput {
  readonly asked: readonly IpamConfig[];
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly pools: readonly AddressPool[];
  /** Of other networks: nothing may overlap them. */
  readonly taken: readonly Prefix[];
  /** Where the host's routes go: what nobody asked for stays out of them. */
  readonly routed: readonly Prefix[];
  /** Whether a subnet gets a gateway that nobody asked for. */
  readonly gateway: (family: Family) => boolean;
}

/**
 * The subnets of a new network: those that were asked for (checked before by `checkIpamConfigs`), and one from the pools
 * for each family that has none. Throws `denied` for an overlap, `invalid` for addresses that are taken and empty pools.
 */
export function planSubnets({ asked, ipv4, ipv6, pools, taken, routed, gateway }: PlanInput): IpamConfig[] {
  const given: Prefix[] = [];
  const planned = asked.map((config) => {
    const { prefix } = readSubnet(config);
    if ([...taken, ...given].some((other) => overlaps(other, prefix))) throw overlap();
    given.push(prefix);
    return withGateway(config, gateway(prefix.family));
  });
  const families = [...(ipv4 ? [4 as const] : []), ...(ipv6 ? [6 as const] : [])];
  const missing = families.filter((family) => !given.some((prefix) => prefix.family === family));
  const added = missing.map((family) => {
    const prefix = freeSubnet(pools, family, [...taken, ...given, ...routed]);
    return withGateway({ Subnet: formatPrefix(prefix) }, gateway(family));
  });
  return [...planned, ...added];
}

function overlap(): EngineError {
  return new EngineError('denied', 'invalid pool request: Pool overlaps with other one on this address space');
}

function withGateway(config: IpamConfig, wanted: boolean): IpamConfig {
  const { prefix, range, gateway } = readSubnet(config);
  const inUse = 'Address already in use';
  if (gateway !== undefined && isReserved(prefix, gateway)) throw invalid(`failed to allocate gateway (${config.Gateway}): ${inUse}`);
  const chosen = gateway ?? (wanted ? nextFree(range, (value) => isReserved(prefix, value), undefined) : undefined);
  if (wanted && chosen === undefined) throw invalid('failed to allocate gateway (): no available addresses on this pool');
  const seen = new Set<bigint>();
  for (const [name, text] of Object.entries(config.AuxiliaryAddresses ?? {})) {
    const value = parseAddress(text)!.value;
    if (value === chosen || seen.has(value) || isReserved(prefix, value)) throw invalid(`failed to allocate secondary ip address (${name}:${text}): ${inUse}`);
    seen.add(value);
  }
  return chosen === undefined ? config : { ...config, Gateway: formatAddress({ family: prefix.family, value: chosen }) };
}

/** The first after `last`, from the beginning again at the end. Undefined when there is none. */
function nextFree(range: Prefix, isTaken: (value: bigint) => boolean, last: bigint | undefined): bigint | undefined {
  const from = last === undefined || last < range.first || last >= lastOf(range) ? range.first : last + 1n;
  for (let value = from; value <= lastOf(range); value++) if (!isTaken(value)) return value;
  for (let value = range.first; value < from; value++) if (!isTaken(value)) return value;
  return undefined;
}

/**
 * An address of a network for one more container. `taken`: what others have. `last`: what was given out last, so that an
 * address just freed is not handed out again at once. Undefined when none is left.
 */
export function freeAddress({ prefix, range, gateway, auxiliary }: Subnet, taken: ReadonlySet<bigint>, last: bigint | undefined): bigint | undefined {
  const others = new Set(auxiliary);
  return nextFree(range, (value) => value === gateway || isReserved(prefix, value) || taken.has(value) || others.has(value), last);
}

/** The subnet that an address is in which somebody wants. Throws `denied` when it cannot be given, `invalid` for one of no subnet. */
export function checkFree(subnets: readonly Subnet[], value: bigint, taken: ReadonlySet<bigint>): Subnet {
  const subnet = subnets.find(({ prefix }) => contains(prefix, { family: prefix.family, value }));
  if (subnet === undefined) {
    const text = formatAddress({ family: subnets[0]?.prefix.family ?? 4, value });
    throw invalid(`invalid address ${text}: It does not belong to any of this network's subnets`);
  }
  const { prefix, gateway, auxiliary } = subnet;
  if (value === gateway || isReserved(prefix, value) || taken.has(value) || auxiliary.includes(value))
    throw new EngineError('denied', 'Address already in use');
  return subnet;
}
