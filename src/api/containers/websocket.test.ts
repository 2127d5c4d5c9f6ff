import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import type { Engine } from '../../engine/contract.ts';
import type { ApiRequest } from '../contract.ts';
import { SearchQuery } from '../query.ts';
import { streamRoutes } from './streams.ts';

const idle = () => new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
const HEADERS = { upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };

for (const path of ['/containers/{id}/attach', '/containers/{id}/attach/ws']) {
  test(`${path}: a client that has gone before it gets the streams leaves none open`, { timeout: 20_000 }, async () => {
    const client = idle().destroy();
    await once(client, 'close');
    const stream = idle();
    const request = {
      ...{ method: 'GET', path, version: 51, params: { id: 'c' }, headers: HEADERS, query: new SearchQuery('stdin=1&stream=1') },
      body: (async function* () {})(),
      hijack: () => client,
    } as unknown as ApiRequest;
    const engine = { containers: { attach: async () => ({ tty: true, stream }) } } as unknown as Engine;
    const route = streamRoutes.find((each) => each.path === path)!;
    await Promise.resolve(route.handler(request, engine)).catch((error: Error) => assert.equal(error.message, 'the client has gone'));
    assert.equal(stream.destroyed, true);
  });
}
