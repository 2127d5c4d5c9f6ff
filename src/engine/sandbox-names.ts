/** Who is called what in the engine's networks, as containers come and go. */
import { NetworkNames, viewedNetwork, type ViewedNetwork } from '../network/dns/zone.ts';
import { attachedTo, placesOfContainer, type AttachedEndpoint } from './attached.ts';
import type { EngineParts } from './parts.ts';

/** Where other processes start containers too, what is known is looked at anew after this. */
const STALE_MS = 500;

export class SandboxNames {
  readonly #parts: () => EngineParts;
  readonly #networks = new Map<string, NetworkNames>();
  #readAt = 0;

  constructor(parts: () => EngineParts) {
    this.#parts = parts;
  }

  /** What a container can ask for now: names of the networks of users that it is in. */
  view(id: string): readonly ViewedNetwork[] {
    const parts = this.#parts();
    const record = parts.store.load(id);
    if (record === undefined) return [];
    if (!parts.owned && Date.now() - this.#readAt > STALE_MS) this.#networks.clear();
    const networks = parts.networks().store;
    return Object.entries(placesOfContainer(parts, record)).flatMap(([networkId, { DNSNames }]) => {
      const network = networks.load(networkId);
      if (network === undefined || !DNSNames) return [];
      return [viewedNetwork(this.#of(networkId, network.name), linksOf(record.endpoints[network.name]?.Links ?? []))];
    });
  }

  put(networkId: string, endpoint: AttachedEndpoint): void {
    // what is not known yet is read when somebody asks
    this.#networks.get(networkId)?.put(named(endpoint));
  }

  remove(networkId: string, endpointId: string | undefined): void {
    this.#networks.get(networkId)?.remove(endpointId ?? '');
  }

  #of(networkId: string, name: string): NetworkNames {
    const known = this.#networks.get(networkId);
    if (known !== undefined) return known;
    const names = new NetworkNames(name);
    this.#networks.set(networkId, names);
    this.#readAt = Date.now();
    for (const { endpoint } of attachedTo(this.#parts(), networkId)) names.put(named(endpoint));
    return names;
  }
}

function named({ EndpointID = '', DNSNames, IPAddress, GlobalIPv6Address }: AttachedEndpoint) {
  return { id: EndpointID, names: DNSNames ?? [], ipv4: IPAddress || undefined, ipv6: GlobalIPv6Address || undefined };
}

/** `name:alias`, as a container's settings for one network have them. */
function linksOf(links: readonly string[]): (readonly [alias: string, name: string])[] {
  return links.map((link) => {
    const [name = '', alias = name] = link.split(':');
    return [alias.replace(/^.*\//, ''), name.replace(/^\//, '')];
  });
}
