/** What networks and published ports put into the table's sets. */
import { isIPv6 } from 'node:net';
import type { NftElement } from '../../kernel/nftables-contract.ts';
import type { PublishedPort } from '../contract.ts';
import type { SetName } from './rules.ts';

export interface FilterElement {
  readonly set: SetName;
  readonly element: NftElement;
}

/** How a network treats what comes from outside: Docker's `com.docker.network.bridge.gateway_mode_ipv4` and `…_ipv6`. */
export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated';

export interface FilteredNetwork {
  readonly bridge: string;
  readonly subnets4: readonly string[];
  readonly subnets6: readonly string[];
  readonly internal: boolean;
  /** Containers of it talk to each other. */
  readonly direct: boolean;
  /** Leave with the host's address. */
  readonly masquerade4: boolean;
  readonly masquerade6: boolean;
  /** Interfaces of the host that reach published ports at the containers' own addresses. */
  readonly trusted: readonly string[];
  readonly mode4: GatewayMode;
  readonly mode6: GatewayMode;
  /** Instead of the address of the interface that they leave by. */
  readonly hostAddress4?: string | undefined;
  readonly hostAddress6?: string | undefined;
}

export function networkElements(network: FilteredNetwork): FilterElement[] {
  const { bridge } = network;
  const of = (set: SetName, ...key: readonly string[]): FilterElement => ({ set, element: { key } });
  const out = [of('bridges', bridge)];
  if (network.internal) out.push(of('internal', bridge));
  if (network.direct) out.push(of('direct', bridge, bridge));
  if (network.mode4 === 'nat-unprotected' || network.mode6 === 'nat-unprotected') out.push(of('open_bridges', bridge));
  const families = [
    { subnets: network.subnets4, masked: network.masquerade4, mode: network.mode4, host: network.hostAddress4, names: ['masked4', 'hairpin4', 'snat4'] },
    { subnets: network.subnets6, masked: network.masquerade6, mode: network.mode6, host: network.hostAddress6, names: ['masked6', 'hairpin6', 'snat6'] },
  ] as const;
  for (const { subnets, masked, mode, host, names } of families) {
    for (const subnet of subnets) {
      out.push(of(names[1], subnet, bridge));
      if (network.internal || !masked || !mode.startsWith('nat')) continue;
      if (host === undefined) out.push(of(names[0], subnet));
      else out.push({ set: names[2], element: { key: [subnet], data: [host] } });
    }
  }
  return out;
}

/** Of a container with these addresses (without prefix lengths). A port of a family that it has no address of is left out. */
export function portElements(
  ports: readonly PublishedPort[],
  addresses: { readonly ipv4?: string | undefined; readonly ipv6?: string | undefined },
  { mode4, mode6, trusted }: Pick<FilteredNetwork, 'mode4' | 'mode6' | 'trusted'>,
): FilterElement[] {
  return ports.flatMap(({ protocol, containerPort, hostIp, hostPort }): FilterElement[] => {
    const six = isIPv6(hostIp);
    const address = six ? addresses.ipv6 : addresses.ipv4;
    if (address === undefined) return [];
    if ((six ? mode6 : mode4) === 'routed') return [{ set: six ? 'open6' : 'open4', element: { key: [address, protocol, containerPort] } }];
    const data = [address, containerPort];
    const direct = trusted.map((name): FilterElement => ({ set: six ? 'trusted6' : 'trusted4', element: { key: [name, address, protocol, containerPort] } }));
    if (hostIp === '0.0.0.0' || hostIp === '::') return [{ set: six ? 'ports6' : 'ports4', element: { key: [protocol, hostPort], data } }, ...direct];
    return [{ set: six ? 'at6' : 'at4', element: { key: [hostIp, protocol, hostPort], data } }, ...direct];
  });
}
