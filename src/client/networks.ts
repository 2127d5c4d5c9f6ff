/** Networks over HTTP. */
import { invalid } from '../base/errors.ts';
import type { Networks } from '../engine/networks-contract.ts';
import type { NetworkCreated, NetworkInspect, NetworksPruned } from '../engine/types/network.ts';
import type { HttpClient } from './http.ts';

/** A network's path: its name may have slashes. Throws `invalid` for none. */
function networkPath(name: string, rest = ''): string {
  if (['', '.', '..'].includes(name.trim())) throw invalid(`invalid network name or ID: ${name === '' ? 'value is empty' : name}`);
  return `/networks/${encodeURIComponent(name)}${rest}`;
}

export function remoteNetworks(http: HttpClient): Networks {
  return {
    create: (body) => http.json<NetworkCreated>({ method: 'POST', path: '/networks/create', json: body }),
    list: (filters) => http.json<readonly NetworkInspect[]>({ method: 'GET', path: '/networks', query: { filters } }),
    inspect: async (name, { scope, verbose } = {}) =>
      http.json<NetworkInspect>({ method: 'GET', path: networkPath(name), query: { scope, verbose: verbose || undefined } }),
    remove: async (name) => void (await http.status({ method: 'DELETE', path: networkPath(name) })),
    prune: (filters) => http.json<NetworksPruned>({ method: 'POST', path: '/networks/prune', query: { filters } }),
    connect: async (network, container, endpoint) => {
      const json = { Container: container, ...(endpoint === undefined ? {} : { EndpointConfig: endpoint }) };
      await http.status({ method: 'POST', path: networkPath(network, '/connect'), json });
    },
    disconnect: async (network, container, { force = false } = {}) =>
      void (await http.status({ method: 'POST', path: networkPath(network, '/disconnect'), json: { Container: container, Force: force } })),
  };
}
