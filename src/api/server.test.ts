import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { get, ground, post, readUntil, talk } from '../../test/support/raw-http.ts';
import { EngineError } from '../base/errors.ts';
import type { Route } from './contract.ts';

const RAW = 'application/vnd.docker.raw-stream';

const echoJson: Route = { method: 'POST', path: '/echo', handler: async (request) => request.send((await request.json()) ?? null, 201) };
const hello: Route = { method: 'GET', path: '/hello/{name}', handler: (request) => request.send({ hello: request.params['name'], version: request.version }) };
/** Reads its body as JSON, then gives back what it gets in upper case; a mark at the end shows that the end came through. */
const upper: Route = {
  method: 'POST',
  path: '/upper',
  hijack: true,
  handler: async (request) => {
    const body = await request.json();
    if (request.query.flag('fail')) throw new EngineError('conflict', 'container x is not running');
    const stream = request.hijack({ type: RAW });
    stream.write(`[${JSON.stringify(body ?? null)}]`);
    stream.on('data', (chunk: Buffer) => stream.write(chunk.toString().toUpperCase()));
    stream.on('end', () => setImmediate(() => stream.end('<end>')));
  },
};

test("a document has dockerd's headers and its newline, and the connection serves the next request", async (t) => {
  const { path } = await ground(t, [hello]);
  const got = await talk(path, [get('/v1.41/hello/a%2Fb') + get('/hello/x', 'Connection: close\r\n')]);
  assert.match(
    got,
    /^HTTP\/1\.1 200 OK\r\nApi-Version: 1\.51\r\nDocker-Experimental: false\r\nOstype: linux\r\nServer: kobako\/0\.1\.0 \(linux\)\r\nDate: [^\r]+ GMT\r\nContent-Type: application\/json\r\nContent-Length: 29\r\n\r\n\{"hello":"a\/b","version":41\}\n/,
  );
  assert.match(got, /\r\nConnection: close\r\n\r\n\{"hello":"x","version":51\}\n$/);
});

test('ping says what clients ask for, with and without a body', async (t) => {
  const { path } = await ground(t, []);
  const got = await talk(path, [get('/_ping') + get('/_ping', 'Connection: close\r\n').replace('GET', 'HEAD')]);
  const [first = '', second = ''] = got.split(/(?<=\r\n\r\nOK)/);
  for (const line of [
    'Builder-Version: 2',
    'Cache-Control: no-cache, no-store, must-revalidate',
    'Pragma: no-cache',
    'Swarm: inactive',
    'Content-Type: text/plain; charset=utf-8',
  ]) {
    assert.ok(first.includes(`\r\n${line}\r\n`), line);
    assert.ok(second.includes(`\r\n${line}\r\n`), line);
  }
  assert.ok(first.includes('Content-Length: 2\r\n') && first.endsWith('\r\n\r\nOK'));
  assert.ok(second.includes('Content-Length: 0\r\n') && second.endsWith('\r\n\r\n'));
});

test('what dockerd answers to wrong versions, paths and methods', async (t) => {
  const { path } = await ground(t, [hello]);
  const ask = async (text: string): Promise<string> =>
    (await talk(path, [text.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')])).replace(/^(HTTP\/1\.1 \d+)[^]*?\r\n\r\n/, '$1 ');
  assert.equal(await ask(get('/nope')), 'HTTP/1.1 404 {"message":"page not found"}\n');
  assert.equal(await ask(post('/_ping', '')), 'HTTP/1.1 404 {"message":"page not found"}\n');
  assert.equal(await ask(get('/hello/x/')), 'HTTP/1.1 404 {"message":"page not found"}\n');
  assert.equal(await ask(get('/v1.99/hello/x')), 'HTTP/1.1 400 {"message":"client version 1.99 is too new. Maximum supported API version is 1.51"}\n');
  assert.match(
    await ask(get('/v1.12/hello/x')),
    /^HTTP\/1\.1 400 .*client version 1\.12 is too old\. Minimum supported API version is 1\.24, please upgrade your client to a newer version\n/s,
  );
  assert.match(
    await talk(path, [get('//hello//x?a=b', 'Connection: close\r\n')]),
    /^HTTP\/1\.1 301 [^]*\r\nLocation: \/hello\/x\?a=b\r\nContent-Length: 0\r\n/,
  );
  assert.match(await ask('OPTIONS /hello/x HTTP/1.1\r\nHost: d\r\n\r\n'), /^HTTP\/1\.1 200 /);
  assert.match(await ask('CONNECT d:80 HTTP/1.1\r\nHost: d\r\n\r\n'), /^HTTP\/1\.1 400 /);
});

test("what a handler throws is Docker's answer; only faults are logged", async (t) => {
  const throwing: Route = {
    method: 'GET',
    path: '/throw/{kind}',
    handler: (request) => {
      throw request.params['kind'] === 'bug' ? new TypeError('x is undefined') : new EngineError('not-found', 'No such container: x');
    },
  };
  const silent: Route = { method: 'GET', path: '/silent', handler: () => {} };
  const { path, log } = await ground(t, [throwing, silent]);
  assert.match(await talk(path, [get('/throw/it', 'Connection: close\r\n')]), /^HTTP\/1\.1 404 Not Found\r\n[^]*\{"message":"No such container: x"\}\n$/);
  assert.deepEqual(log, []);
  assert.match(await talk(path, [get('/throw/bug', 'Connection: close\r\n')]), /^HTTP\/1\.1 500 [^]*\{"message":"x is undefined"\}\n$/);
  assert.match(log[0]!, /^GET \/throw\/bug: TypeError: x is undefined\n\s+at /);
  assert.match(await talk(path, [get('/silent', 'Connection: close\r\n')]), /^HTTP\/1\.1 500 /);
});

for (const upgrade of [true, false]) {
  const common = 'Api-Version: 1.51\r\nDocker-Experimental: false\r\nOstype: linux\r\nServer: kobako/0.1.0 (linux)\r\n';
  const head = upgrade
    ? `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${RAW}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n${common}\r\n`
    : `HTTP/1.1 200 OK\r\nContent-Type: ${RAW}\r\n${common}\r\n`;
  const more = `Content-Type: application/json\r\n${upgrade ? 'Connection: Upgrade\r\nUpgrade: tcp\r\n' : ''}`;
  const chunked = `POST /upper HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n${more}\r\n`;
  const name = upgrade ? 'with Upgrade' : 'without Upgrade';

  test(`a hijacked connection ${name}: nothing that comes with the head is lost, the end of stdin comes through`, async (t) => {
    const { path } = await ground(t, [upper, hello]);
    for (const pieces of [
      [`${post('/upper', '{"a":1}', more)}early `, 'late'],
      [`${chunked}3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\nearly late`],
      [...`${chunked}7\r\n{"a":1}\r\n0\r\n\r\nearly late`],
      [get('/hello/x') + post('/upper', '{"a":1}', more), 'early late'],
    ]) {
      const socket = connect({ path, allowHalfOpen: true });
      for (const piece of pieces) {
        socket.write(piece);
        await sleep(1);
      }
      socket.end();
      const got = await readUntil(socket);
      assert.equal(got.slice(got.indexOf(head)), `${head}[{"a":1}]EARLY LATE<end>`, JSON.stringify(pieces));
    }
  });

  test(`a connection that was kept alive can be hijacked ${name}, and an early error leaves it as it was`, async (t) => {
    const { path } = await ground(t, [upper, hello, echoJson]);
    const socket = connect({ path, allowHalfOpen: true });
    for (let round = 0; round < 3; round++) {
      socket.write(get('/hello/x'));
      assert.match(await readUntil(socket, '}\n'), /^HTTP\/1\.1 200 OK/);
      socket.write(post('/echo', '{"b":2}'));
      assert.match(await readUntil(socket, '}\n'), /^HTTP\/1\.1 201 Created/);
      socket.write(post('/upper?fail=1', '{}', more));
      assert.match(await readUntil(socket, '}\n'), /^HTTP\/1\.1 409 Conflict\r\n[^]*\{"message":"container x is not running"\}\n$/);
    }
    socket.write(post('/upper', '', more));
    assert.equal(await readUntil(socket, ']'), `${head}[null]`);
    socket.write('abc');
    assert.equal(await readUntil(socket, 'C'), 'ABC');
    socket.end();
    assert.equal(await readUntil(socket), '<end>');
  });
}

test("node's own client hijacks a pooled connection", async (t) => {
  const { path } = await ground(t, [upper, hello]);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const first = httpRequest({ socketPath: path, path: '/hello/x', agent }).end();
  const [answer] = await once(first, 'response');
  assert.equal(await text(answer), '{"hello":"x","version":51}\n');
  const second = httpRequest({
    socketPath: path,
    path: '/upper',
    method: 'POST',
    agent,
    headers: { Connection: 'Upgrade', Upgrade: 'tcp', 'Content-Type': 'application/json' },
  });
  second.end('{}');
  const [response, socket, early] = (await once(second, 'upgrade')) as [{ statusCode: number }, Socket, Buffer];
  assert.equal(response.statusCode, 101);
  assert.ok(second.reusedSocket);
  if (early.length > 0) socket.unshift(early);
  socket.end('x');
  assert.equal(await text(socket), '[{}]X<end>');
});

test('another protocol than tcp is agreed to as it was asked for; a route that does not hijack cannot', async (t) => {
  const hijack: Route = {
    method: 'POST',
    path: '/session',
    hijack: true,
    handler: (request) => {
      request.hijack().end('h2');
    },
  };
  const { path } = await ground(t, [hijack, { ...hijack, path: '/plain', hijack: false }]);
  const ask = (to: string): Promise<string> => talk(path, [post(to, '', 'Connection: Upgrade\r\nUpgrade: h2c\r\n')], /h2$|\}\n$/);
  assert.match(await ask('/session'), /^HTTP\/1\.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nApi-Version: [^]*\r\n\r\nh2$/);
  assert.match(await ask('/plain'), /^HTTP\/1\.1 500 /);
});
