/** Volumes over HTTP. */
import { EngineError } from '../base/errors.ts';
import type { Volume, VolumesPruned } from '../engine/types/volume.ts';
import type { Volumes } from '../engine/volumes-contract.ts';
import { path, type HttpClient } from './http.ts';

function volumePath(name: string): string {
  if (name === '') throw new EngineError('invalid', 'invalid volume name: value is empty');
  return path`/volumes/${name}`;
}

export function volumesClient(http: HttpClient): Volumes {
  return {
    create: (body = {}) => http.json<Volume>({ method: 'POST', path: '/volumes/create', json: body }),
    list: async (filters) => {
      const found = await http.json<Awaited<ReturnType<Volumes['list']>>>({ method: 'GET', path: '/volumes', query: { filters } });
      return { Volumes: found.Volumes ?? [], Warnings: found.Warnings };
    },
    inspect: async (name) => http.json<Volume>({ method: 'GET', path: volumePath(name) }),
    remove: async (name, { force } = {}) => void (await http.status({ method: 'DELETE', path: volumePath(name), query: { force: force || undefined } })),
    prune: async (filters) => {
      const done = await http.json<VolumesPruned>({ method: 'POST', path: '/volumes/prune', query: { filters } });
      return { VolumesDeleted: done.VolumesDeleted ?? [], SpaceReclaimed: done.SpaceReclaimed };
    },
  };
}
