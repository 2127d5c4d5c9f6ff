/** The network `bridge` that every engine has, as the daemon's settings want it. */
import { invalid } from '../base/errors.ts';
import { checkPools, type AddressPool } from './address-pools.ts';
import { covers, formatAddress, formatPrefix, parseCidr, type Prefix } from './address.ts';
import type { IpamConfig, NetworkRecord } from './contract.ts';
import { isInterfaceName, MTU } from './driver-options.ts';

/** As dockerd's flags and file have them. */
export interface NetworkSettings {
  /** Of the default bridge on the host. */
  readonly bridgeName?: string | undefined;
  /** The bridge's own address and its subnet, as `10.9.0.1/16`; `bip6` the same of IPv6. */
  readonly bip?: string | undefined;
  readonly bip6?: string | undefined;
  /** What of the bridge's subnet is given to containers. */
  readonly fixedCidr?: string | undefined;
  readonly fixedCidr6?: string | undefined;
  readonly ipv6?: boolean | undefined;
  /** 0 or absent: 1500. */
  readonly mtu?: number | undefined;
  /** Containers on the bridge reach each other. Default true. */
  readonly icc?: boolean | undefined;
  /** Where networks' subnets come from; Docker's own when empty. */
  readonly pools?: readonly AddressPool[] | undefined;
}

const DEFAULT_MTU = 1500;

/** Throws `invalid` for settings that make no sense. */
export function checkNetworkSettings(settings: NetworkSettings): void {
  checkPools(settings.pools ?? []);
  if (settings.bridgeName !== undefined && !isInterfaceName(settings.bridgeName)) throw invalid(`invalid bridge name ${JSON.stringify(settings.bridgeName)}`);
  if (settings.mtu !== undefined && (settings.mtu < 0 || settings.mtu > 65_535)) throw invalid(`invalid MTU number: ${settings.mtu}`);
  askedConfigs(settings);
}

/** The subnets that the settings ask for; none where they leave it to the pools. */
export function askedConfigs({ bip, bip6, fixedCidr, fixedCidr6, ipv6 }: NetworkSettings): IpamConfig[] {
  const six = ipv6 ? [configOf('fixed-cidr-v6', 6, bip6, fixedCidr6)] : [];
  return [configOf('fixed-cidr', 4, bip, fixedCidr), ...six].filter((config) => config !== undefined);
}

function configOf(flag: string, family: 4 | 6, bip: string | undefined, fixed: string | undefined): IpamConfig | undefined {
  const own = bip ? parseCidr(bip) : undefined;
  if (bip && own?.prefix.family !== family) throw invalid(`invalid bridge address ${JSON.stringify(bip)}: invalid CIDR address: ${bip}`);
  if (own !== undefined && own.address.value === own.prefix.first)
    throw invalid(`invalid bridge address ${JSON.stringify(bip)}: it is the address of its network`);
  const range = fixed ? parseCidr(fixed)?.prefix : undefined;
  if (fixed && range?.family !== family) throw invalid(`invalid ${flag} ${JSON.stringify(fixed)}: invalid CIDR address: ${fixed}`);
  if (own === undefined && range === undefined) return undefined;
  const subnet: Prefix = own?.prefix ?? range!;
  if (range !== undefined && !covers(subnet, range)) throw invalid(`invalid ${flag} ${fixed}: it is not in the bridge's subnet ${formatPrefix(subnet)}`);
  return {
    Subnet: formatPrefix(subnet),
    ...(range === undefined || range.length === subnet.length ? {} : { IPRange: formatPrefix(range) }),
    ...(own === undefined ? {} : { Gateway: formatAddress(own.address) }),
  };
}

/** The options that dockerd's own bridge has. */
export function bridgeOptions({ bridgeName = 'docker0', icc = true, mtu }: NetworkSettings): NetworkRecord['options'] {
  return {
    'com.docker.network.bridge.default_bridge': 'true',
    'com.docker.network.bridge.enable_icc': String(icc),
    'com.docker.network.bridge.enable_ip_masquerade': 'true',
    'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
    'com.docker.network.bridge.name': bridgeName,
    [MTU]: String(mtu || DEFAULT_MTU),
  };
}

/** Whether subnets that were chosen before still are what the settings ask for. */
export function fitsSettings(settings: NetworkSettings, config: readonly IpamConfig[]): boolean {
  const asked = askedConfigs(settings);
  const families = config.map(({ Subnet = '' }) => parseCidr(Subnet)?.prefix.family);
  if (families.includes(6) !== (settings.ipv6 ?? false) || !families.includes(4)) return false;
  // a range that nobody asks for any more
  if (config.some(({ Subnet, IPRange }) => IPRange !== undefined && !asked.some((wanted) => wanted.Subnet === Subnet && wanted.IPRange === IPRange)))
    return false;
  return asked.every((wanted) =>
    config.some(
      (each) => each.Subnet === wanted.Subnet && each.IPRange === wanted.IPRange && (wanted.Gateway === undefined || wanted.Gateway === each.Gateway),
    ),
  );
}
