/** Docker's legacy links: containers on the default network that are to be known by names of the linking one's choice. */
import { EngineError, invalid } from '../base/errors.ts';
import { placesOfContainer } from './attached.ts';
import { isRunning } from './container-stop.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './parts.ts';
import { readExposed } from './port-checks.ts';
import type { HostConfig } from './types/container.ts';
import { isUserDefined } from './types/predefined-networks.ts';

/** `ID:ALIAS`, `NAME:ALIAS` or `NAME` as `ID:ALIAS` each. On a network that somebody made they mean nothing. Throws `invalid`. */
export function linksById({ store }: EngineParts, { Links, NetworkMode }: Pick<HostConfig, 'Links' | 'NetworkMode'>): HostConfig['Links'] {
  if (Links === null || isUserDefined(NetworkMode)) return null;
  return Links.map((text) => {
    if (text === '') throw invalid('empty string specified for links');
    const [name = '', alias = name, ...more] = text.split(':');
    if (name === '' || alias === '' || more.length > 0) throw invalid(`bad format for links: ${text}`);
    if (/[\s\p{Cc}/]/u.test(alias.replace(/^\/+/, ''))) throw invalid(`bad format for links: ${text}`);
    try {
      return `${store.find(name).id}:${alias.replace(/^\/+/, '')}`;
    } catch (error) {
      throw error instanceof EngineError ? invalid(`could not get container for ${name}: ${error.message}`) : error;
    }
  });
}

/**
 * The variables by which a container on the default network knows those that it is linked to (Docker's legacy links):
 * `DB_PORT_5432_TCP_ADDR` and so on. Throws in Docker's words where one of them does not run there.
 */
export function linkVariables(parts: EngineParts, { name: own, hostConfig, attached = {} }: ContainerRecord): readonly string[] {
  const bridge = parts.networks().store.find('bridge').id;
  if (attached[bridge] === undefined) return [];
  return (hostConfig.Links ?? []).flatMap((text) => {
    const [id = '', alias = ''] = text.split(':');
    const other = parts.store.load(id);
    if (other === undefined) return [];
    if (!isRunning(parts, other)) throw new EngineError('internal', `Cannot link to a non running container: /${other.name} AS /${own}/${alias}`);
    const address = placesOfContainer(parts, other)[bridge]?.IPAddress;
    if (!address) throw new EngineError('internal', `container ${other.id} not attached to default bridge network`);
    return variablesOf(`/${own}/${alias}`, alias.toUpperCase().replaceAll('-', '_'), address, other);
  });
}

function variablesOf(link: string, prefix: string, address: string, { config }: ContainerRecord): string[] {
  const ports = Object.keys(config.ExposedPorts ?? {})
    .flatMap(readExposed)
    .toSorted((a, b) => Number(b.protocol === 'tcp') - Number(a.protocol === 'tcp') || a.port - b.port);
  type Exposed = (typeof ports)[number];
  const at = ({ port, protocol }: Exposed) => `${protocol}://${address}:${port}`;
  const nameOf = ({ port, protocol }: Exposed) => `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
  const exposes = ({ port, protocol }: Exposed, step: number) => ports.find((each) => each.protocol === protocol && each.port === port + step);
  const ranges = ports.flatMap((from): string[] => {
    if (exposes(from, -1) !== undefined) return [];
    let to = from;
    for (let next = exposes(from, 1); next !== undefined; next = exposes(next, 1)) to = next;
    const name = nameOf(from);
    return to === from ? [] : [`${name}_START=${at(from)}`, `${name}_PORT_START=${from.port}`, `${name}_END=${at(to)}`, `${name}_PORT_END=${to.port}`];
  });
  const [first] = ports;
  return [
    ...(first === undefined ? [] : [`${prefix}_PORT=${at(first)}`]),
    ...ports.flatMap((each) => {
      const name = nameOf(each);
      return [`${name}=${at(each)}`, `${name}_ADDR=${address}`, `${name}_PORT=${each.port}`, `${name}_PROTO=${each.protocol}`];
    }),
    ...ranges,
    `${prefix}_NAME=${link}`,
    ...(config.Env ?? []).filter((entry) => entry.includes('=') && !/^(HOME|PATH)=/.test(entry)).map((entry) => `${prefix}_ENV_${entry}`),
  ];
}

/** As `inspect` shows them, by the names of today: `/db:/web/alias`. What is no more is not shown. */
export function shownLinks({ store }: EngineParts, { name, hostConfig }: ContainerRecord): HostConfig['Links'] {
  if (hostConfig.Links === null) return null;
  return hostConfig.Links.flatMap((text) => {
    const [id = '', alias] = text.split(':');
    const other = store.load(id);
    return other === undefined ? [] : [`/${other.name}:/${name}/${alias}`];
  });
}
