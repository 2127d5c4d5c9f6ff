/** A container's networks as `inspect` and `ps` show them. */
import { createHash } from 'node:crypto';
import { placesOfContainer } from './attached.ts';
import type { ContainerRecord } from './container-record.ts';
import { isRunning } from './container-stop.ts';
import { dnsNames } from './network-places.ts';
import type { EngineParts } from './parts.ts';
import { readExposed } from './port-checks.ts';
import type { NetworkSettings, Port } from './types/container-answers.ts';
import type { PortBinding, PortMap } from './types/container.ts';
import type { EndpointSettings } from './types/network.ts';

const NOTHING: EndpointSettings = {
  IPAMConfig: null,
  Links: null,
  Aliases: null,
  MacAddress: '',
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: '',
  EndpointID: '',
  Gateway: '',
  IPAddress: '',
  IPPrefixLen: 0,
  IPv6Gateway: '',
  GlobalIPv6Address: '',
  GlobalIPv6PrefixLen: 0,
  DNSNames: null,
};

/** All that `inspect` has. The fields of the default bridge are shown once more above the networks. */
export function networkSettings(parts: EngineParts, record: ContainerRecord): NetworkSettings {
  const networks = networksOf(parts, record);
  const bridge = networks['bridge'] ?? NOTHING;
  const own = isRunning(parts, record) && !record.hostConfig.NetworkMode.startsWith('container:') && !record.config.NetworkDisabled;
  return {
    Bridge: '',
    SandboxID: own ? createHash('sha256').update(`${record.id} sandbox ${record.startedAt}`).digest('hex') : '',
    SandboxKey: own ? `/proc/${record.process?.pid}/ns/net` : '',
    Ports: portMap(parts, record),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge.EndpointID ?? '',
    Gateway: bridge.Gateway ?? '',
    GlobalIPv6Address: bridge.GlobalIPv6Address ?? '',
    GlobalIPv6PrefixLen: bridge.GlobalIPv6PrefixLen ?? 0,
    IPAddress: bridge.IPAddress ?? '',
    IPPrefixLen: bridge.IPPrefixLen ?? 0,
    IPv6Gateway: bridge.IPv6Gateway ?? '',
    MacAddress: bridge.MacAddress ?? '',
    Networks: networks,
  };
}

function networksOf(parts: EngineParts, record: ContainerRecord): Readonly<Record<string, EndpointSettings>> {
  const { config, hostConfig, endpoints, startedAt } = record;
  if (config.NetworkDisabled || hostConfig.NetworkMode.startsWith('container:')) return {};
  const { store } = parts.networks();
  const places = placesOfContainer(parts, record);
  const shown = Object.entries(endpoints).map(([name, asked]) => {
    const network = store.search(name);
    const at = network === undefined ? undefined : places[network.id];
    if (at !== undefined) {
      const { interfaceName: _, ...place } = at;
      return [name, { ...NOTHING, ...asked, ...place }] as const;
    }
    // of a hardware address that was asked for Docker says nothing any more
    const known = startedAt === undefined || network === undefined ? {} : { NetworkID: network.id, MacAddress: '' };
    const named = startedAt !== undefined || asked.DNSNames ? { DNSNames: dnsNames(record, name, asked) } : {};
    return [name, { ...NOTHING, ...asked, ...known, ...named }] as const;
  });
  return Object.fromEntries(shown.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** As lists have them: without what only the container itself has to know. */
export function listedNetworks(parts: EngineParts, record: ContainerRecord): Readonly<Record<string, EndpointSettings>> {
  return Object.fromEntries(
    Object.entries(networksOf(parts, record)).map(([name, settings]) => {
      const { IPv4Address, IPv6Address } = settings.IPAMConfig ?? {};
      const ipam = settings.IPAMConfig ? { ...(IPv4Address ? { IPv4Address } : {}), ...(IPv6Address ? { IPv6Address } : {}) } : null;
      return [name, { ...settings, IPAMConfig: ipam, Links: null, Aliases: null, DriverOpts: null, DNSNames: null }];
    }),
  );
}

/** What a running container of a network of its own listens on, and where that is reached. */
function portMap(parts: EngineParts, record: ContainerRecord): PortMap {
  const { config, published } = record;
  if (published === undefined || !isRunning(parts, record)) return {};
  const exposed = Object.keys(config.ExposedPorts ?? {}).flatMap(readExposed);
  return Object.fromEntries(
    exposed.map(({ key, port, protocol }) => {
      const own = published.filter((each) => each.protocol === protocol && each.containerPort === port);
      return [key, own.length === 0 ? null : own.map(({ hostIp, hostPort }): PortBinding => ({ HostIp: hostIp, HostPort: String(hostPort) }))];
    }),
  );
}

export function listedPorts(parts: EngineParts, record: ContainerRecord): readonly Port[] {
  return Object.entries(portMap(parts, record)).flatMap(([text, bindings]): Port[] => {
    const [port, Type = 'tcp'] = text.split('/');
    const PrivatePort = Number(port);
    if (bindings === null) return [{ PrivatePort, Type }];
    return bindings.map(({ HostIp, HostPort }) => ({ IP: HostIp, PrivatePort, PublicPort: Number(HostPort), Type }));
  });
}
