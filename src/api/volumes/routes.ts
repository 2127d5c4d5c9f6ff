/** Volumes: make, list, look at, remove. */
import { underLease } from '../kobako/under-lease.ts';
import { EngineError } from '../../base/errors.ts';
import type { Engine } from '../../engine/contract.ts';
import type { ApiRequest, Route } from '../contract.ts';
import { decodeVolumeCreate, wantsCluster } from './create-body.ts';

/** Since then only anonymous volumes are pruned where nothing else is said. */
const PRUNES_ANONYMOUS = 42;

export const volumeRoutes: readonly Route[] = [
  { method: 'GET', path: '/volumes', handler: async (request, { volumes }) => request.send(await volumes.list(request.query.filters())) },
  { method: 'GET', path: '/volumes/{name}', handler: async (request, { volumes }) => request.send(await volumes.inspect(request.params['name']!)) },
  { method: 'POST', path: '/volumes/create', handler: create },
  { method: 'POST', path: '/volumes/prune', handler: prune },
  {
    method: 'PUT',
    path: '/volumes/{name}',
    handler: () => {
      throw new EngineError('unavailable', 'volume update only valid for cluster volumes, but swarm is unavailable');
    },
  },
  {
    method: 'DELETE',
    path: '/volumes/{name}',
    handler: async (request, { volumes }) => {
      await volumes.remove(request.params['name']!, { force: request.query.flag('force') });
      request.end();
    },
  },
];

async function create(request: ApiRequest, { volumes }: Engine): Promise<void> {
  const body = await request.json();
  if (wantsCluster(body)) throw notManager();
  request.send(await volumes.create(underLease(request, decodeVolumeCreate(body))), 201);
}

async function prune(request: ApiRequest, { volumes }: Engine): Promise<void> {
  const filters = request.query.filters();
  const everything = request.version < PRUNES_ANONYMOUS && filters['all'] === undefined;
  request.send(await volumes.prune(everything ? { ...filters, all: ['true'] } : filters));
}

/** Volumes of a cluster there are in a swarm only. */
function notManager(): EngineError {
  return new EngineError(
    'unavailable',
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  );
}
