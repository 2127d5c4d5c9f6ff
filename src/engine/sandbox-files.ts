/** /etc/hosts and /etc/resolv.conf of a container, as its networks have them. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Endpoint } from '../network/contract.ts';
import { bareAddresses, type BareAddresses } from '../network/host/endpoint.ts';
import { changedHosts, ownHostsLines, type HostsNetwork } from '../runtime/etc-files.ts';
import { INTERNAL_SERVER, internalResolvConf, type DnsSettings, type InternalResolvConf } from '../runtime/resolv-conf.ts';
import type { ContainerRecord } from './container-record.ts';
import { placesOfContainer } from './attached.ts';
import type { EngineParts } from './parts.ts';
import { runOptionsOf } from './run-options-of.ts';

const HOST_RESOLV_CONF = '/etc/resolv.conf';

export function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Whether a name server of ours answers it: it is in a network that a user made. */
export function hasNameServer({ attached = {} }: Pick<ContainerRecord, 'attached'>): boolean {
  return Object.values(attached).some(({ DNSNames }) => DNSNames);
}

/** The file of a container that our name server answers, and whom that asks. Throws `invalid` for options that make no sense. */
export function internalConf(settings: DnsSettings): InternalResolvConf {
  return internalResolvConf(settings, readOr(HOST_RESOLV_CONF));
}

/** What its networks add to /etc/hosts. */
export function hostsNetworkOf(parts: EngineParts, record: ContainerRecord): HostsNetwork {
  const places = Object.values(record.attached ?? {});
  const addresses = places.flatMap(({ IPAddress, GlobalIPv6Address }) => [IPAddress, GlobalIPv6Address].filter((address) => !!address) as string[]);
  const { ipam } = parts.networks().store.find('bridge');
  return { addresses, links: linksOf(parts, record), hostGateways: ipam.config.flatMap(({ Gateway }) => (Gateway ? [Gateway] : [])) };
}

/** `--link` on the default bridge: others that run there. */
function linksOf(parts: EngineParts, { hostConfig }: ContainerRecord): NonNullable<HostsNetwork['links']> {
  const bridge = parts.networks().store.find('bridge').id;
  return (hostConfig.Links ?? []).flatMap((link) => {
    const [name = '', alias = name] = link.split(':').map((part) => part.replace(/^.*\//, ''));
    const other = parts.store.all().find((record) => record.name === name || record.id === name);
    const address = other === undefined ? undefined : placesOfContainer(parts, other)[bridge]?.IPAddress;
    return other === undefined || !address ? [] : [{ address, names: [alias, other.id.slice(0, 12), other.name] }];
  });
}

/** Files of a running container that has come into a network, or left one. What it has changed there itself stays. */
export function changeEtcFiles(parts: EngineParts, record: ContainerRecord, change: { readonly joined?: Endpoint; readonly left?: Endpoint }): void {
  const { dir } = parts.store.paths(record.id);
  const hostname = parts.store.spec(record.id)?.hostname ?? '';
  const lines = (endpoint: Endpoint | undefined) => {
    const { ipv4, ipv6 }: BareAddresses = endpoint === undefined ? {} : bareAddresses(endpoint);
    const addresses = [ipv4, ipv6].filter((address) => address !== undefined);
    return addresses.length === 0 ? [] : ownHostsLines(addresses, hostname, record.config.Domainname || undefined);
  };
  rewrite(`${dir}/hosts`, (text) => changedHosts(text, { add: lines(change.joined), remove: lines(change.left) }));
  // its first network of a user's: our name server answers from now on
  if (change.joined !== undefined && hasNameServer(record) && !readOr(`${dir}/resolv.conf`).includes(`nameserver ${INTERNAL_SERVER}`))
    rewrite(`${dir}/resolv.conf`, () => internalConf(runOptionsOf(record)).text);
}

/** In place: the container has this very file. */
function rewrite(path: string, change: (text: string) => string): void {
  const before = readOr(path);
  const after = change(before);
  if (after !== before) writeFileSync(path, after);
}
