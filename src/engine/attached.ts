/** Who is in which network just now: that follows from the containers' records. */
import type { NetworkRecord } from '../network/contract.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './parts.ts';
import { lives } from './process-id.ts';
import type { EndpointSettings } from './types/network.ts';

/** A place that a container has in a network, with all that was chosen for it. */
export interface AttachedEndpoint extends EndpointSettings {
  /** Its name inside, as `eth0`; '' where the network gives it none (host, none). */
  readonly interfaceName: string;
}

/** The places of a container that runs, or is being started, by the networks' ids; of another there are none. */
export function placesOfContainer(parts: EngineParts, record: ContainerRecord): Readonly<Record<string, AttachedEndpoint>> {
  const { attached } = record;
  if (attached === undefined) return {};
  // who owns the data root takes them away at its end
  if (parts.owned) return attached;
  const there = record.process === undefined ? lives(record.maker) : !parts.store.ended(record);
  return there ? attached : {};
}

/** All that are in a network. */
export function attachedTo(parts: EngineParts, networkId: string): { readonly record: ContainerRecord; readonly endpoint: AttachedEndpoint }[] {
  return [...parts.store.all(), ...parts.store.guests()].flatMap((record) => {
    if (record.attached?.[networkId] === undefined) return [];
    const endpoint = placesOfContainer(parts, record)[networkId];
    return endpoint === undefined ? [] : [{ record, endpoint }];
  });
}

/** The ids of the networks that somebody is in. */
export function networksInUse(parts: EngineParts): ReadonlySet<string> {
  return new Set([...parts.store.all(), ...parts.store.guests()].flatMap((record) => Object.keys(placesOfContainer(parts, record))));
}

/** The networks that a container is in, the one with the default routes first (of IPv4, of IPv6), as Docker orders them. */
export function gatewayNetworks(networks: readonly NetworkRecord[], places: Readonly<Record<string, AttachedEndpoint>>, family: 4 | 6): NetworkRecord[] {
  const gateway = ({ id }: NetworkRecord) => (family === 4 ? places[id]?.Gateway : places[id]?.IPv6Gateway);
  const priority = ({ id }: NetworkRecord) => places[id]?.GwPriority ?? 0;
  const both = ({ id }: NetworkRecord) => (places[id]?.Gateway && places[id].IPv6Gateway ? 1 : 0);
  return networks.filter((network) => gateway(network)).toSorted((a, b) => priority(b) - priority(a) || both(b) - both(a) || (a.name < b.name ? -1 : 1));
}
