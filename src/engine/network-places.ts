/**
 * A container's places in networks: what is chosen for them when it starts, connects, disconnects and ends. Only its
 * record is changed; that the machine is so is a sandbox's work.
 */
import { randomHex } from '../base/random-hex.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { formatAddress, parseAddress, type Family } from '../network/address.ts';
import type { Endpoint, NetworkRecord } from '../network/contract.ts';
import { GATEWAY_MODE, IFACE_PREFIX } from '../network/driver-options.ts';
import { checkFree, freeAddress, subnetsOf, type Subnet } from '../network/ipam.ts';
import { macOf, randomMac, readMac } from '../network/mac.ts';
import { attachedTo, gatewayNetworks, placesOfContainer, type AttachedEndpoint } from './attached.ts';
import type { ContainerRecord } from './container-record.ts';
import { IFNAME } from './endpoint-checks.ts';
import { emitNetwork } from './network-events.ts';
import type { EngineParts } from './parts.ts';
import { choosePorts, portCarrier } from './port-choice.ts';
import { processId } from './process-id.ts';
import type { EndpointSettings } from './types/network.ts';
import { isUserDefined } from './types/predefined-networks.ts';

type Places = Readonly<Record<string, AttachedEndpoint>>;

/** One network that a container is to be in. */
interface Wanted {
  readonly network: NetworkRecord;
  readonly settings: EndpointSettings;
}

export const ALONE = 'container sharing network namespace with another container or host cannot be connected to any other network';
export const NONE_ALONE = 'container cannot be connected to multiple networks with one of the networks in private (none) mode';
export const NOT_HOST = 'cannot connect container to host network - container must be created in host network mode';

/** The networks that a container joins when it starts, in that order. Throws `not-found`, `invalid` and `denied`. */
function wantedNetworks({ networks }: EngineParts, { hostConfig: { NetworkMode: mode }, config, endpoints }: ContainerRecord): Wanted[] {
  if (config.NetworkDisabled || mode.startsWith('container:')) return [];
  const { store } = networks();
  const wanted = Object.entries(endpoints).map(([name, settings]) => ({ network: store.find(name), settings }));
  const main = store.search(mode)?.id;
  const rank = ({ network: { name, id } }: Wanted) => (name === 'bridge' ? 0 : id === main ? 1 : 2);
  const several = wanted.length > 1;
  for (const { network } of wanted) {
    if (several && mode === 'host') throw invalid(ALONE);
    if (several && network.driver === 'null' && !network.configOnly) throw invalid(NONE_ALONE);
    if (network.driver === 'host' && mode !== 'host') throw invalid(NOT_HOST);
    checkJoinable(network);
  }
  return wanted.toSorted((a, b) => rank(a) - rank(b) || (a.network.name < b.network.name ? -1 : 1));
}

/** Throws `denied` for what is only a form for networks. */
export function checkJoinable({ configOnly }: NetworkRecord): void {
  if (configOnly) throw new EngineError('denied', 'cannot create endpoint on configuration-only network');
}

/**
 * All places of a container that is about to start, with its published ports: they are on its record when it resolves.
 * Throws, in Docker's words, when one cannot be had; then it has none.
 */
export async function takePlaces(parts: EngineParts, record: ContainerRecord): Promise<ContainerRecord> {
  if (record.config.NetworkDisabled || record.hostConfig.NetworkMode.startsWith('container:')) return record;
  try {
    return await parts.networks().store.change(() => {
      const { refit } = parts.networks();
      const bridge = wantedNetworks(parts, record).find(({ network }) => network.name === 'bridge');
      if (bridge !== undefined && attachedTo(parts, bridge.network.id).length === 0) refit();
      const wanted = wantedNetworks(parts, record);
      let attached: Places = {};
      for (const one of wanted) attached = { ...attached, [one.network.id]: place(parts, record, one, attached) };
      // on disk with its process: before that nobody needs to know
      return keep(parts, record.id, attached, parts.store.remember.bind(parts.store), { maker: processId(process.pid), published: undefined });
    });
  } catch (error) {
    throw error instanceof EngineError ? new EngineError(error.kind, `failed to set up container networking: ${error.message}`, { cause: error }) : error;
  }
}

/** One more place for a container that runs. */
export async function takePlace(parts: EngineParts, id: string, network: NetworkRecord, settings: EndpointSettings): Promise<ContainerRecord> {
  return parts.networks().store.change(() => {
    // both as they are now
    const { name } = parts.networks().store.find(network.id);
    const record = parts.store.load(id);
    if (record === undefined) throw new EngineError('not-found', `No such container: ${id}`);
    checkJoinable(network);
    const before = placesOfContainer(parts, record);
    if (before[network.id] !== undefined) throw new EngineError('denied', `endpoint with name ${record.name} already exists in network ${name}`);
    return keep(parts, id, { ...before, [network.id]: place(parts, record, { network, settings }, before) }, parts.store.save.bind(parts.store));
  });
}

/** The container is in that network no more. Undefined when it is no more itself. */
export async function leavePlace(parts: EngineParts, id: string, network: Pick<NetworkRecord, 'id' | 'name' | 'driver'>): Promise<ContainerRecord | undefined> {
  return parts.networks().store.change(() => {
    const record = parts.store.load(id);
    if (record?.attached?.[network.id] === undefined) return record;
    const { [network.id]: _, ...attached } = record.attached;
    const published = portCarrier(parts, attached) === undefined ? undefined : record.published;
    const kept = parts.store.note(id, { attached, published });
    if (published === undefined) parts.ports.release(id);
    emitNetwork(parts, 'disconnect', network, { container: id });
    return kept;
  });
}

/** It runs no more, or could not be started: its addresses and ports are free. */
export function leavePlaces(parts: EngineParts, id: string): void {
  const record = parts.store.load(id);
  if (record?.attached === undefined) return;
  const { attached } = record;
  parts.ports.release(id);
  // that it runs no more says the same
  try {
    parts.store.remember({ ...record, attached: undefined, published: undefined });
  } catch (error) {
    // removed meanwhile, by another process
    if (!(error instanceof EngineError && error.kind === 'not-found')) throw error;
  }
  const { store } = parts.networks();
  for (const networkId of Object.keys(attached)) {
    const network = store.load(networkId);
    if (network !== undefined) emitNetwork(parts, 'disconnect', network, { container: id });
  }
}

/** The container has another name: so have its places. */
export function renamePlaces(parts: EngineParts, record: ContainerRecord): ContainerRecord {
  if (record.attached === undefined) return record;
  const { store } = parts.networks();
  const renamed = Object.entries(record.attached).map(([id, endpoint]) => {
    const network = store.load(id);
    const settings = network === undefined ? undefined : record.endpoints[network.name];
    return [id, { ...endpoint, DNSNames: network === undefined ? null : dnsNames(record, network.name, settings) }] as const;
  });
  return parts.store.change(record.id, { attached: Object.fromEntries(renamed) }) ?? record;
}

/** What a container is called in a network that somebody made: its name, its aliases, its short id, its host name. */
export function dnsNames({ id, name, config }: ContainerRecord, network: string, settings: EndpointSettings | undefined): readonly string[] | null {
  if (!isUserDefined(network)) return null;
  return [...new Set([name, ...(settings?.Aliases ?? []), id.slice(0, 12), ...(config.Hostname === '' ? [] : [config.Hostname])])];
}

function keep(
  parts: EngineParts,
  id: string,
  attached: Places,
  write: (record: ContainerRecord) => void,
  also: Partial<ContainerRecord> = {},
): ContainerRecord {
  const now = parts.store.load(id);
  if (now === undefined) throw new EngineError('not-found', `No such container: ${id}`);
  const published = ('published' in also ? undefined : now.published) ?? choosePorts(parts, { ...now, attached });
  const saved = { ...now, ...also, attached, published };
  write(saved);
  const before = now.attached ?? {};
  for (const networkId of Object.keys(attached)) {
    const network = before[networkId] === undefined ? parts.networks().store.load(networkId) : undefined;
    if (network !== undefined) emitNetwork(parts, 'connect', network, { container: id });
  }
  return saved;
}

function place(parts: EngineParts, record: ContainerRecord, { network, settings }: Wanted, others: Places): AttachedEndpoint {
  const found = { NetworkID: network.id, EndpointID: randomHex(32), GwPriority: settings.GwPriority ?? 0 };
  if (network.driver === 'host' || network.driver === 'null') return { ...found, interfaceName: '' };
  const { IPv4Address, IPv6Address } = settings.IPAMConfig ?? {};
  const four = address(parts, network, 4, IPv4Address);
  const six = address(parts, network, 6, IPv6Address);
  const at = four ?? six;
  const ownMac = () => (at === undefined ? randomMac() : macOf(network.id, at.text));
  const mac = settings.MacAddress ? readMac(settings.MacAddress) : network.driver === 'ipvlan' ? '' : ownMac();
  return {
    ...found,
    ...(four === undefined ? {} : { IPAddress: four.text, IPPrefixLen: four.length, Gateway: four.gateway }),
    ...(six === undefined ? {} : { GlobalIPv6Address: six.text, GlobalIPv6PrefixLen: six.length, IPv6Gateway: six.gateway }),
    MacAddress: mac,
    DNSNames: dnsNames(record, network.name, settings),
    interfaceName: interfaceName(network, settings, others),
  };
}

function address(
  parts: EngineParts,
  network: NetworkRecord,
  family: Family,
  asked: string | undefined,
): { text: string; length: number; gateway: string } | undefined {
  if (family === 4 ? !network.ipv4 : !network.ipv6) return undefined;
  const subnets = subnetsOf(network, family);
  if (subnets.length === 0) return undefined;
  const { store } = parts.networks();
  const taken = new Set(
    attachedTo(parts, network.id).flatMap(({ endpoint }) => parseAddress((family === 4 ? endpoint.IPAddress : endpoint.GlobalIPv6Address) ?? '')?.value ?? []),
  );
  const given = (subnet: Subnet, value: bigint) => ({
    text: formatAddress({ family, value }),
    length: subnet.prefix.length,
    gateway: gatewayText(network, subnet),
  });
  if (asked) {
    const { value } = parseAddress(asked)!;
    return given(checkFree(subnets, value, taken), value);
  }
  const last = store.last(network.id, family);
  for (const subnet of subnets) {
    const value = freeAddress(subnet, taken, last);
    if (value === undefined) continue;
    store.gave(network.id, family, value);
    return given(subnet, value);
  }
  throw new EngineError('exhausted', `no available IPv${family} addresses on this network's address pools: ${network.name} (${network.id})`);
}

/** '' where nothing goes out: of an internal network, an isolated one, or one without an address of the host's. */
function gatewayText({ internal, driver, options }: NetworkRecord, { prefix: { family }, gateway }: Subnet): string {
  const routed = driver === 'ipvlan' && (options['ipvlan_mode'] ?? 'l2') !== 'l2';
  if (internal || routed || gateway === undefined || options[GATEWAY_MODE[family]] === 'isolated') return '';
  return formatAddress({ family, value: gateway });
}

/** `eth0` and so on: the first number that is free. */
function interfaceName({ options }: NetworkRecord, { DriverOpts }: EndpointSettings, others: Places): string {
  const taken = new Set(Object.values(others).map((other) => other.interfaceName));
  const own = DriverOpts?.[IFNAME];
  if (own) {
    if (taken.has(own)) throw new EngineError('denied', `interface name ${own} is taken in this container`);
    return own;
  }
  const prefix = options[IFACE_PREFIX] || 'eth';
  for (let number = 0; ; number++) if (!taken.has(`${prefix}${number}`)) return `${prefix}${number}`;
}

/** The endpoints of a container for the drivers, in the order of its interfaces; those of host and none are none. */
export function endpointsOf(parts: EngineParts, record: ContainerRecord): { readonly network: NetworkRecord; readonly endpoint: Endpoint }[] {
  const { store } = parts.networks();
  const places = record.attached ?? {};
  const networks = Object.keys(places).flatMap((id) => store.load(id) ?? []);
  const first = { 4: gatewayNetworks(networks, places, 4)[0]?.id, 6: gatewayNetworks(networks, places, 6)[0]?.id };
  return networks.flatMap((network) => {
    const at = places[network.id]!;
    if (at.interfaceName === '') return [];
    const endpoint: Endpoint = {
      id: at.EndpointID!,
      networkId: network.id,
      containerId: record.id,
      mac: at.MacAddress ?? '',
      ...(at.IPAddress ? { ipv4: `${at.IPAddress}/${at.IPPrefixLen}` } : {}),
      ...(at.GlobalIPv6Address ? { ipv6: `${at.GlobalIPv6Address}/${at.GlobalIPv6PrefixLen}` } : {}),
      ...(first[4] === network.id ? { gateway4: at.Gateway! } : {}),
      ...(first[6] === network.id ? { gateway6: at.IPv6Gateway! } : {}),
      interfaceName: at.interfaceName,
      ...(record.endpoints[network.name]?.DriverOpts ? { options: record.endpoints[network.name]!.DriverOpts! } : {}),
      // what is published goes the way that answers go
      ports: network.driver === 'bridge' && (first[4] ?? first[6]) === network.id ? (record.published ?? []) : [],
    };
    return [{ network, endpoint }];
  });
}
