import type { ApiRequest, Route } from '../contract.ts';

const HEADERS = {
  'Builder-Version': '2',
  'Cache-Control': 'no-cache, no-store, must-revalidate',
  Pragma: 'no-cache',
  Swarm: 'inactive',
};

/** `GET /_ping` and `HEAD /_ping`: what clients ask first, to learn the version. */
export const pingRoutes: readonly Route[] = (['GET', 'HEAD'] as const).map((method) => ({ method, path: '/_ping', handler: ping }));

function ping(request: ApiRequest): Promise<void> {
  return request.stream({ type: 'text/plain; charset=utf-8', headers: { ...HEADERS, 'Content-Length': request.method === 'HEAD' ? '0' : '2' } }).write('OK');
}
