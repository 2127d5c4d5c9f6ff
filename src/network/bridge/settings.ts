/** What a bridge network's options say (Docker's names), with Docker's defaults. The options have been checked at `create`. */
import type { NetworkRecord } from '../contract.ts';
import { bridgeName, TRUSTED } from '../driver-options.ts';
import type { FilteredNetwork, GatewayMode } from '../filter/elements.ts';

export interface BridgeSettings extends FilteredNetwork {
  /** With their prefix lengths, on the bridge: where containers' default routes go. */
  readonly gateways: readonly string[];
  /** 0: as the kernel has it. */
  readonly mtu: number;
}

const PREFIX = 'com.docker.network.';

export function bridgeSettings(network: NetworkRecord): BridgeSettings {
  const { options, ipam, internal } = network;
  const flag = (name: string, otherwise: boolean) => {
    const text = options[`${PREFIX}bridge.${name}`];
    return text === undefined || text === '' ? otherwise : /^(1|t|true)$/i.test(text);
  };
  const mode = (family: '4' | '6') => (options[`${PREFIX}bridge.gateway_mode_ipv${family}`] || 'nat') as GatewayMode;
  const masquerade = flag('enable_ip_masquerade', true);
  const configs = ipam.config.filter(({ Subnet }) => Subnet !== undefined);
  const subnets = (six: boolean) => configs.map(({ Subnet }) => Subnet!).filter((subnet) => subnet.includes(':') === six);
  const gateways = configs.flatMap(({ Subnet, Gateway }) => (Gateway ? [`${Gateway}/${Subnet!.split('/')[1]}`] : []));
  const isolated = (address: string) => internal && mode(address.includes(':') ? '6' : '4') === 'isolated';
  return {
    bridge: bridgeName(network),
    subnets4: network.ipv4 ? subnets(false) : [],
    subnets6: network.ipv6 ? subnets(true) : [],
    gateways: gateways.filter((address) => (address.includes(':') ? network.ipv6 : network.ipv4 && !flag('inhibit_ipv4', false)) && !isolated(address)),
    internal,
    direct: flag('enable_icc', true),
    masquerade4: masquerade,
    masquerade6: masquerade,
    mode4: mode('4'),
    mode6: mode('6'),
    trusted: (options[TRUSTED] ?? '').split(':').filter(Boolean),
    hostAddress4: options[`${PREFIX}host_ipv4`] || undefined,
    hostAddress6: options[`${PREFIX}host_ipv6`] || undefined,
    mtu: Number(options[`${PREFIX}driver.mtu`] || 0),
  };
}
