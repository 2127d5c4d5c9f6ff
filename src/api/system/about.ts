/** The engine as a whole: info, version, disk usage. */
import type { Route } from '../contract.ts';
import { summaryFor } from '../images/versions.ts';

export const aboutRoutes: readonly Route[] = [
  { method: 'GET', path: '/info', handler: async (request, { system }) => request.send(await system.info()) },
  { method: 'GET', path: '/version', handler: async (request, { system }) => request.send(await system.version()) },
  {
    method: 'GET',
    path: '/system/df',
    handler: async (request, { system }) => {
      // older clients are told everything
      const types = request.version < 42 ? [] : request.query.list('type');
      const usage = await system.df(types);
      request.send({ ...usage, Images: usage.Images?.map((image) => summaryFor(image, request.version)) ?? null });
    },
  },
];
