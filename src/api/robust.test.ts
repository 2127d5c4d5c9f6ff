/** Clients that mean harm, or know no better. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { get, ground, post, readUntil, talk } from '../../test/support/raw-http.ts';
import type { Route } from './contract.ts';

const LIMITS = { headBytes: 8192, headMs: 150, idleMs: 400, lingerMs: 150 };
const routes: readonly Route[] = [
  { method: 'GET', path: '/x/{name...}', handler: (request) => request.send(request.params) },
  { method: 'GET', path: '/query', handler: (request) => request.send([request.query.filters(), request.query.text('a'), request.query.integer('n')]) },
  { method: 'POST', path: '/echo', handler: async (request) => request.send((await request.json()) ?? null) },
  { method: 'POST', path: '/ignore', handler: (request) => request.end() },
  {
    method: 'POST',
    path: '/upload',
    handler: async (request) => {
      let size = 0;
      for await (const piece of request.body) size += (piece as Buffer).length;
      request.send(size);
    },
  },
  {
    method: 'POST',
    path: '/hijack',
    hijack: true,
    handler: async (request) => {
      await request.json();
      const stream = request.hijack({ type: 'application/vnd.docker.raw-stream' });
      stream.pipe(stream);
    },
  },
  {
    method: 'GET',
    path: '/stream',
    handler: async (request) => {
      const answer = request.stream({ type: 'text/plain' });
      for (let round = 0; round < 20; round++) await answer.write('x'.repeat(1000));
    },
  },
];

test('what is no request is answered once, and the connection ends', async (t) => {
  const { path } = await ground(t, routes);
  for (const [status, text] of [
    [400, 'nonsense\r\n\r\n'],
    [400, 'GET /_ping HTTP/1.1\r\n\r\n'],
    [400, 'POST /ignore HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /_ping HTTP/1.1\r\nHost: d\r\n\r\n'],
    [431, `GET /${'x'.repeat(300_000)}`],
    [505, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ] as const) {
    const got = await talk(path, [text]);
    assert.match(
      got,
      new RegExp(`^HTTP/1\\.1 ${status} [^\\r]*\\r\\nContent-Type: text/plain; charset=utf-8\\r\\nConnection: close\\r\\n\\r\\n${status} [^\\r\\n]*$`),
    );
  }
});

test('a body that is no HTTP fails its request, and nothing after it is a request', async (t) => {
  const { path } = await ground(t, routes);
  const head = (to: string): string => `POST ${to} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  for (const pieces of [
    [`${head('/echo')}zz\r\n${get('/_ping')}`],
    [head('/echo'), `2\r\n{}XX${get('/_ping')}`],
    [head('/upload'), '5\nhello\n', get('/_ping')],
  ]) {
    const got = await talk(path, pieces);
    assert.match(got, /^HTTP\/1\.1 400 [^]*\{"message":"malformed chunked encoding[^"]*"\}\n$/);
    assert.equal(got.split('HTTP/1.1').length, 2);
  }
  assert.match(await talk(path, [head('/ignore'), `zz\r\n${get('/_ping')}`]), /^HTTP\/1\.1 204 [^]*\r\n\r\n$/);
});

test('slow heads and idle connections end in time; those that wait for an answer do not', async (t) => {
  const { path } = await ground(t, [...routes, { method: 'GET', path: '/slow', handler: async (request) => (await sleep(1000), request.send('late')) }], {
    limits: LIMITS,
  });
  const drip = connect(path);
  drip.write('GET /_ping HTTP/1.1\r\n');
  const dripping = setInterval(() => drip.write('X: y\r\n'), 20);
  const slow = connect(path);
  slow.write(get('/slow', 'Connection: close\r\n'));
  const idle = connect(path);
  const kept = connect(path);
  kept.write(get('/_ping'));
  const [dripped, waited, idled, kept1] = await Promise.all([drip, slow, idle, kept].map((socket) => readUntil(socket)));
  clearInterval(dripping);
  assert.match(dripped!, /^HTTP\/1\.1 408 /);
  assert.match(waited!, /"late"\n$/);
  assert.equal(idled, '');
  assert.match(kept1!, /^HTTP\/1\.1 200 [^]*OK$/);
});

test('a client that does not take its last answer does not keep the connection', async (t) => {
  const { path, server } = await ground(t, [{ method: 'GET', path: '/large', handler: (request) => request.send('x'.repeat(5_000_000)) }], { limits: LIMITS });
  const socket = connect(path);
  socket.pause();
  socket.write(get('/large', 'Connection: close\r\n'));
  await sleep(50);
  await server.close({ graceMs: 60_000 });
  socket.destroy();
});

test('a thousand idle connections, and the next client is served', async (t) => {
  const { path } = await ground(t, routes);
  const sockets: Socket[] = [];
  for (let batch = 0; batch < 20; batch++) {
    const some = Array.from({ length: 50 }, () => connect(path));
    await Promise.all(some.map((socket) => once(socket, 'connect')));
    sockets.push(...some);
  }
  for (const [at, socket] of sockets.entries()) if (at % 2 === 0) socket.write('GET /_ping HTTP/1.1\r\nHo');
  assert.match(await talk(path, [get('/_ping', 'Connection: close\r\n')]), /OK$/);
  for (const [at, socket] of sockets.entries()) socket.write(at % 2 === 0 ? 'st: d\r\n\r\n' : get('/_ping'));
  for (const socket of sockets) assert.match(await readUntil(socket, 'OK'), /\r\n\r\nOK$|^HTTP\/1\.1 200 OK/);
  for (const socket of sockets) socket.destroy();
});

test('many requests at once on one connection are answered in their order, without holding up others', async (t) => {
  const { path } = await ground(t, routes);
  const many = Array.from({ length: 5000 }, (_, at) => get(`/x/${at}`)).join('') + get('/x/last', 'Connection: close\r\n');
  const greedy = talk(path, [many]);
  const other = await talk(path, [get('/_ping', 'Connection: close\r\n')]);
  assert.match(other, /OK$/);
  const names = [...(await greedy).matchAll(/\{"name":"(\w+)"\}/g)].map(([, name]) => name);
  assert.deepEqual(names, [...Array.from({ length: 5000 }, (_, at) => String(at)), 'last']);
});

test('close: idle connections end at once, requests are finished, what takes too long is cut off', async (t) => {
  let go!: () => void;
  const { path, server } = await ground(t, [
    ...routes,
    { method: 'GET', path: '/held', handler: (request) => new Promise<void>((resolve) => (go = () => resolve(request.send('done')))) },
    { method: 'GET', path: '/never', handler: (request) => new Promise<void>((resolve) => request.signal.addEventListener('abort', () => resolve())) },
  ]);
  const idle = connect(path);
  const held = connect(path);
  const never = connect(path);
  const hijacked = connect(path);
  for (const socket of [idle, held, never, hijacked]) socket.on('error', () => {});
  held.write(get('/held'));
  never.write(get('/never'));
  hijacked.write(post('/hijack', '', ''));
  await readUntil(hijacked, '\r\n\r\n');
  const closing = server.close({ graceMs: 200 });
  assert.equal(await readUntil(idle), '');
  go();
  assert.match(await readUntil(held), /"done"\n$/);
  await closing;
  await assert.rejects(once(connect(path), 'connect'));
});

test('random and mutated requests: the server lives on, and another client is served meanwhile', async (t) => {
  const seed = Number(process.env['KOBAKO_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`KOBAKO_SEED=${seed}`);
  const random = randomNumbers(seed);
  const { path, log } = await ground(t, routes, { limits: LIMITS });
  const below = (limit: number): number => Math.floor(random() * limit);
  const json = 'Content-Type: application/json\r\n';
  const samples = [
    get('/_ping'),
    get('/x/a/b%2Fc?d=e'),
    get('/query?a=%41&filters=%7B%22a%22%3A%5B%22b%22%5D%7D&n=5'),
    get('/v1.41/stream'),
    post('/echo', '{"a":[1,2,{"b":null}]}', json),
    post('/ignore', 'x'.repeat(100), ''),
    post('/hijack', '{}', `${json}Connection: Upgrade\r\nUpgrade: tcp\r\n`),
    `POST /upload HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n`,
    `POST /echo HTTP/1.1\r\nHost: d\r\n${json}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}`,
    'GET /_ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  ];
  const mutate = (bytes: Buffer): Buffer => {
    let result = bytes;
    for (let count = below(4); count > 0; count--) {
      const at = below(result.length + 1);
      const kind = below(5);
      if (kind === 0) result = Buffer.concat([result.subarray(0, at), Buffer.from([below(256)]), result.subarray(at)]);
      else if (kind === 1) result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1 + below(4))]);
      else if (kind === 2) result = Buffer.concat([result.subarray(0, at), result.subarray(below(at + 1))]);
      else if (kind === 3)
        result = Buffer.concat([
          result.subarray(0, at),
          Buffer.from(['\r\n', '\n', ' ', ':', '0\r\n\r\n', '%', 'Content-Length: 3\r\n', '/'][below(8)]!),
          result.subarray(at),
        ]);
      else result = result.subarray(0, at);
    }
    return result;
  };
  const attack = async (): Promise<void> => {
    const bytes = mutate(Buffer.from(Array.from({ length: 1 + below(3) }, () => samples[below(samples.length)]!).join('')));
    const socket = connect({ path, allowHalfOpen: true });
    socket.on('error', () => {}).resume();
    for (let at = 0; at < bytes.length;) {
      const size = below(3) === 0 ? 1 + below(20) : bytes.length;
      socket.write(bytes.subarray(at, at + size));
      at += size;
      if (below(4) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    if (below(2) === 0) socket.end();
    const closed = once(socket, 'close');
    await Promise.race([closed, sleep(below(20))]);
    socket.destroy();
    await closed;
  };
  let over = false;
  let pings = 0;
  const other = (async () => {
    while (!over) {
      assert.match(await talk(path, [get('/_ping', 'Connection: close\r\n')]), /\r\n\r\nOK$/);
      pings++;
    }
  })();
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let round = 0; round < 150; round++) await attack();
    }),
  );
  over = true;
  await other;
  assert.ok(pings > 0);
  assert.deepEqual(log, []);
});

/** Mulberry32: the same numbers for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
