/** What a container asks of its place in a network, and makes no sense there. In Docker's words. */
import { isIP } from 'node:net';
import { invalid } from '../base/errors.ts';
import { contains, parseAddress, parseCidr } from '../network/address.ts';
import type { NetworkRecord } from '../network/contract.ts';
import { isInterfaceName, SYSCTLS } from '../network/driver-options.ts';
import { joinedFaults } from '../network/ipam-config.ts';
import { readMac } from '../network/mac.ts';
import type { EndpointSettings } from './types/network.ts';
import { isUserDefined } from './types/predefined-networks.ts';

export const IFNAME = 'com.docker.network.endpoint.ifname';

/** Throws `invalid` with everything that is wrong. */
export function checkEndpoint(settings: EndpointSettings, network: NetworkRecord): void {
  if (settings.MacAddress) readMac(settings.MacAddress);
  const faults = [...userDefinedFaults(settings, network), ...addressFaults(settings.IPAMConfig ?? {}, network), ...optionFaults(settings.DriverOpts ?? {})];
  if (faults.length > 0) throw invalid(`invalid endpoint settings:\n${joinedFaults(faults)}`);
}

function userDefinedFaults({ IPAMConfig, Aliases, Links }: EndpointSettings, { name }: NetworkRecord): string[] {
  if (isUserDefined(name)) return nameFaults([...(Aliases ?? []), ...(Links ?? [])]);
  const own = Boolean(IPAMConfig?.IPv4Address) || Boolean(IPAMConfig?.IPv6Address) || (IPAMConfig?.LinkLocalIPs?.length ?? 0) > 0;
  return [
    ...(own ? ['user specified IP address is supported on user defined networks only'] : []),
    ...((Aliases?.length ?? 0) > 0 ? ['network-scoped alias is supported only for containers in user defined networks'] : []),
  ];
}

/** Names that go into files and answers of others. */
function nameFaults(names: readonly string[]): string[] {
  return names.flatMap((name) => (/[\s\p{Cc}]/u.test(name) ? [`invalid name ${JSON.stringify(name)} in the network`] : []));
}

function addressFaults(
  { IPv4Address = '', IPv6Address = '', LinkLocalIPs = [] }: NonNullable<EndpointSettings['IPAMConfig']>,
  network: NetworkRecord,
): string[] {
  return [
    ...familyFaults(IPv4Address, 4),
    ...familyFaults(IPv6Address, 6),
    ...LinkLocalIPs.flatMap((text) => (isIP(text) === 0 ? [`invalid link-local IP address: ${text}`] : [])),
    ...placeFaults(IPv4Address, 4, network),
    ...placeFaults(IPv6Address, 6, network),
  ];
}

function familyFaults(text: string, family: 4 | 6): string[] {
  const address = parseAddress(text);
  const fits = text === '' || (address !== undefined && address.family === family && address.value !== 0n);
  return fits ? [] : [`invalid IPv${family} address: ${text}`];
}

function placeFaults(text: string, family: 4 | 6, { name, ipam }: NetworkRecord): string[] {
  if (text === '') return [];
  const address = parseAddress(text);
  const asked = isUserDefined(name) ? (ipam.asked ?? []) : ipam.config;
  const subnets = asked.flatMap(({ Subnet = '' }) => parseCidr(Subnet)?.prefix ?? []).filter((prefix) => prefix.family === family);
  if (subnets.length === 0) return ['user specified IP address is supported only when connecting to networks with user configured subnets'];
  const isThere = address !== undefined && subnets.some((subnet) => contains(subnet, address));
  return isThere ? [] : [`no configured subnet or ip-range contain the IP address ${text}`];
}

function optionFaults(options: Readonly<Record<string, string>>): string[] {
  const name = options[IFNAME];
  return [
    ...(name === undefined || isInterfaceName(name) ? [] : [`invalid interface name ${JSON.stringify(name)}`]),
    ...(options[SYSCTLS] ?? '')
      .split(',')
      // docker's command makes it lower case
      .filter((text) => text !== '' && !/^net\.(ipv4|ipv6|mpls)\.[a-z_]+\.(IFNAME|ifname)\.[a-z0-9_]+=[^\s,]*$/.test(text))
      .map(
        (text) => `unrecognised network interface sysctl '${text}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
      ),
  ];
}
