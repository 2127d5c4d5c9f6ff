/** The texts of /etc/hostname, /etc/hosts and /etc/resolv.conf as Docker writes them. */
import { isIP } from 'node:net';
import { invalid } from '../base/errors.ts';
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

/**
 * hosts(5). `addHosts` are `name:address`; throws `invalid` for one that is not. The own name is 127.0.1.1 until there is
 * a network. With `hostText`, the host's own file in its network, nothing else is added.
 */
export function hostsFile(options: Pick<RunOptions, 'addHosts'>, hostname: string, hostText?: string): string {
  const added = options.addHosts.map((text) => {
    const colon = text.search(/[:=]/);
    const [name, address] = [text.slice(0, colon), text.slice(colon + 1).replace(/^\[(.*)\]$/, '$1')];
    if (colon <= 0) throw invalid(`bad format for add-host: "${text}"`);
    if (isIP(address) === 0) throw invalid(`invalid IP address in add-host: "${address}"`);
    if (/\s/.test(name)) throw invalid(`bad format for add-host: "${text}"`);
    return `${address}\t${name}`;
  });
  if (hostText !== undefined) return `${[...hostText.replace(/\n+$/, '').split('\n'), ...added].join('\n')}\n`;
  const own = hostname === '' ? [] : [`127.0.1.1\t${hostname}`];
  return `${[...LOCALHOST, ...added, ...own].join('\n')}\n`;
}

/**
 * resolv.conf(5): the host's, with what the options replace. Name servers on the host's loopback do not exist in a
 * network namespace of the container's own: there they are left out.
 */
export function resolvConfFile(options: Pick<RunOptions, 'dns' | 'dnsSearch' | 'dnsOptions' | 'namespaces'>, hostText: string): string {
  const lines = hostText
    .split('\n')
    .map((line) => line.replace(/[#;].*$/, '').trim())
    .filter(Boolean);
  const of = (key: string) => lines.filter((line) => line.split(/\s+/)[0] === key).flatMap((line) => line.split(/\s+/).slice(1));
  const own = options.namespaces.network.kind === 'new';
  const servers = options.dns.length > 0 ? options.dns : of('nameserver').filter((address) => !own || !/^(127\.|::1$)/.test(address));
  for (const server of servers) if (isIP(server.replace(/%.*$/, '')) === 0) throw invalid(`invalid IP address for DNS: "${server}"`);
  const search = (options.dnsSearch.length > 0 ? options.dnsSearch : of('search')).filter((name) => name !== '.');
  const opts = options.dnsOptions.length > 0 ? options.dnsOptions : of('options');
  for (const word of [...search, ...opts]) if (/\s/.test(word)) throw invalid(`bad entry for resolv.conf: ${JSON.stringify(word)}`);
  const out = servers.map((server) => `nameserver ${server}`);
  if (search.length > 0) out.push(`search ${search.join(' ')}`);
  if (opts.length > 0) out.push(`options ${opts.join(' ')}`);
  return out.length === 0 ? '' : `${out.join('\n')}\n`;
}
