/** From the flags of `network create` and `network connect` to documents. */
import { BlockList, isIP } from 'node:net';
import { invalid } from '../base/errors.ts';
import type { EndpointSettings, IpamConfigDocument, NetworkCreate } from '../engine/types/network.ts';
import type { Flags } from './flags.ts';
import { csvFields, keyValue } from './mount-flags.ts';
import { address, link } from './network-flags.ts';

/** Throws `invalid` in docker's words. */
export function networkDocument(flags: Flags, name: string, more: Readonly<Record<string, string>> = {}): NetworkCreate {
  const driver = flags.value('driver');
  const options = pairs(flags, 'opt');
  const text = (flag: string) => flags.value(flag) || undefined;
  const [scope, from] = [text('scope'), text('config-from')];
  return {
    Name: name,
    Driver: driver ?? (flags.on('config-only') ? '' : 'bridge'),
    ...(scope === undefined ? {} : { Scope: scope }),
    // what nobody said is the engine's to say
    ...(flags.has('ipv4') ? { EnableIPv4: flags.on('ipv4') } : {}),
    ...(flags.has('ipv6') ? { EnableIPv6: flags.on('ipv6') } : {}),
    IPAM: { Driver: text('ipam-driver') ?? 'default', Options: pairs(flags, 'ipam-opt'), Config: ipamConfigs(flags) },
    Internal: flags.on('internal'),
    Attachable: flags.on('attachable'),
    Ingress: flags.on('ingress'),
    ConfigOnly: flags.on('config-only'),
    ...(from === undefined ? {} : { ConfigFrom: { Network: from } }),
    Options: options,
    Labels: { ...more, ...labels(flags.list('label')) },
  };
}

function labels(texts: readonly string[]): Record<string, string> {
  return Object.assign(
    {},
    ...texts.map((text) => {
      if (text.startsWith('=')) throw invalid(`invalid label '${text}': empty name`);
      return keyValue(text);
    }),
  ) as Record<string, string>;
}

/** `k=v` texts. */
function pairs(flags: Flags, name: string): Record<string, string> {
  return Object.assign({}, ...flags.list(name).map(keyValue)) as Record<string, string>;
}

/** pflag's "strings": each may be several. */
function words(flags: Flags, name: string): string[] {
  return flags.list(name).flatMap(csvFields);
}

/** Ranges, gateways and auxiliary addresses each belong to the subnet that they are in. */
function ipamConfigs(flags: Flags): IpamConfigDocument[] {
  const subnets = words(flags, 'subnet');
  const [ranges, gateways] = [words(flags, 'ip-range'), words(flags, 'gateway')];
  if (subnets.length < ranges.length || subnets.length < gateways.length) throw invalid('every ip-range or gateway must have a corresponding subnet');
  const configs = subnets.map((Subnet): { readonly config: Config; readonly holds: (text: string) => boolean } => ({
    config: { Subnet },
    holds: holder(Subnet),
  }));
  for (const one of configs)
    if (configs.some((other) => other !== one && one.holds(addressOf(other.config.Subnet))))
      throw invalid('multiple overlapping subnet configuration is not supported');
  const holding = (what: string, text: string) => {
    const found = configs.find(({ holds }) => holds(addressOf(text)))?.config;
    if (found === undefined) throw invalid(`no matching subnet for ${what} ${text}`);
    return found;
  };
  for (const text of ranges) {
    const config = holding('range', text);
    if (config.IPRange !== undefined) throw invalid(`cannot configure multiple ranges (${text}, ${config.IPRange}) on the same subnet (${config.Subnet})`);
    config.IPRange = text;
  }
  for (const text of gateways) {
    const config = holding('gateway', text);
    if (config.Gateway !== undefined) throw invalid(`cannot configure multiple gateways (${text}, ${config.Gateway}) for the same subnet (${config.Subnet})`);
    config.Gateway = text;
  }
  for (const [name, text] of Object.entries(pairs(flags, 'aux-address'))) {
    const config = holding('aux-address', text);
    config.AuxiliaryAddresses = { ...config.AuxiliaryAddresses, [name]: text };
  }
  return configs.map(({ config }) => config);
}

interface Config {
  readonly Subnet: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Readonly<Record<string, string>>;
}

function addressOf(cidr: string): string {
  return cidr.split('/')[0]!;
}

/** Whether an address is in the subnet. Throws `invalid` for what is no subnet. */
function holder(subnet: string): (text: string) => boolean {
  const [, host = '', bits = ''] = /^(.+)\/(\d{1,3})$/.exec(subnet) ?? [];
  const family = isIP(host);
  if (family === 0 || Number(bits) > (family === 4 ? 32 : 128)) throw invalid(`invalid CIDR address: ${subnet}`);
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(host, Number(bits), kind);
  return (text) => isIP(text) === family && list.check(text, kind);
}

/** What `network connect` asks for. Throws `invalid` in docker's words. */
export function endpointDocument(flags: Flags): EndpointSettings {
  const [ip, ip6] = [flags.read('ip', (text) => address(text, 4)), flags.read('ip6', (text) => address(text, 6))];
  const linkLocal = words(flags, 'link-local-ip').map((text) => address(text));
  const aliases = words(flags, 'alias');
  const links = flags.readAll('link', link);
  const options = words(flags, 'driver-opt').map((text) => {
    if (!text.includes('=')) throw invalid('invalid key/value pair format in driver options');
    return keyValue(text);
  });
  const priority = flags.read('gw-priority', (text) => {
    if (!/^[+-]?\d+$/.test(text)) throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
    return Number(text);
  });
  return {
    ...(ip === undefined && ip6 === undefined && linkLocal.length === 0
      ? {}
      : {
          IPAMConfig: {
            ...(ip === undefined ? {} : { IPv4Address: ip }),
            ...(ip6 === undefined ? {} : { IPv6Address: ip6 }),
            ...(linkLocal.length === 0 ? {} : { LinkLocalIPs: linkLocal }),
          },
        }),
    ...(links.length === 0 ? {} : { Links: links }),
    ...(aliases.length === 0 ? {} : { Aliases: aliases }),
    ...(options.length === 0 ? {} : { DriverOpts: Object.assign({}, ...options) as Record<string, string> }),
    ...(priority === undefined ? {} : { GwPriority: priority }),
  };
}
