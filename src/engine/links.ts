/** Docker's legacy links: containers on the default network that are to be known by names of the linking one's choice. */
import { EngineError, invalid } from '../base/errors.ts';
import type { ContainerRecord } from './container-store.ts';
import type { EngineParts } from './parts.ts';
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

/** As `inspect` shows them, by the names of today: `/db:/web/alias`. What is no more is not shown. */
export function shownLinks({ store }: EngineParts, { name, hostConfig }: ContainerRecord): HostConfig['Links'] {
  if (hostConfig.Links === null) return null;
  return hostConfig.Links.flatMap((text) => {
    const [id = '', alias] = text.split(':');
    const other = store.load(id);
    return other === undefined ? [] : [`/${other.name}:/${name}/${alias}`];
  });
}
