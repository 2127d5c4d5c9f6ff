/** Opens the networks of a data root: the store, and the default bridge as the settings want it. */
import { nowNano, rfc3339Fixed } from '../base/time.ts';
import type { FileLocks } from '../kernel/contract.ts';
import type { HostNetworks } from '../kernel/host-networks-contract.ts';
import { DEFAULT_POOLS, localPool, type AddressPool } from '../network/address-pools.ts';
import { overlaps, parseCidr, type Prefix } from '../network/address.ts';
import type { IpamConfig, NetworkDriver, NetworkDriverName, NetworkRecord } from '../network/contract.ts';
import { askedConfigs, bridgeOptions, fitsSettings, type NetworkSettings } from '../network/default-bridge.ts';
import { bridgeName } from '../network/driver-options.ts';
import { planSubnets, prefixesOf } from '../network/ipam.ts';
import { NetworkStore } from '../network/network-store.ts';
import { predefinedNetworkId } from './types/predefined-networks.ts';

/** What makes the machine's interfaces be as networks say. What has none is a record only. */
export type NetworkDrivers = Readonly<Partial<Record<NetworkDriverName, NetworkDriver>>>;

/** Networks as the use cases need them. */
export interface NetworkParts {
  readonly store: NetworkStore;
  readonly drivers: NetworkDrivers;
  readonly host: HostNetworks;
  /** Where subnets come from, of both families. */
  readonly pools: readonly AddressPool[];
  /** Where the host's routes go, but for those to the networks here. */
  routed(): readonly Prefix[];
  /**
   * The default bridge gets another subnet where somebody else has taken the one that it had, before it was there. Only
   * while no container is in it.
   */
  refit(): void;
}

export interface NetworkPartsOptions {
  /** The folder above `networks/`. */
  readonly root: string;
  readonly engineId: string;
  readonly owned: boolean;
  readonly locks: FileLocks;
  readonly host: HostNetworks;
  readonly drivers: NetworkDrivers;
  readonly settings: NetworkSettings;
}

/** The settings have been checked. Throws `invalid` when there is no subnet for the default bridge, `denied` when it overlaps another network's. */
export function openNetworks({ root, engineId, owned, locks, host, drivers, settings }: NetworkPartsOptions): NetworkParts {
  const opened = rfc3339Fixed(nowNano());
  const plain = (name: string, driver: NetworkDriverName): NetworkRecord => ({
    id: predefinedNetworkId(engineId, name),
    name,
    created: opened,
    driver,
    ipv4: true,
    ipv6: false,
    internal: false,
    attachable: false,
    ipam: { driver: 'default', options: null, config: [] },
    options: {},
    labels: {},
  });
  let bridge: NetworkRecord = { ...plain('bridge', 'bridge'), ipv6: settings.ipv6 ?? false, options: bridgeOptions(settings) };
  // of one age, so that they are shown the same by every process
  const others = [plain('host', 'host'), plain('none', 'null')];
  const predefined = () => [bridge, ...others.map((network) => ({ ...network, created: bridge.created }))];
  const store = new NetworkStore({ dir: `${root}/networks`, owned, locks, predefined });
  const given = settings.pools ?? [];
  const six = given.some(({ base }) => parseCidr(base)?.prefix.family === 6);
  const pools = [...(given.length > 0 ? given : DEFAULT_POOLS), ...(six ? [] : [localPool(engineId)])];
  const routed = () => {
    const own = new Set(store.all().map(bridgeName));
    return host.routes().flatMap(({ subnet, interfaceName }) => (own.has(interfaceName) ? [] : (parseCidr(subnet)?.prefix ?? [])));
  };
  const planned = (): readonly IpamConfig[] =>
    planSubnets({
      asked: askedConfigs(settings),
      ipv4: true,
      ipv6: bridge.ipv6,
      pools,
      taken: prefixesOf(store.all().filter(({ id }) => id !== bridge.id)),
      routed: routed(),
      gateway: () => true,
    });
  const before = store.load(bridge.id)!;
  // whoever owns the data root decides
  const decided = !owned && before.ipam.config.length > 0;
  if (decided || fitsSettings(settings, before.ipam.config)) bridge = { ...before, ipv6: bridge.ipv6, options: bridge.options };
  else bridge = { ...bridge, created: before.created, ipam: { ...bridge.ipam, config: planned() } };
  bridge = store.settle(bridge, owned);
  const refit = () => {
    bridge = store.load(bridge.id)!;
    if (host.hasInterface(bridgeName(bridge)) || askedConfigs(settings).length > 0) return;
    const others = routed();
    if (!prefixesOf([bridge]).some((own) => others.some((other) => overlaps(own, other)))) return;
    bridge = store.settle({ ...bridge, ipam: { ...bridge.ipam, config: planned() } }, true);
  };
  return { store, drivers, host, pools, routed, refit };
}
