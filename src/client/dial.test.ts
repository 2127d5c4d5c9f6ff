import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { createServer } from 'node:tls';
import { makeAuthority } from '../../test/support/certificates.ts';
import { parseAddress } from './address.ts';
import { dial } from './dial.ts';

const authority = makeAuthority();

/** Where a daemon would listen whose certificate is for that. */
async function listen(t: TestContext, name: string): Promise<number> {
  const server = createServer(authority.issue([name]), (socket) => socket.on('error', () => {}).end('hello'));
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test('by TLS to an address: its certificate is checked for that, and nobody is warned of anything', async (t) => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on('warning', warned);
  t.after(() => process.off('warning', warned));
  const to = async (name: string) => {
    const socket = dial(parseAddress(`tcp://127.0.0.1:${await listen(t, name)}`, true), { tls: { ca: authority.cert } });
    t.after(() => socket.destroy());
    return socket;
  };
  const [hello] = (await once(await to('127.0.0.1'), 'data')) as [Buffer];
  assert.equal(hello.toString(), 'hello');
  await assert.rejects(once(await to('127.0.0.2'), 'secureConnect'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  await turn();
  assert.deepEqual(warnings, []);
});
