/** Networks, from their creation to their removal. */
import { parseBool } from '../../base/parse-bool.ts';
import { underLease } from '../kobako/under-lease.ts';
import { invalid } from '../../base/errors.ts';
import type { ApiRequest, Route } from '../contract.ts';
import { decodeConnect, decodeDisconnect, decodeNetworkCreate } from './bodies.ts';

const id = ({ params }: ApiRequest) => params['id']!;

export const networkRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/networks',
    handler: async (request, { networks }) => request.send(await networks.list(request.query.filters())),
  },
  {
    method: 'GET',
    path: '/networks/{id}',
    handler: async (request, { networks }) => {
      const { query } = request;
      request.send(await networks.inspect(id(request), { scope: query.text('scope'), verbose: verboseOf(query.text('verbose')) }));
    },
  },
  {
    method: 'POST',
    path: '/networks/create',
    handler: async (request, { networks }) => request.send(await networks.create(underLease(request, decodeNetworkCreate(await request.json()))), 201),
  },
  {
    method: 'POST',
    path: '/networks/prune',
    handler: async (request, { networks }) => request.send(await networks.prune(request.query.filters())),
  },
  {
    method: 'DELETE',
    path: '/networks/{id}',
    handler: async (request, { networks }) => {
      await networks.remove(id(request));
      request.end();
    },
  },
  {
    method: 'POST',
    path: '/networks/{id}/connect',
    handler: async (request, { networks }) => {
      const { Container, EndpointConfig } = decodeConnect(await request.json());
      await networks.connect(id(request), Container, EndpointConfig);
      request.end(200);
    },
  },
  {
    method: 'POST',
    path: '/networks/{id}/disconnect',
    handler: async (request, { networks }) => {
      const { Container, Force } = decodeDisconnect(await request.json());
      await networks.disconnect(id(request), Container, { force: Force });
      request.end(200);
    },
  },
];

function verboseOf(text: string | undefined): boolean {
  if (text === undefined || text === '') return false;
  const verbose = parseBool(text);
  if (verbose !== undefined) return verbose;
  throw invalid(`invalid value for verbose: ${text}: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}
