/** The older builder's door: `POST /build`; and the build cache. */
import { EngineError } from '../../base/errors.ts';
import type { ApiRequest, Route } from '../contract.ts';
import { MessageQueue } from '../json-messages.ts';
import { classicError, classicLines, isBegun, resultLines } from './messages.ts';
import { buildNames, buildParameters } from './parameters.ts';

const build: Route['handler'] = async (request, { builds, images }) => {
  const parameters = buildParameters(request);
  const names = buildNames(request).map((name) => images.familiarName(name));
  const quiet = request.query.flag('q');
  const out = new MessageQueue(request);
  try {
    const result = await builds.build({
      ...parameters,
      exporters: [{ type: 'image', names }],
      onEvent: (event) => {
        if (!quiet) for (const line of classicLines(event)) out.add(undefined, line);
      },
    });
    for (const line of resultLines(result, names, quiet)) out.add(undefined, line);
  } catch (error) {
    // who has closed his half of the connection, too: nobody builds for him
    if (request.signal.aborted && !out.opened) throw new EngineError('invalid', 'the build was given up: its client has gone', { cause: error });
    if (!out.opened && !isBegun(error)) throw error;
    out.add(undefined, classicError(error));
  }
  await out.end();
};

const cancel: Route['handler'] = async (request, { builds }) => {
  await builds.cancel(request.query.text('id') ?? '');
  request.end(204);
};

const prune: Route['handler'] = async (request, { builds }) => {
  const { query } = request;
  const { removed, bytes } = await builds.prune({
    all: query.flag('all'),
    filters: query.filters(),
    reservedSpace: space(request, 'reserved-space') ?? space(request, 'keep-storage'),
    maxUsedSpace: space(request, 'max-used-space'),
    minFreeSpace: space(request, 'min-free-space'),
  });
  request.send({ CachesDeleted: removed.length === 0 ? null : removed, SpaceReclaimed: bytes });
};

function space({ query }: ApiRequest, name: string): number | undefined {
  return query.integer(name);
}

export const buildRoutes: readonly Route[] = [
  { method: 'POST', path: '/build', handler: build },
  { method: 'POST', path: '/build/cancel', handler: cancel },
  { method: 'POST', path: '/build/prune', handler: prune },
];
