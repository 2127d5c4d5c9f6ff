/** From a container's creation to its removal. */
import { invalid } from '../../base/errors.ts';
import type { WaitCondition } from '../../engine/containers-contract.ts';
import type { ApiRequest, Route } from '../contract.ts';
import { underLease } from '../kobako/under-lease.ts';
import { decodeContainerCreate } from './create-body.ts';

/** What a request names, and how long and with which signal to stop it. */
const id = ({ params }: ApiRequest) => params['id']!;
const stopOptions = ({ query }: ApiRequest) => ({ signal: query.text('signal'), timeout: query.integer('t') });

export const lifecycleRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/containers/json',
    handler: async (request, { containers }) => {
      const { query } = request;
      const limit = query.integer('limit');
      const options = { all: query.flag('all'), limit: limit === undefined || limit < 0 ? 0 : limit, size: query.flag('size'), filters: query.filters() };
      request.send(await containers.list(options));
    },
  },
  {
    method: 'POST',
    path: '/containers/create',
    handler: async (request, { containers }) => {
      const body = underLease(request, decodeContainerCreate(await request.json()));
      const { query } = request;
      request.send(await containers.create(body, { name: query.text('name'), platform: query.text('platform') }), 201);
    },
  },
  {
    method: 'POST',
    path: '/containers/prune',
    handler: async (request, { containers }) => request.send(await containers.prune(request.query.filters())),
  },
  {
    method: 'GET',
    path: '/containers/{id}/json',
    handler: async (request, { containers }) => request.send(await containers.inspect(id(request), { size: request.query.flag('size') })),
  },
  {
    method: 'POST',
    path: '/containers/{id}/start',
    handler: async (request, { containers }) => request.end((await containers.start(id(request))) ? 204 : 304),
  },
  {
    method: 'POST',
    path: '/containers/{id}/stop',
    handler: async (request, { containers }) => request.end((await containers.stop(id(request), stopOptions(request))) ? 204 : 304),
  },
  {
    method: 'POST',
    path: '/containers/{id}/restart',
    handler: async (request, { containers }) => {
      await containers.restart(id(request), stopOptions(request));
      request.end();
    },
  },
  {
    method: 'POST',
    path: '/containers/{id}/kill',
    handler: async (request, { containers }) => {
      await containers.kill(id(request), request.query.text('signal'));
      request.end();
    },
  },
  {
    method: 'POST',
    path: '/containers/{id}/pause',
    handler: async (request, { containers }) => {
      await containers.pause(id(request));
      request.end();
    },
  },
  {
    method: 'POST',
    path: '/containers/{id}/unpause',
    handler: async (request, { containers }) => {
      await containers.unpause(id(request));
      request.end();
    },
  },
  {
    method: 'POST',
    path: '/containers/{id}/rename',
    handler: async (request, { containers }) => {
      await containers.rename(id(request), request.query.text('name') ?? '');
      request.end();
    },
  },
  {
    method: 'POST',
    path: '/containers/{id}/wait',
    handler: async (request, { containers }) => {
      const condition = waitCondition(request.query.text('condition'));
      const container = id(request);
      // the head tells that nothing is missed from now on
      let answer: ReturnType<ApiRequest['stream']> | undefined;
      const started = () => (answer = request.stream({ type: 'application/json' })).flush();
      const result = await containers.wait(container, { condition, signal: request.signal, started });
      answer?.end(`${JSON.stringify(result)}\n`);
    },
  },
  {
    method: 'DELETE',
    path: '/containers/{id}',
    handler: async (request, { containers }) => {
      const { query } = request;
      await containers.remove(id(request), { force: query.flag('force'), volumes: query.flag('v'), link: query.flag('link') });
      request.end();
    },
  },
];

function waitCondition(text: string | undefined): WaitCondition {
  if (text === undefined || text === '') return 'not-running';
  if (text === 'not-running' || text === 'next-exit' || text === 'removed') return text;
  throw invalid(`invalid condition: "${text}"`);
}
