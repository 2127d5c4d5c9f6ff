/** The server on real sockets, and clients that mean harm or know no better. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { askUdp, ground } from '../../../test/support/dns-ground.ts';
import { opt, query, readMessage, reply, wireName, words } from '../../../test/support/dns-messages.ts';
import { randomNumbers } from '../../../test/support/random-tree.ts';
import { answerFromZone } from './answer.ts';
import { frame } from './frames.ts';
import { encodeStatus, parseQuery } from './message.ts';
import { CLIENTS } from './server.ts';
import { ContainerZone, NetworkNames, viewedNetwork } from './zone.ts';

const names = new NetworkNames('net');
names.put({ id: 'web', names: ['web', 'svc', '7bce7c2a6203'], ipv4: '10.9.0.2/16', ipv6: 'fd00:9::2/64' });
names.put({ id: 'db', names: ['db', 'svc'], ipv4: '10.9.0.3/16' });
for (let index = 0; index < 200; index++) names.put({ id: `many-${index}`, names: [`many-${index}`, 'many'], ipv4: `10.9.1.${index}` });
const NETWORKS = [viewedNetwork(names)];

test('a resolver finds names, addresses of both families, and names of addresses', async (t) => {
  const { resolver } = ground(t, { networks: NETWORKS });
  assert.deepEqual(await resolver.resolve4('web', { ttl: true }), [{ address: '10.9.0.2', ttl: 600 }]);
  assert.deepEqual(await resolver.resolve6('WEB.net'), ['fd00:9::2']);
  assert.deepEqual((await resolver.resolve4('svc')).toSorted(), ['10.9.0.2', '10.9.0.3']);
  assert.deepEqual(await resolver.reverse('10.9.0.2'), ['web.net']);
  assert.deepEqual(await resolver.reverse('fd00:9::2'), ['web.net']);
  await assert.rejects(resolver.resolve6('db'), { code: 'ENODATA' });
  await assert.rejects(resolver.resolveMx('db'), { code: 'ENODATA' });
});

test('more addresses than a datagram has room for come by TCP', async (t) => {
  const { resolver, ask } = ground(t, { networks: NETWORKS });
  const cut = await ask(query('many'));
  assert.ok(cut.length <= 512 && readMessage(cut).truncated);
  assert.equal(readMessage(await ask(query('many', { edns: 4096 }))).counts[1], 200);
  assert.equal((await resolver.resolve4('many')).length, 200);
});

test('no answer is longer than a datagram can be, or a message by TCP', async (t) => {
  const crowd = new NetworkNames('crowd');
  for (let index = 0; index < 5000; index++) crowd.put({ id: `${index}`, names: ['all'], ipv4: `10.${index >> 8}.0.${index & 255}` });
  const { ask, tcp } = ground(t, { networks: [viewedNetwork(crowd)] });
  const client = await tcp();
  client.send(query('all'));
  for (const message of [await ask(query('all', { edns: 65_535 })), (await client.next())!])
    assert.ok(message.length > 65_000 && readMessage(message).truncated);
});

test('without servers to ask, as in internal networks, there is nothing outside', async (t) => {
  const { resolver, ask } = ground(t, { networks: NETWORKS });
  await assert.rejects(resolver.resolve4('example.com'), { code: 'ESERVFAIL' });
  assert.equal(readMessage(await ask(query('example.com'))).rcode, 2);
});

test('by TCP: several questions at once, in pieces, a malformed one between them', async (t) => {
  const { tcp } = ground(t, { networks: NETWORKS });
  const client = await tcp();
  const bytes = Buffer.concat([query('web', { id: 1 }), Buffer.from('not a message'), query('db', { id: 3 })].map(frame));
  for (const byte of bytes) client.socket.write(Buffer.of(byte));
  const said = [await client.next(), await client.next(), await client.next()].map((message) => readMessage(message!));
  assert.deepEqual(
    said.map(({ id, rcode }) => [id, rcode]),
    [
      [1, 0],
      [0x6e6f, 4],
      [3, 0],
    ],
  );
});

test('a client that sends more than any question has is cut off, others are not', async (t) => {
  const { tcp } = ground(t, { networks: NETWORKS });
  const [bad, good] = [await tcp(), await tcp()];
  bad.socket.write(words(5000));
  assert.equal(await bad.next(), undefined);
  good.send(query('web'));
  assert.equal(readMessage((await good.next())!).counts[1], 1);
});

test('a client that says nothing is cut off, also one that sends a byte now and then', async (t) => {
  const { tcp } = ground(t, { networks: NETWORKS, idleMs: 200 });
  const [silent, slow] = [await tcp(), await tcp()];
  const drip = setInterval(() => slow.socket.write(Buffer.of(1)), 20);
  t.after(() => clearInterval(drip));
  assert.equal(await silent.next(), undefined);
  assert.equal(await slow.next(), undefined);
});

test('a client that never reads its answers is cut off', async (t) => {
  const { tcp } = ground(t, { networks: NETWORKS });
  const { socket } = await tcp();
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.pause();
  const many = frame(query('many'));
  const flood = setInterval(() => {
    for (let index = 0; index < 100; index++) socket.write(many);
  }, 1);
  t.after(() => clearInterval(flood));
  await closed;
});

test('one container has so many connections, and gets new ones when it ends some', async (t) => {
  const { tcp } = ground(t, { networks: NETWORKS });
  const clients = await Promise.all(Array.from({ length: CLIENTS }, tcp));
  const extra = await tcp();
  extra.send(query('web'));
  assert.equal(await extra.next(), undefined);
  for (const { socket } of clients) socket.destroy();
  for (;;) {
    const later = await tcp();
    later.send(query('web'));
    if ((await later.next()) !== undefined) break;
  }
});

test('disposed of, its port is free and its clients are gone', async (t) => {
  const { port, tcp, dispose } = ground(t, { networks: NETWORKS });
  const client = await tcp();
  client.send(query('web'));
  await client.next();
  dispose();
  dispose();
  assert.equal(await client.next(), undefined);
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
});

/** Well-formed ones of all kinds, to be broken. */
const SAMPLES = [
  query('web'),
  query('svc.net', { type: 'ANY', edns: 4096 }),
  query('2.0.9.10.in-addr.arpa', { type: 'PTR', edns: 512 }),
  query('x'.repeat(63), { edns: 1232, ednsVersion: 1 }),
  query('many', { flags: 0 }),
  reply(query('web'), [{ data: Buffer.of(1, 2, 3, 4) }]),
  Buffer.concat([words(1, 0x100, 1, 0, 0, 2), wireName('a.b.c'), words(1, 1), opt(512), Buffer.of(0xc0, 12), words(250, 255, 0, 0, 0)]),
];

test('no bytes make it fail, and what it says is well formed', async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  t.diagnostic(`SEED=${seed}`);
  const random = randomNumbers(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const broken = () => {
    const sample = SAMPLES[below(SAMPLES.length)]!;
    const bytes = random() < 0.2 ? Buffer.from(Array.from({ length: below(80) }, () => below(256))) : Buffer.from(sample);
    for (let times = below(4); times > 0 && bytes.length > 0; times--) bytes[below(bytes.length)] = [0, 0xc0, 0xff, 1, 63, 64, below(256)][below(7)]!;
    return random() < 0.3 ? bytes.subarray(0, below(bytes.length + 1)) : bytes;
  };
  const zone = new ContainerZone(() => NETWORKS);
  let said = 0;
  for (let round = 0; round < 30_000; round++) {
    const bytes = broken();
    const parsed = parseQuery(bytes);
    if (parsed === undefined) continue;
    const answer = 'rcode' in parsed ? encodeStatus(bytes, parsed, parsed.rcode) : answerFromZone(parsed, zone, 512);
    if (answer === undefined) continue;
    said++;
    const { id, flags } = readMessage(answer);
    assert.equal(id, bytes.readUInt16BE(0));
    assert.equal(flags & 0x8000, 0x8000);
    assert.ok(answer.length <= 512);
  }
  assert.ok(said > 10_000, `${said} were answered`);

  const { port, tcp } = ground(t, { networks: NETWORKS });
  await assert.rejects(askUdp(port, Buffer.concat([query('web'), Buffer.alloc(5000)]), AbortSignal.timeout(50)), 'longer than any question');
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  for (let round = 0; round < 3000; round++) {
    socket.send(broken(), port, '127.0.0.1');
    if (round % 50 === 0) await new Promise(setImmediate);
  }
  for (let round = 0; round < 20; round++) {
    const client = await tcp();
    client.socket.end(Buffer.concat(Array.from({ length: 10 }, () => (random() < 0.5 ? frame(broken()) : broken()))));
    client.socket.resume();
  }
  assert.equal(readMessage(await askUdp(port, query('web'))).counts[1], 1);
});
