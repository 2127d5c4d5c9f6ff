/** Which ports of the host a container gets for those that it publishes. */
import { EngineError } from '../base/errors.ts';
import type { NetworkRecord, PublishedPort } from '../network/contract.ts';
import { gatewayNetworks, placesOfContainer } from './attached.ts';
import type { ContainerRecord } from './container-store.ts';
import type { EngineParts } from './parts.ts';
import { readExposed, readRange } from './port-checks.ts';

/** Where the kernel takes ports from for those who name none (ip(7), ip_local_port_range). */
const [FIRST, LAST] = [32_768, 60_999];

/**
 * The ports of a container that has places in networks: those that are exposed and bound, or all exposed ones where all
 * are to be published. Undefined where no bridge carries them. Throws `conflict` where another container has one.
 */
export function choosePorts(parts: EngineParts, record: ContainerRecord): readonly PublishedPort[] | undefined {
  const carrier = portCarrier(parts, record.attached ?? {});
  if (carrier === undefined) return undefined;
  const chosen: PublishedPort[] = [];
  const taken = othersPorts(parts, record.id);
  for (const { protocol, port, bindings } of wantedPorts(record)) {
    for (const { HostIp, HostPort } of bindings) {
      const hosts = HostIp === '' || HostIp === undefined ? defaultHosts(carrier.options) : [HostIp];
      const hostPort = choose(protocol, hosts, HostPort ?? '', [...taken, ...chosen]);
      for (const hostIp of hosts) chosen.push({ protocol, containerPort: port, hostIp, hostPort });
    }
  }
  return chosen;
}

/** The bridge that a container's ports are published by: the one that its answers go through. */
export function portCarrier(parts: EngineParts, places: NonNullable<ContainerRecord['attached']>): NetworkRecord | undefined {
  const { store } = parts.networks();
  const networks = Object.keys(places).flatMap((id) => store.load(id) ?? []);
  const carrier = gatewayNetworks(networks, places, 4)[0] ?? gatewayNetworks(networks, places, 6)[0];
  return carrier?.driver === 'bridge' ? carrier : undefined;
}

function defaultHosts(options: Readonly<Record<string, string>>): string[] {
  const own = options['com.docker.network.bridge.host_binding_ipv4'] ?? '';
  return own === '' || own === '0.0.0.0' ? ['0.0.0.0', '::'] : [own];
}

function wantedPorts({ config, hostConfig }: ContainerRecord) {
  const bound = new Map(Object.entries(hostConfig.PortBindings ?? {}).flatMap(([key, bindings]) => readExposed(key).map((port) => [port.key, bindings ?? []])));
  return Object.keys(config.ExposedPorts ?? {})
    .flatMap(readExposed)
    .map((port) => {
      const own = bound.get(port.key) ?? [];
      return { ...port, bindings: own.length === 0 && hostConfig.PublishAllPorts ? [{ HostIp: '', HostPort: '' }] : own };
    })
    .filter(({ bindings }) => bindings.length > 0);
}

function othersPorts(parts: EngineParts, id: string): PublishedPort[] {
  return parts.store.all().flatMap((record) => {
    if (record.id === id || record.published === undefined || record.published.length === 0) return [];
    return Object.keys(placesOfContainer(parts, record)).length > 0 ? record.published : [];
  });
}

/** One port on all of the addresses. */
function choose(protocol: PublishedPort['protocol'], hosts: readonly string[], text: string, taken: readonly PublishedPort[]): number {
  const isTaken = (hostIp: string, hostPort: number) =>
    taken.some((other) => other.protocol === protocol && other.hostPort === hostPort && meets(other.hostIp, hostIp));
  const [from, to] = text === '' || text === '0' ? [FIRST, LAST] : readRange(text)!;
  for (let port = from; port <= to; port++) if (!hosts.some((host) => isTaken(host, port))) return port;
  const host = hosts[0]!;
  const shown = host.includes(':') ? `[${host}]` : host;
  throw new EngineError('conflict', from === to ? `Bind for ${shown}:${from} failed: port is already allocated` : `all ports of ${from}-${to} are allocated`);
}

function meets(a: string, b: string): boolean {
  if (a === b) return true;
  return a.includes(':') === b.includes(':') && [a, b].some((ip) => ip === '0.0.0.0' || ip === '::');
}
