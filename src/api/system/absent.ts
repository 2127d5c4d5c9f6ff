/** What Docker's clients ask for and this engine does not have (yet), so that they go on: volumes, plugins, swarms, builds. */
import { EngineError, invalid } from '../../base/errors.ts';
import type { ApiRequest, Route } from '../contract.ts';
import { later } from './later.ts';

const BUILDS = 'builds come with a later version';
const VOLUMES = 'volumes come with a later version';
const VOLUME_FILTERS = ['dangling', 'driver', 'label', 'label!', 'name', 'all'];

const volumeRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/volumes',
    handler: (request) => {
      for (const key of Object.keys(request.query.filters())) if (!VOLUME_FILTERS.includes(key)) throw invalid(`invalid filter '${key}'`);
      request.send({ Volumes: [], Warnings: null });
    },
  },
  { method: 'GET', path: '/volumes/{name}', handler: noVolume },
  { method: 'PUT', path: '/volumes/{name}', handler: noVolume },
  { method: 'DELETE', path: '/volumes/{name}', handler: noVolume },
  { method: 'POST', path: '/volumes/create', handler: later(VOLUMES) },
  { method: 'POST', path: '/volumes/prune', handler: (request) => request.send({ VolumesDeleted: [], SpaceReclaimed: 0 }) },
];

const pluginRoutes: readonly Route[] = [
  { method: 'GET', path: '/plugins', handler: (request) => request.send([]) },
  { method: 'GET', path: '/plugins/{name...}/json', handler: noPlugin },
  { method: 'DELETE', path: '/plugins/{name...}', handler: noPlugin },
  { method: 'POST', path: '/plugins/pull', handler: later('there are no plugins') },
];

const buildRoutes: readonly Route[] = [
  { method: 'POST', path: '/build', handler: later(BUILDS) },
  { method: 'POST', path: '/build/cancel', handler: later(BUILDS) },
  { method: 'POST', path: '/build/prune', handler: (request) => request.send({ CachesDeleted: null, SpaceReclaimed: 0 }) },
  { method: 'POST', path: '/session', handler: later(BUILDS) },
  { method: 'POST', path: '/grpc', handler: later(BUILDS) },
];

const SWARM_OBJECTS = ['nodes', 'services', 'tasks', 'secrets', 'configs'];

const swarmRoutes: readonly Route[] = [
  { method: 'GET', path: '/swarm', handler: noManager },
  { method: 'GET', path: '/swarm/unlockkey', handler: noManager },
  { method: 'POST', path: '/swarm/update', handler: noManager },
  { method: 'POST', path: '/swarm/unlock', handler: noManager },
  { method: 'POST', path: '/swarm/init', handler: later('there is no swarm mode') },
  { method: 'POST', path: '/swarm/join', handler: later('there is no swarm mode') },
  {
    method: 'POST',
    path: '/swarm/leave',
    handler: () => {
      throw new EngineError('unavailable', 'This node is not part of a swarm');
    },
  },
  ...SWARM_OBJECTS.flatMap((objects): readonly Route[] => [
    { method: 'GET', path: `/${objects}`, handler: noManager },
    { method: 'POST', path: `/${objects}/create`, handler: noManager },
    { method: 'GET', path: `/${objects}/{id}`, handler: noManager },
    { method: 'DELETE', path: `/${objects}/{id}`, handler: noManager },
    { method: 'POST', path: `/${objects}/{id}/update`, handler: noManager },
  ]),
];

export const absentRoutes: readonly Route[] = [...volumeRoutes, ...pluginRoutes, ...buildRoutes, ...swarmRoutes];

function noVolume({ params }: ApiRequest): never {
  throw new EngineError('not-found', `get ${params['name']}: no such volume`);
}

function noPlugin({ params }: ApiRequest): never {
  throw new EngineError('not-found', `plugin ${JSON.stringify(params['name'])} not found`);
}

function noManager(): never {
  throw new EngineError(
    'unavailable',
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  );
}
