/** What Docker's clients ask for and this engine does not have (yet), so that they go on: plugins, swarms. */
import { EngineError } from '../../base/errors.ts';
import type { ApiRequest, Route } from '../contract.ts';
import { later } from './later.ts';

const pluginRoutes: readonly Route[] = [
  { method: 'GET', path: '/plugins', handler: (request) => request.send([]) },
  { method: 'GET', path: '/plugins/{name...}/json', handler: noPlugin },
  { method: 'DELETE', path: '/plugins/{name...}', handler: noPlugin },
  { method: 'POST', path: '/plugins/pull', handler: later('there are no plugins') },
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

export const absentRoutes: readonly Route[] = [...pluginRoutes, ...swarmRoutes];

function noPlugin({ params }: ApiRequest): never {
  throw new EngineError('not-found', `plugin ${JSON.stringify(params['name'])} not found`);
}

function noManager(): never {
  throw new EngineError(
    'unavailable',
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  );
}
