import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { tempFor } from '../../../test/support/temp.ts';
import { peerHasGone } from './peer.ts';

for (const [kind, address] of [
  ['a Unix socket', (folder: string) => ({ path: `${folder}/socket` })],
  ['TCP', () => ({ host: '127.0.0.1', port: 0 })],
] as const) {
  test(`${kind}: half a connection is no hang-up`, async (t) => {
    const where = address(tempFor(t));
    const server = createServer({ allowHalfOpen: true }).listen(where);
    t.after(() => server.close());
    await once(server, 'listening');
    const bound = server.address();
    const client = connect({ ...(typeof bound === 'string' ? { path: bound } : { port: bound!.port }), allowHalfOpen: true });
    const [ours] = (await once(server, 'connection')) as [Socket];
    t.after(() => ours.destroy());
    assert.equal(peerHasGone(ours), false);
    client.end();
    ours.resume();
    await once(ours, 'end');
    assert.equal(peerHasGone(ours), false);
    client.destroy();
    await once(client, 'close');
    assert.equal(peerHasGone(ours), kind === 'a Unix socket');
    ours.destroy();
    assert.equal(peerHasGone(ours), false);
  });
}
