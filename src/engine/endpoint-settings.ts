/** What a container asks of its networks, from the documents that clients send. */
import { EngineError, invalid } from '../base/errors.ts';
import { checkEndpoint } from './endpoint-checks.ts';
import type { EngineParts } from './parts.ts';
import type { ContainerCreate, HostConfig } from './types/container.ts';
import type { EndpointSettings } from './types/network.ts';

/** Without what is the engine's to say. */
export function askedOf({ IPAMConfig, Links, Aliases, DriverOpts, GwPriority, MacAddress }: EndpointSettings): EndpointSettings {
  return {
    ...(IPAMConfig === undefined || IPAMConfig === null ? {} : { IPAMConfig }),
    ...(Links === undefined || Links === null ? {} : { Links }),
    ...(Aliases === undefined || Aliases === null ? {} : { Aliases }),
    ...(DriverOpts === undefined || DriverOpts === null ? {} : { DriverOpts }),
    ...(GwPriority ? { GwPriority } : {}),
    ...(MacAddress ? { MacAddress } : {}),
  };
}

export interface AskedNetworks {
  /** Of networks that are there by their names, of others as they were given. */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  /** By its id where the network was named by the beginning of that. */
  readonly mode: string;
  /** Of the first network; shown in the container's configuration. */
  readonly mac: string | undefined;
}

/**
 * The networks of a container that is made. One that is not there is an error when it starts. Throws `invalid` for
 * settings that a network cannot give.
 */
export function askedNetworks(parts: EngineParts, body: ContainerCreate, { NetworkMode: given }: Pick<HostConfig, 'NetworkMode'>): AskedNetworks {
  const mac = body.MacAddress || undefined;
  if (given.startsWith('container:')) return { endpoints: {}, mode: given, mac: undefined };
  const { store } = parts.networks();
  const find = (name: string) => store.search(name === 'default' ? 'bridge' : name);
  const main = find(given);
  const mode = main === undefined || main.name === given || main.id === given ? given : main.id;
  const nameOf = (name: string) => find(name)?.name ?? name;
  const all = Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {});
  const asked = all.length === 0 ? [[given, {}] as const] : all;
  const endpoints = new Map<string, EndpointSettings>();
  for (const [key, settings] of asked) {
    const name = nameOf(key);
    if (endpoints.has(name)) throw invalid(`network ${name} is named twice`);
    const own = withMac(askedOf(settings), name === nameOf(given) ? mac : undefined);
    endpoints.set(name, own);
    const network = find(key);
    if (network === undefined) continue;
    try {
      checkEndpoint(own, network);
    } catch (error) {
      throw error instanceof EngineError ? invalid(`invalid config for network ${network.name}: ${error.message}`) : error;
    }
  }
  const alone = main?.driver === 'host' || main?.driver === 'null';
  return { endpoints: Object.fromEntries(endpoints), mode, mac: alone ? undefined : endpoints.get(nameOf(given))?.MacAddress };
}

/** The container-wide address is that of its first network. */
function withMac(settings: EndpointSettings, mac: string | undefined): EndpointSettings {
  if (mac === undefined) return settings;
  if (settings.MacAddress !== undefined && settings.MacAddress !== mac)
    throw invalid('the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty');
  return { ...settings, MacAddress: mac };
}
