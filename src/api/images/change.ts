/** Names given and taken away: tag, delete, prune. */
import type { ImagesPruned } from '../../engine/types/image.ts';
import type { Route } from '../contract.ts';
import { platformText, taggedName } from './names.ts';

export const tag: Route['handler'] = async (request, { images }) => {
  const { params, query } = request;
  const name = taggedName(images, query.text('repo'), query.text('tag'));
  // as dockerd: to be given no name is no error
  if (name === undefined) return request.end(200);
  await images.tag(params['name']!, name);
  request.end(201);
};

export const remove: Route['handler'] = async (request, { images }) => {
  const { params, query, version } = request;
  const platforms = version >= 50 ? query.list('platforms').map(platformText) : [];
  request.send(await images.remove(params['name']!, { force: query.flag('force'), platforms }));
};

export const prune: Route['handler'] = async (request, { images }) => {
  const { removed, bytes } = await images.prune({ filters: request.query.filters() });
  request.send({ ImagesDeleted: removed.length === 0 ? null : removed, SpaceReclaimed: bytes } satisfies ImagesPruned);
};
