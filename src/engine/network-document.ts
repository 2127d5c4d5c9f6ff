/** A network as Docker's documents show it. */
import type { IpamConfig, NetworkRecord } from '../network/contract.ts';
import { attachedTo } from './attached.ts';
import type { EngineParts } from './parts.ts';
import type { EndpointResource, NetworkInspect } from './types/network.ts';

/** With the containers that run in it, or as lists have it: without them. */
export function networkDocument(parts: EngineParts, network: NetworkRecord, { containers }: { readonly containers: boolean }): NetworkInspect {
  const { asked, config, driver, options } = network.ipam;
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: network.scope ?? 'local',
    Driver: network.driver,
    EnableIPv4: network.ipv4,
    EnableIPv6: network.ipv6,
    // what was asked for is shown as it was asked for (IPv4 first), and what was chosen after it
    IPAM: {
      Driver: driver,
      Options: options,
      Config: hasNone(network) ? null : [...(asked ?? []).toSorted((a, b) => familyOf(a) - familyOf(b)), ...config.slice(asked?.length ?? 0)],
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: network.configFrom ?? '' },
    ConfigOnly: network.configOnly ?? false,
    Containers: containers ? residents(parts, network) : {},
    Options: network.options,
    Labels: network.labels,
  };
}

function familyOf({ Subnet = '' }: IpamConfig): number {
  return Subnet.includes(':') ? 6 : 4;
}

function hasNone({ driver, ipam }: NetworkRecord): boolean {
  return (driver === 'host' || driver === 'null') && ipam.config.length === 0;
}

function residents(parts: EngineParts, network: NetworkRecord): Record<string, EndpointResource> {
  const address = (text: string | undefined, length: number | undefined) => (text ? `${text}/${length}` : '');
  return Object.fromEntries(
    attachedTo(parts, network.id).map(({ record, endpoint }) => [
      record.id,
      {
        Name: record.name,
        EndpointID: endpoint.EndpointID ?? '',
        MacAddress: endpoint.MacAddress ?? '',
        IPv4Address: address(endpoint.IPAddress, endpoint.IPPrefixLen),
        IPv6Address: address(endpoint.GlobalIPv6Address, endpoint.GlobalIPv6PrefixLen),
      },
    ]),
  );
}
