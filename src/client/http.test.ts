import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../base/errors.ts';
import { tempFor } from '../../test/support/temp.ts';
import { parseAddress } from './address.ts';
import { HttpClient, path } from './http.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function daemon(t: TestContext, answer: Answer, where: 'unix' | 'tcp' = 'unix'): Promise<{ server: Server; client: HttpClient; url: string }> {
  const server = createServer((request, response) => {
    if (request.url === '/_ping') return void response.writeHead(200, { 'api-version': '1.44' }).end('OK');
    answer(request, response);
  });
  const socket = `${tempFor(t)}/s`;
  await new Promise<void>((resolve) => (where === 'unix' ? server.listen(socket, resolve) : server.listen(0, '127.0.0.1', resolve)));
  const url = where === 'unix' ? `unix://${socket}` : `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new HttpClient(url);
  t.after(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return { server, client, url };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

const is = (kind: string, message: RegExp) => (error: unknown) => error instanceof EngineError && error.kind === kind && message.test(error.message);

test('addresses are read as DOCKER_HOST is', () => {
  assert.deepEqual(parseAddress('unix:///run/x.sock'), { url: 'unix:///run/x.sock', tls: false, socketPath: '/run/x.sock' });
  assert.deepEqual(parseAddress('tcp://[::1]:99'), { url: 'tcp://[::1]:99', tls: false, host: '::1', port: 99 });
  assert.equal(parseAddress('tcp://host').port, 2375);
  assert.equal(parseAddress('tcp://host:80').port, 80);
  assert.equal(parseAddress('tcp://host', true).port, 2376);
  for (const bad of ['', 'host:1', 'unix://relative', 'tcp://a b', 'tcp://u@h', 'tcp://h/path']) {
    assert.throws(() => parseAddress(bad), is('invalid', /./), bad);
  }
});

test('machines that are reached by ssh are read as docker reads them', () => {
  const of = (url: string) => {
    const { ssh, socketPath } = parseAddress(url);
    return [ssh, socketPath];
  };
  assert.deepEqual(of('ssh://box'), [{ host: 'box' }, undefined]);
  assert.deepEqual(of('ssh://me@box:2222/'), [{ host: 'box', user: 'me', port: 2222 }, undefined]);
  assert.deepEqual(of('ssh://[::1]/run/my%20k.sock'), [{ host: '::1' }, '/run/my k.sock']);
  for (const [bad, message] of [
    ['ssh://', /no host specified/],
    ['ssh://me:secret@box', /plain-text password is not supported/],
    ['ssh://box?x=y', /query parameters are not allowed/],
    ['ssh://box#x', /fragments are not allowed/],
    ['ssh://-oProxyCommand=x', /invalid host or user|no host specified/],
    ['ssh://-oProxyCommand=x@box', /invalid host or user/],
    ['ssh://box/%0a', /control characters/],
    ['ssh://box/%zz', /./],
  ] as const) {
    assert.throws(() => parseAddress(bad), is('invalid', message), bad);
  }
});

test('parts of a path cannot leave it', () => {
  assert.equal(path`/images/${'localhost:5000/a/b@sha256:1'}/json`, '/images/localhost:5000/a/b@sha256:1/json');
  assert.equal(path`/images/${'a?b#c d%2f'}/json`, '/images/a%3Fb%23c%20d%252f/json');
  for (const bad of ['', '..', 'a/../b', '/a', 'a//b', './a']) assert.throws(() => path`/images/${bad}/json`, is('invalid', /invalid reference/), bad);
});

for (const where of ['unix', 'tcp'] as const) {
  test(`documents over ${where}, with the version both know`, async (t) => {
    const { client } = await daemon(
      t,
      (request, response) => {
        void bodyOf(request).then((body) => response.end(JSON.stringify({ url: request.url, body, type: request.headers['content-type'] })));
      },
      where,
    );
    assert.equal(await client.version(), '1.44');
    const query = { all: true, no: undefined, names: ['a', 'b'], filters: { label: ['x=y'] } };
    assert.deepEqual(await client.json({ method: 'POST', path: '/x', query, json: { a: 1 } }), {
      url: `/v1.44/x?all=1&names=a&names=b&filters=${encodeURIComponent('{"label":["x=y"]}')}`,
      body: '{"a":1}',
      type: 'application/json',
    });
  });
}

test('what the daemon has against it has the kind of its status', async (t) => {
  const { client } = await daemon(t, (request, response) => {
    const status = Number(request.url!.split('/').at(-1));
    response.writeHead(status).end(status === 502 ? '<html>' : `{"message":"words ${status}"}`);
  });
  const kinds = { 400: 'invalid', 401: 'denied', 403: 'denied', 404: 'not-found', 409: 'conflict', 500: 'internal', 501: 'unavailable', 503: 'unavailable' };
  for (const [status, kind] of Object.entries(kinds)) {
    await assert.rejects(client.json({ method: 'GET', path: `/${status}` }), is(kind, new RegExp(`^words ${status}$`)));
  }
  await assert.rejects(client.json({ method: 'GET', path: '/502' }), is('unavailable', /502: <html>/));
  assert.equal(await client.status({ method: 'POST', path: '/304' }), 304);
});

test('nobody there, and somebody who hangs up', async (t) => {
  const gone = new HttpClient('unix:///nowhere/x.sock');
  await assert.rejects(
    gone.json({ method: 'GET', path: '/x' }),
    is('unavailable', /^Cannot connect to the Docker daemon at unix:\/\/\/nowhere\/x\.sock\. Is the docker daemon running\?$/),
  );
  const { client } = await daemon(t, (request) => request.socket.destroy());
  await assert.rejects(client.json({ method: 'POST', path: '/x' }), is('unavailable', /hang up/));
});

test('a kept connection that the daemon closed is no error, and POST does not use one', async (t) => {
  const ports = new Set<number | undefined>();
  const sockets: (() => void)[] = [];
  const { client } = await daemon(
    t,
    (request, response) => {
      ports.add(request.socket.remotePort);
      sockets.push(() => request.socket.destroy());
      response.end('{}');
    },
    'tcp',
  );
  for (let i = 0; i < 3; i++) await client.json({ method: 'GET', path: '/x' });
  assert.equal(ports.size, 1);
  sockets.forEach((end) => end());
  // the client has not seen it yet: no turn of the loop in between
  await client.json({ method: 'GET', path: '/x' });
  assert.equal(ports.size, 2);
  await client.json({ method: 'POST', path: '/x' });
  assert.equal(ports.size, 3);
});

test('streams: documents as they come, a broken one, one that nobody reads on', async (t) => {
  let go = () => {};
  const closed: boolean[] = [];
  const { client } = await daemon(t, (request, response) => {
    response.on('close', () => closed.push(true));
    response.write('{"a":1}\r\n{"b"');
    if (request.url!.endsWith('broken')) setTimeout(() => request.socket.destroy(), 10);
    else if (request.url!.endsWith('junk')) response.end('x\n');
    else go = () => response.end(':2}\n\n{"c":3}');
  });
  const seen: unknown[] = [];
  for await (const document of client.documents({ method: 'GET', path: '/fine' })) {
    seen.push(document);
    if (seen.length === 1) go();
  }
  assert.deepEqual(seen, [{ a: 1 }, { b: 2 }, { c: 3 }]);
  const all = async (at: string) => {
    for await (const _ of client.documents({ method: 'GET', path: at }));
  };
  await assert.rejects(all('/broken'), is('unavailable', /./));
  await assert.rejects(all('/junk'), is('unavailable', /no JSON/));
  closed.length = 0;
  for await (const _ of client.documents({ method: 'GET', path: '/left' })) break;
  while (closed.length === 0) await sleep(5);
});

test('a signal ends a request, and the reading of an answer', async (t) => {
  const { client } = await daemon(t, (request, response) => void (request.url!.endsWith('slow') || response.write('{"a":1}\n')));
  const first = new AbortController();
  const slow = client.json({ method: 'GET', path: '/slow', signal: first.signal });
  setTimeout(() => first.abort(), 20);
  await assert.rejects(slow, is('cancelled', /./));
  await assert.rejects(client.json({ method: 'GET', path: '/slow', signal: AbortSignal.abort() }), is('cancelled', /./));
  const second = new AbortController();
  await assert.rejects(
    async () => {
      for await (const _ of client.documents({ method: 'GET', path: '/x', signal: second.signal })) second.abort();
    },
    is('cancelled', /./),
  );
});

test('a body as a stream: sent whole, refused at once, or failing at its source', async (t) => {
  const { client, server } = await daemon(t, (request, response) => {
    if (request.url!.endsWith('refused')) return void response.writeHead(404).end('{"message":"not here"}');
    void bodyOf(request).then(
      (body) => response.end(JSON.stringify(body.length)),
      () => {},
    );
  });
  const chunks = async function* (count: number, failure?: Error) {
    for (let i = 0; i < count; i++) yield Buffer.alloc(1 << 16, 'x');
    if (failure !== undefined) throw failure;
  };
  const post = (at: string, bytes: AsyncIterable<Uint8Array>) => client.json({ method: 'POST', path: at, body: { type: 'application/x-tar', bytes } });
  assert.equal(await post('/whole', chunks(100)), 100 << 16);
  // who answers before it has all is sent the rest
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    response.flushHeaders();
    void bodyOf(request).then((body) => response.end(JSON.stringify(body.length)));
  });
  assert.equal(await post('/early', chunks(100)), 100 << 16);
  server.removeAllListeners('checkContinue');
  await assert.rejects(post('/refused', chunks(1000)), is('not-found', /^not here$/));
  await assert.rejects(post('/whole', chunks(3, new EngineError('invalid', 'no such file'))), is('invalid', /^no such file$/));
});

test('a connection is taken over, with what the request had, and half of it closed', async (t) => {
  const { client, server } = await daemon(t, (_request, response) => response.writeHead(409).end('{"message":"not running"}'));
  server.on('upgrade', (request, socket, head) => {
    if (request.url!.endsWith('refused')) return void socket.end('HTTP/1.1 409 Conflict\r\ncontent-length: 25\r\n\r\n{"message":"not running"}');
    socket.write('HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nfirst ');
    let text = head.toString();
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('end', () => socket.end(text.replace(/^\{.*?\}/s, '')));
  });
  const { stream, type } = await client.hijack({ method: 'POST', path: '/attach' });
  assert.equal(type, 'application/vnd.docker.raw-stream');
  stream.end('typed');
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  assert.equal(text, 'first typed');
  await assert.rejects(client.hijack({ method: 'POST', path: '/refused' }), is('conflict', /^not running$/));
});
