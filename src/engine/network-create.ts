/** Use case: one more network. What makes no sense is refused in Docker's words, in its order. */
import { parseBool } from '../base/parse-bool.ts';
import { randomHex } from '../base/random-hex.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { nowNano, rfc3339Nano } from '../base/time.ts';
import { covers, formatPrefix, parseCidr, type Prefix } from '../network/address.ts';
import type { IpamConfig, NetworkDriverName, NetworkRecord } from '../network/contract.ts';
import { bridgeName, checkDriverOptions, GATEWAY_MODE } from '../network/driver-options.ts';
import { checkIpamConfigs } from '../network/ipam-config.ts';
import { planSubnets, prefixesOf } from '../network/ipam.ts';
import { emitNetwork } from './network-events.ts';
import type { NetworkParts } from './network-parts.ts';
import type { EngineParts } from './parts.ts';
import type { NetworkCreate, NetworkCreated } from './types/network.ts';

const DRIVERS: readonly NetworkDriverName[] = ['bridge', 'macvlan', 'ipvlan', 'host', 'null'];
const PREDEFINED = ['bridge', 'host', 'none', 'default'];
const ENABLE = { 4: 'com.docker.network.enable_ipv4', 6: 'com.docker.network.enable_ipv6' } as const;

export async function createNetwork(parts: EngineParts, body: NetworkCreate): Promise<NetworkCreated> {
  const networks = parts.networks();
  checkName(body.Name);
  const driver = body.Driver || 'bridge';
  if (driver === 'overlay') {
    throw new EngineError(
      'denied',
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    );
  }
  checkIpamConfigs(body.IPAM?.Config ?? []);
  const record = await networks.store.change(() => {
    if (networks.store.all().some(({ name }) => name === body.Name)) throw new EngineError('conflict', `network with name ${body.Name} already exists`);
    parts.leases.check(body.Labels);
    const made = body.ConfigOnly ? formOf(body) : recordOf(networks, body, driver);
    networks.store.save(made);
    try {
      if (!made.configOnly) networks.drivers[made.driver]?.up(made);
    } catch (error) {
      networks.store.remove(made.id);
      throw error;
    }
    return made;
  });
  emitNetwork(parts, 'create', record);
  return { Id: record.id, Warning: '' };
}

function checkName(name: string): void {
  if (name.trim() === '') throw invalid('invalid name: name is empty');
  if (/\p{Cc}/u.test(name)) throw invalid(`invalid name: ${JSON.stringify(name)} has characters that nobody can see`);
  if (PREDEFINED.includes(name)) throw new EngineError('denied', `operation is not permitted on predefined ${name} network `);
}

function base({ Name, Scope, Labels = {}, Options = {}, IPAM, EnableIPv4, EnableIPv6 }: NetworkCreate): NetworkRecord {
  const asked = (IPAM?.Config ?? []).map(withoutNothing);
  return {
    id: randomHex(32),
    name: Name,
    created: rfc3339Nano(nowNano()),
    driver: 'null',
    ipv4: EnableIPv4 ?? flagOption(Options, ENABLE[4]) ?? true,
    ipv6: EnableIPv6 ?? flagOption(Options, ENABLE[6]) ?? false,
    internal: false,
    attachable: false,
    ipam: { driver: IPAM?.Driver || 'default', options: IPAM?.Options ?? null, config: asked, asked },
    options: Options,
    labels: Labels,
    ...(Scope === undefined || Scope === '' ? {} : { scope: Scope }),
  };
}

function flagOption(options: Readonly<Record<string, string>>, key: string): boolean | undefined {
  const text = options[key];
  const value = text === undefined ? undefined : parseBool(text);
  if (text !== undefined && value === undefined) throw invalid(`driver-opt ${JSON.stringify(key)} is not a valid bool`);
  return value;
}

/** As in Docker's answers: what was given as nothing was not given. */
function withoutNothing(config: IpamConfig): IpamConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== '')) as IpamConfig;
}

function formOf(body: NetworkCreate): NetworkRecord {
  if (body.Ingress || body.Internal || body.Attachable || (body.Scope ?? '') !== '') {
    throw new EngineError(
      'denied',
      'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
    );
  }
  if (body.ConfigFrom?.Network) throw new EngineError('denied', 'a configuration network cannot depend on another configuration network');
  return { ...base(body), configOnly: true };
}

function recordOf(networks: NetworkParts, body: NetworkCreate, driver: string): NetworkRecord {
  if (body.Ingress) throw new EngineError('denied', 'Ingress network can only be global scope network');
  if (body.Scope === 'swarm') throw new EngineError('denied', 'cannot create a swarm scoped network when swarm is not active');
  const from = body.ConfigFrom?.Network ? formFor(networks, body, body.ConfigFrom.Network) : undefined;
  const asked = base(body);
  const form =
    from === undefined ? {} : { ipam: from.ipam, options: from.options, labels: from.labels, ipv4: from.ipv4, ipv6: from.ipv6, configFrom: from.name };
  const given = { ...asked, ...form, internal: body.Internal ?? false, attachable: body.Attachable ?? false };
  if (!DRIVERS.includes(driver as NetworkDriverName)) throw new EngineError('not-found', `plugin ${JSON.stringify(driver)} not found`);
  const record: NetworkRecord = { ...given, driver: driver as NetworkDriverName };
  if (record.driver === 'host' || record.driver === 'null') throw new EngineError('denied', `only one instance of "${driver}" network is allowed`);
  if (!record.ipv4 && !record.ipv6) throw invalid('IPv4 or IPv6 must be enabled');
  checkDriverOptions(record.driver, record, networks.host.hasInterface);
  checkIpamDriver(record);
  const subnets = record.ipam.asked ?? [];
  const config = planSubnets({
    asked: subnets,
    ipv4: record.ipv4,
    ipv6: record.ipv6,
    pools: networks.pools,
    taken: prefixesOf(networks.store.all()),
    routed: networks.routed(),
    gateway: (family) => !(record.driver === 'bridge' && record.options[GATEWAY_MODE[family]] === 'isolated'),
  });
  checkSubnets(networks, record, subnets);
  return { ...record, ipam: { ...record.ipam, config } };
}

function formFor({ store }: NetworkParts, body: NetworkCreate, name: string): NetworkRecord {
  const form = store.search(name);
  if (form?.configOnly !== true) throw new EngineError('not-found', `configuration network ${JSON.stringify(name)} does not exist`);
  if (Object.keys(body.Options ?? {}).length > 0)
    throw new EngineError('denied', 'network driver options are not supported if the network depends on a configuration network');
  if ((body.IPAM?.Config?.length ?? 0) > 0 || body.EnableIPv6 || Object.keys(body.Labels ?? {}).length > 0)
    throw new EngineError('denied', 'user specified configurations are not supported if the network depends on a configuration network');
  return form;
}

function checkIpamDriver({ ipam }: NetworkRecord): void {
  if (ipam.driver === 'default') return;
  if (ipam.driver !== 'null') throw new EngineError('not-found', `plugin ${JSON.stringify(ipam.driver)} not found`);
  throw invalid(ipam.config.length > 0 ? 'null ipam driver does not handle specific address pool requests' : 'ipv4 pool is empty');
}

const NOT_FOR_HOSTS: readonly (readonly [string, string])[] = [
  ['127.0.0.0/8', 'loopback'],
  ['224.0.0.0/4', 'multicast'],
  ['ff00::/8', 'multicast'],
];

/** What of the subnets no network of this machine could be. */
function checkSubnets({ store, host }: NetworkParts, record: NetworkRecord, asked: readonly IpamConfig[]): void {
  const prefixes = asked.map(({ Subnet = '' }) => parseCidr(Subnet)!.prefix);
  for (const prefix of prefixes) {
    const bad = NOT_FOR_HOSTS.find(([range]) => covers(parseCidr(range)!.prefix, prefix));
    if (bad !== undefined) throw invalid(`${bad[1]} subnet '${formatPrefix(prefix)}' is not allowed`);
    if (prefix.length === 0) throw invalid(`ipv${prefix.family} pool is empty`);
    const linkLocal = parseCidr('fe80::/64')!.prefix;
    if (covers(prefix, linkLocal) && prefix.length < linkLocal.length)
      throw invalid(`'${formatPrefix(prefix)}' clashes with the Link-Local prefix 'fe80::/64'`);
  }
  if (record.driver !== 'bridge') return;
  const own = bridgeName(record);
  const same = store.all().find((other) => other.driver === 'bridge' && !other.configOnly && bridgeName(other) === own);
  if (same !== undefined)
    throw new EngineError('denied', `cannot create network ${record.id} (${own}): conflicts with network ${same.id} (${own}): networks have same bridge name`);
  if ([4, 6].some((family) => prefixes.filter((prefix) => prefix.family === family).length > 1))
    throw new EngineError('denied', "bridge driver doesn't support multiple subnets");
  checkRoutes({ store, host }, prefixes, own);
}

/**
 * A network would take away what the host reaches otherwise. Where a route is wider than the network, that is for the
 * network's addresses only, and meant so.
 */
function checkRoutes({ store, host }: Pick<NetworkParts, 'store' | 'host'>, prefixes: readonly Prefix[], bridge: string): void {
  const ours = new Set([...store.all().map(bridgeName), bridge]);
  for (const { subnet, interfaceName } of host.routes()) {
    const routed = parseCidr(subnet)?.prefix;
    const wanted = routed === undefined || ours.has(interfaceName) ? undefined : prefixes.find((prefix) => covers(prefix, routed));
    if (wanted === undefined) continue;
    throw new EngineError('denied', `invalid pool request: the host routes ${subnet} by ${interfaceName} already, in ${formatPrefix(wanted)}`);
  }
}
