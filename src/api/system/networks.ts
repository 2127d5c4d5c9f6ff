/** The networks that every engine has; others come with a later version. */
import { EngineError, invalid } from '../../base/errors.ts';
import type { Engine } from '../../engine/contract.ts';
import { predefinedNetworks, type NetworkInspect } from '../../engine/types/predefined-networks.ts';
import type { ApiRequest, Route } from '../contract.ts';
import { later } from './later.ts';

const STARTED = new Date().toISOString();
const LATER = 'networks come with a later version: bridge, host and none are there';

export const networkRoutes: readonly Route[] = [
  { method: 'GET', path: '/networks', handler: async (request, engine) => request.send(filtered(await all(engine), request.query.filters())) },
  { method: 'GET', path: '/networks/{id}', handler: async (request, engine) => request.send(await find(request, engine)) },
  {
    method: 'DELETE',
    path: '/networks/{id}',
    handler: async (request, engine) => {
      const { Name } = await find(request, engine);
      throw new EngineError('denied', `${Name} is a pre-defined network and cannot be removed`);
    },
  },
  { method: 'POST', path: '/networks/create', handler: later(LATER) },
  { method: 'POST', path: '/networks/{id}/connect', handler: later(LATER) },
  { method: 'POST', path: '/networks/{id}/disconnect', handler: later(LATER) },
  { method: 'POST', path: '/networks/prune', handler: (request) => request.send({ NetworksDeleted: null }) },
];

async function all({ system }: Engine): Promise<readonly NetworkInspect[]> {
  return predefinedNetworks((await system.info()).ID, STARTED);
}

async function find({ params }: ApiRequest, engine: Engine): Promise<NetworkInspect> {
  const id = params['id']!;
  const networks = await all(engine);
  const found = networks.find(({ Name, Id }) => Name === id || Id === id) ?? networks.find(({ Id }) => id !== '' && Id.startsWith(id));
  if (found === undefined) throw new EngineError('not-found', `network ${id} not found`);
  return found;
}

function filtered(networks: readonly NetworkInspect[], filters: Readonly<Record<string, readonly string[]>>): readonly NetworkInspect[] {
  const tests = Object.entries(filters).flatMap(([key, values]) => (values.length === 0 ? [] : [test(key, values)]));
  return networks.filter((network) => tests.every((matches) => matches(network)));
}

function test(key: string, values: readonly string[]): (network: NetworkInspect) => boolean {
  switch (key) {
    case 'id':
      return ({ Id }) => values.some((value) => Id.startsWith(value));
    case 'name':
      return ({ Name }) => values.some((value) => Name.includes(value));
    case 'driver':
      return ({ Driver }) => values.includes(Driver);
    case 'scope':
      return ({ Scope }) => values.includes(Scope);
    case 'type':
      for (const value of values) if (value !== 'builtin' && value !== 'custom') throw invalid(`invalid filter: 'type'='${value}'`);
      return () => values.includes('builtin');
    case 'label':
      return () => false;
    case 'dangling':
      return () => !values.some((value) => value === 'true' || value === '1');
    default:
      throw invalid(`invalid filter '${key}'`);
  }
}
