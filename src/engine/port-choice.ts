/** Which ports of the host a container gets for those that it publishes. */
import { EngineError } from '../base/errors.ts';
import type { NetworkRecord, PublishedPort } from '../network/contract.ts';
import type { PortRequest, ReserveOptions } from '../network/ports/reserve.ts';
import { gatewayNetworks, placesOfContainer } from './attached.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './parts.ts';
import { readExposed, readRange } from './port-checks.ts';

/**
 * The ports of a container that has places in networks: those that are exposed and bound, or all exposed ones where all
 * are to be published. Undefined where no bridge carries them. Throws `conflict` where another container has one.
 */
export function choosePorts(parts: EngineParts, record: ContainerRecord): readonly PublishedPort[] | undefined {
  const carrier = portCarrier(parts, record.attached ?? {});
  if (carrier === undefined) return undefined;
  const taken = othersPorts(parts, record.id);
  const isTaken: ReserveOptions['taken'] = ({ protocol, hostIp, hostPort }) =>
    taken.some((other) => other.protocol === protocol && other.hostPort === hostPort && meets(other.hostIp, hostIp));
  try {
    return parts.ports.hold(record.id, requestsOf(record, carrier), isTaken);
  } catch (error) {
    const endpoint = record.attached?.[carrier.id]?.EndpointID ?? '';
    throw error instanceof EngineError
      ? new EngineError(
          error.kind === 'conflict' ? 'internal' : error.kind,
          `driver failed programming external connectivity on endpoint ${record.name} (${endpoint}): ${error.message}`,
          {
            cause: error,
          },
        )
      : error;
  }
}

function requestsOf(record: ContainerRecord, { options }: NetworkRecord): PortRequest[] {
  const own = options['com.docker.network.bridge.host_binding_ipv4'] ?? '';
  return wantedPorts(record).flatMap(({ protocol, port, bindings }) =>
    bindings.map(({ HostIp, HostPort }) => {
      const [from, to] = readRange(HostPort || '0')!;
      return { protocol, containerPort: port, hostIp: (HostIp || (own === '0.0.0.0' ? '' : own)).replace(/^\[(.*)\]$/, '$1'), hostPort: from, hostPortEnd: to };
    }),
  );
}

/** The bridge that a container's ports are published by: the one that its answers go through. */
export function portCarrier(parts: EngineParts, places: NonNullable<ContainerRecord['attached']>): NetworkRecord | undefined {
  const { store } = parts.networks();
  const networks = Object.keys(places).flatMap((id) => store.load(id) ?? []);
  const carrier = gatewayNetworks(networks, places, 4)[0] ?? gatewayNetworks(networks, places, 6)[0];
  return carrier?.driver === 'bridge' ? carrier : undefined;
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

function meets(a: string, b: string): boolean {
  if (a === b) return true;
  return a.includes(':') === b.includes(':') && [a, b].some((ip) => ip === '0.0.0.0' || ip === '::');
}
