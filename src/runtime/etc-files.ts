/** The texts of /etc/hostname, /etc/hosts and /etc/resolv.conf as Docker writes them. */
import { isIP } from 'node:net';
import { invalid } from '../base/errors.ts';
import { parseResolvConf, resolvConfLines, withSettings } from './resolv-conf.ts';
import type { RunOptions } from './run-options.ts';

export function hostnameFile(hostname: string): string {
  return `${hostname}\n`;
}

const LOCALHOST = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** What a container's networks add to its file. */
export interface HostsNetwork {
  /** The host's own file, in its network: nothing but `addHosts` is added to it. */
  readonly hostText?: string | undefined;
  /** The container's, in the order of its networks; without prefix lengths. */
  readonly addresses?: readonly string[];
  /** On the default bridge: the others that it is linked to, by the alias, their short id and their name (`--link`). */
  readonly links?: readonly { readonly address: string; readonly names: readonly string[] }[];
  /** What `host-gateway` stands for: the default bridge's gateways. */
  readonly hostGateways?: readonly string[];
}

/**
 * hosts(5). `addHosts` are `name:address` or `name:host-gateway`; throws `invalid` for one that is not. The own name is
 * 127.0.1.1 where there is no network.
 */
export function hostsFile(options: Pick<RunOptions, 'addHosts' | 'domainname'>, hostname: string, network: HostsNetwork = {}): string {
  const { hostText, addresses = [], links = [], hostGateways = [] } = network;
  const added = options.addHosts.flatMap((text) => addedLines(text, hostGateways));
  if (hostText !== undefined) return `${[...hostText.replace(/\n+$/, '').split('\n'), ...added].join('\n')}\n`;
  const linked = links.map(({ address, names }) => `${address}\t${names.join(' ')}`);
  const own = ownHostsLines(addresses.length > 0 ? addresses : ['127.0.1.1'], hostname, options.domainname);
  return `${[...LOCALHOST, ...added, ...linked, ...own].join('\n')}\n`;
}

function addedLines(text: string, hostGateways: readonly string[]): string[] {
  const colon = text.search(/[:=]/);
  const [name, address] = [text.slice(0, colon), text.slice(colon + 1).replace(/^\[(.*)\]$/, '$1')];
  if (colon <= 0 || /\s/.test(name)) throw invalid(`bad format for add-host: "${text}"`);
  if (address === 'host-gateway') {
    if (hostGateways.length === 0) throw invalid('unable to derive the IP value for host-gateway');
    return hostGateways.map((gateway) => `${gateway}\t${name}`);
  }
  if (isIP(address) === 0) throw invalid(`invalid IP address in add-host: "${address}"`);
  return [`${address}\t${name}`];
}

/** What a container's file says of itself: its full name, and the name without the domain. Empty without a host name. */
export function ownHostsLines(addresses: readonly string[], hostname: string, domainname?: string): string[] {
  if (hostname === '') return [];
  const full = domainname ? `${hostname}.${domainname}` : hostname;
  const names = full.includes('.') ? `${full} ${full.split('.')[0]}` : full;
  return addresses.map((address) => `${address}\t${names}`);
}

/**
 * The file of a container that comes into a network or leaves one while it runs: what it has changed there itself stays.
 * Lines that are there already are not added again.
 */
export function changedHosts(text: string, { add = [], remove = [] }: { readonly add?: readonly string[]; readonly remove?: readonly string[] }): string {
  const lines = text.replace(/\n$/, '').split('\n');
  const kept = lines.filter((line) => !remove.includes(line));
  return `${[...kept, ...add.filter((line) => !kept.includes(line))].join('\n')}\n`;
}

/**
 * resolv.conf(5): the host's, with what the options replace. Name servers on the host's loopback do not exist in a
 * network namespace of the container's own: there they are left out.
 */
export function resolvConfFile(options: Pick<RunOptions, 'dns' | 'dnsSearch' | 'dnsOptions' | 'namespaces'>, hostText: string): string {
  const conf = withSettings(options, parseResolvConf(hostText));
  const inherited = options.dns.length === 0 && options.namespaces.network.kind === 'new';
  const servers = inherited ? conf.servers.filter((address) => !/^(127\.|::1$)/.test(address)) : conf.servers;
  return resolvConfLines({ ...conf, servers, other: [] })
    .map((line) => `${line}\n`)
    .join('');
}
