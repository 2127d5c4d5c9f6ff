/** A container's networks as `inspect` and `ps` show them. Until there are networks it has a loopback only, or another's network. */
import type { ContainerRecord } from './container-store.ts';
import { engineId } from './engine-id.ts';
import type { EngineParts } from './parts.ts';
import type { NetworkSettings, Port } from './types/container-answers.ts';
import type { PortMap } from './types/container.ts';
import type { EndpointSettings } from './types/network.ts';
import { predefinedNetworkId } from './types/predefined-networks.ts';

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

type NetworkedRecord = Pick<ContainerRecord, 'config' | 'hostConfig' | 'endpoints' | 'startedAt' | 'process'>;

export function networkSettings(parts: EngineParts, record: NetworkedRecord): NetworkSettings {
  const { NetworkMode: network } = record.hostConfig;
  const mac = record.endpoints[network]?.MacAddress ?? '';
  return {
    Bridge: '',
    SandboxID: '',
    SandboxKey: '',
    Ports: exposedPorts(record),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: '',
    Gateway: '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: '',
    IPPrefixLen: 0,
    IPv6Gateway: '',
    MacAddress: mac,
    Networks: networksOf(parts, record),
  };
}

export function networksOf(parts: EngineParts, { config, hostConfig, endpoints, startedAt }: NetworkedRecord): NetworkSettings['Networks'] {
  const { NetworkMode: network } = hostConfig;
  if (config.NetworkDisabled || network.startsWith('container:')) return {};
  const known = startedAt === undefined ? {} : { NetworkID: predefinedNetworkId(engineId(parts.dataRoot), network) };
  return { [network]: { ...NOTHING, ...endpoints[network], ...known } };
}

/** What a running container of a network of its own listens on: nobody reaches it yet. */
function exposedPorts({ config, hostConfig, process }: NetworkedRecord): PortMap {
  if (process === undefined || hostConfig.NetworkMode !== 'bridge') return {};
  return Object.fromEntries(Object.keys(config.ExposedPorts ?? {}).map((port) => [port.includes('/') ? port : `${port}/tcp`, null]));
}

export function listedPorts(record: NetworkedRecord): readonly Port[] {
  return Object.keys(exposedPorts(record)).map((text) => {
    const [port, Type = 'tcp'] = text.split('/');
    return { PrivatePort: Number(port), Type };
  });
}
