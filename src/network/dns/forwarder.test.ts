/** What we do not know is asked elsewhere: of servers that are good, that lie, that say nothing, that are not there. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { askUdp, fakeServer, ground, rawSocket } from '../../../test/support/dns-ground.ts';
import { query, readMessage, reply, TYPES, words } from '../../../test/support/dns-messages.ts';
import { randomNumbers } from '../../../test/support/random-tree.ts';
import { Slots } from './forwarder.ts';
import { withId } from './message.ts';
import type { Transport } from './upstream.ts';

const GOOD = Buffer.of(9, 9, 9, 9);
const good = (message: Buffer) => [reply(message, [{ data: GOOD }])];
/** A TXT record of many strings: about `size` bytes. */
const text = (size: number) => ({
  type: TYPES.TXT,
  data: Buffer.concat(Array.from({ length: Math.ceil(size / 201) }, () => Buffer.from([200, ...Buffer.alloc(200, 'x')]))),
});
const big = (message: Buffer, transport: Transport) => [transport === 'udp' ? reply(message, [], { flags: 0x8380 }) : reply(message, [text(5000)])];
const rcode = (code: number) => (message: Buffer) => [reply(message, [], { flags: 0x8180 | code })];

describe('a question goes on as it came', () => {
  test('but for its id, from another port each time', async (t) => {
    const { server, asked } = await fakeServer(t, { answer: good });
    const { ask } = ground(t, { servers: [server] });
    const question = query('WwW.eXample', { id: 0x4242, edns: 1400, flags: 0x0110 });
    for (let round = 0; round < 8; round++) {
      const said = readMessage(await ask(question));
      assert.deepEqual([said.id, said.question, said.records[0]!.data], [0x4242, 'WwW.eXample', GOOD]);
    }
    for (const { message } of asked) assert.deepEqual(withId(message, 0x4242), question);
    assert.ok(new Set(asked.map(({ message }) => message.readUInt16BE(0))).size > 4, 'ids');
    assert.ok(new Set(asked.map(({ port }) => port)).size > 4, 'ports');
  });
  test('by TCP where the client came by TCP', async (t) => {
    const { server, asked } = await fakeServer(t, { answer: good });
    const client = await ground(t, { servers: [server] }).tcp();
    client.send(query('www.example', { id: 5 }));
    const said = readMessage((await client.next())!);
    assert.deepEqual([said.id, said.records[0]!.data, asked.map(({ transport }) => transport)], [5, GOOD, ['tcp']]);
  });
  test('through sockets that somebody else has opened', async (t) => {
    const { server, asked } = await fakeServer(t, { answer: big });
    const opened: Transport[] = [];
    const open = (to: unknown, transport: Transport) => {
      assert.equal(to, server);
      opened.push(transport);
      return rawSocket(transport);
    };
    const { resolver } = ground(t, { servers: [server], open });
    assert.equal((await resolver.resolveTxt('big.example'))[0]!.join('').length, 5000);
    assert.deepEqual(
      [opened, asked.map(({ transport }) => transport)],
      [
        ['udp', 'tcp'],
        ['udp', 'tcp'],
      ],
    );
  });
  test('a socket that cannot be opened is a server that is not there', async (t) => {
    const { server } = await fakeServer(t, { answer: good });
    const open = () => {
      throw new Error('no such namespace');
    };
    await assert.rejects(ground(t, { servers: [server], open }).resolver.resolve4('a.example'), { code: 'ESERVFAIL' });
  });
});

describe('long answers', () => {
  test('what a server cut comes whole by TCP', async (t) => {
    const { server } = await fakeServer(t, { answer: big });
    const { resolver } = ground(t, { servers: [server] });
    assert.equal((await resolver.resolveTxt('big.example'))[0]!.join('').length, 5000);
  });
  test('what is longer than the client takes is cut', async (t) => {
    const { server } = await fakeServer(t, { answer: (message) => [reply(message, [text(800)])] });
    const { ask } = ground(t, { servers: [server] });
    const said = readMessage(await ask(query('long.example', { type: 'TXT' })));
    assert.deepEqual([said.truncated, said.counts], [true, [1, 0, 0, 0]]);
    assert.equal(readMessage(await ask(query('long.example', { type: 'TXT', edns: 1232 }))).counts[1], 1);
  });
  test('a server without TCP is asked by UDP for a client that came by TCP', async (t) => {
    const { server, asked } = await fakeServer(t, { tcp: false, answer: (message) => [reply(message, [text(800)])] });
    const { resolver } = ground(t, { servers: [server] });
    assert.ok((await resolver.resolveTxt('long.example'))[0]!.join('').length >= 800);
    assert.deepEqual(
      asked.map(({ transport }) => transport),
      ['udp', 'udp'],
    );
  });
  test('a cut answer is none for who came by TCP', async (t) => {
    const { server } = await fakeServer(t, { tcp: false, answer: big });
    const client = await ground(t, { servers: [server] }).tcp();
    client.send(query('big.example'));
    assert.equal(readMessage((await client.next())!).rcode, 2);
  });
});

describe('lies', () => {
  const lie = (message: Buffer) => reply(message, [{ data: Buffer.of(6, 6, 6, 6) }]);
  const lies: [string, (message: Buffer) => Buffer | { elsewhere: Buffer }][] = [
    ['another id', (message) => withId(lie(message), message.readUInt16BE(0) ^ 1)],
    ['another question', (message) => lie(query('bank.example', { id: message.readUInt16BE(0) }))],
    ['from another port', (message) => ({ elsewhere: lie(message) })],
    ['no answer but a question', (message) => message],
    ['nothing', () => Buffer.alloc(0)],
    ['half a header', (message) => lie(message).subarray(0, 7)],
  ];
  for (const [what, told] of lies) {
    test(`${what}: what is true counts`, async (t) => {
      const { server } = await fakeServer(t, { answer: (message) => [told(message), ...good(message)] });
      const { ask } = ground(t, { servers: [server] });
      assert.deepEqual(readMessage(await ask(query('www.example'))).records[0]!.data, GOOD);
    });
  }
  test('bytes at random and broken answers: what is true counts', async (t) => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
    t.diagnostic(`SEED=${seed}`);
    const random = randomNumbers(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    const broken = (message: Buffer) => {
      const bytes = withId(lie(message), random() < 0.5 ? message.readUInt16BE(0) : below(0x1_0000));
      // at least the question is another's
      bytes[12 + below(bytes.length - 28)]! ^= 1 + below(0x1f);
      return random() < 0.3 ? bytes.subarray(0, below(bytes.length)) : bytes;
    };
    const { server } = await fakeServer(t, { answer: (message) => [...Array.from({ length: 50 }, () => broken(message)), ...good(message)] });
    const { ask } = ground(t, { servers: [server] });
    for (let round = 0; round < 100; round++) {
      const asked = query(`www-${round}.example`, { id: below(0x1_0000) });
      const said = readMessage(await ask(asked));
      assert.deepEqual([said.id, said.records[0]?.data], [asked.readUInt16BE(0), GOOD]);
    }
  });
  test('only lies: no answer', async (t) => {
    const { server } = await fakeServer(t, { answer: (message) => lies.map(([, told]) => told(message)) });
    await assert.rejects(ground(t, { servers: [server], timeoutMs: 100 }).resolver.resolve4('www.example'), { code: 'ESERVFAIL' });
  });
});

describe('several servers', () => {
  test('one that says nothing: the next; later it is asked last', async (t) => {
    const [hangs, answers] = [await fakeServer(t, { address: '127.0.0.2', answer: () => [] }), await fakeServer(t, { answer: good })];
    const { resolver } = ground(t, { servers: [hangs.server, answers.server], timeoutMs: 100 });
    assert.deepEqual(await resolver.resolve4('a.example'), ['9.9.9.9']);
    assert.deepEqual(await resolver.resolve4('b.example'), ['9.9.9.9']);
    assert.deepEqual([hangs.asked.length, answers.asked.length], [1, 2]);
  });
  for (const code of [2, 5]) {
    test(`one that fails (${code}): the next`, async (t) => {
      const [fails, answers] = [await fakeServer(t, { answer: rcode(code) }), await fakeServer(t, { answer: good })];
      const { resolver } = ground(t, { servers: [fails.server, answers.server] });
      assert.deepEqual(await resolver.resolve4('a.example'), ['9.9.9.9']);
      await assert.rejects(ground(t, { servers: [fails.server] }).resolver.resolve4('a.example'), { code: 'ESERVFAIL' });
    });
  }
  test('one that understands nothing and says so', async (t) => {
    const { server } = await fakeServer(t, { answer: (message) => [words(message.readUInt16BE(0), 0x8181, 0, 0, 0, 0)] });
    assert.equal(readMessage(await ground(t, { servers: [server] }).ask(query('a.example'))).rcode, 1);
  });
  test('a name that does not exist is an answer', async (t) => {
    const [denies, other] = [await fakeServer(t, { answer: rcode(3) }), await fakeServer(t, { answer: good })];
    await assert.rejects(ground(t, { servers: [denies.server, other.server] }).resolver.resolve4('a.example'), { code: 'ENOTFOUND' });
    assert.equal(other.asked.length, 0);
  });
  test('one that is not there: the next; none: a failure', async (t) => {
    const answers = await fakeServer(t, { answer: good });
    const closed = { address: '127.0.0.1', host: true, port: 1 };
    const unreachable = { address: '255.255.255.255', host: true };
    const { resolver } = ground(t, { servers: [closed, unreachable, answers.server] });
    assert.deepEqual(await resolver.resolve4('a.example'), ['9.9.9.9']);
    await assert.rejects(ground(t, { servers: [closed] }).resolver.resolve4('a.example'), { code: 'ESERVFAIL' });
  });
  test('no more than three are asked, and never this server itself', async (t) => {
    const fourth = await fakeServer(t, { answer: good });
    const closed = { address: '127.0.0.1', host: true, port: 1 };
    const servers = [closed, closed, closed, fourth.server];
    await assert.rejects(ground(t, { servers }).resolver.resolve4('a.example'), { code: 'ESERVFAIL' });
    await assert.rejects(ground(t, { servers: [{ ...fourth.server, address: '127.0.0.11', host: false }] }).resolver.resolve4('a.example'), {
      code: 'ESERVFAIL',
    });
    assert.equal(fourth.asked.length, 0);
  });
});

describe('limits', () => {
  test('more questions than places are refused, not kept; places are free again', async (t) => {
    const { server, asked } = await fakeServer(t, { answer: (message) => (readMessage(message).question === 'slow.example' ? [] : good(message)) });
    const slots = new Slots(2);
    const [one, two] = [ground(t, { servers: [server], slots, timeoutMs: 400 }), ground(t, { servers: [server], slots })];
    const slow = [one.ask(query('slow.example')), one.ask(query('slow.example'))];
    while (asked.length < 2) await new Promise(setImmediate);
    assert.equal(readMessage(await two.ask(query('a.example'))).rcode, 5);
    for (const answer of await Promise.all(slow)) assert.equal(readMessage(answer).rcode, 2);
    assert.equal(readMessage(await two.ask(query('a.example'))).rcode, 0);
  });
  test('one container cannot take all places', () => {
    const shared = new Slots(3);
    const [mine, others] = [new Slots(2, shared), new Slots(2, shared)];
    assert.deepEqual([mine.take(), mine.take(), mine.take(), others.take(), others.take()], [true, true, false, true, false]);
    mine.give();
    assert.deepEqual([others.take(), mine.take()], [true, false]);
  });
  test('what is under way ends with the server', async (t) => {
    const { server, asked } = await fakeServer(t, { answer: () => [] });
    const slots = new Slots(1);
    const { port, dispose } = ground(t, { servers: [server, server], slots, timeoutMs: 60_000 });
    const waits = new AbortController();
    const answer = askUdp(port, query('a.example'), waits.signal);
    while (asked.length === 0) await new Promise(setImmediate);
    dispose();
    for (let round = 0; round < 100 && !slots.take(); round++) await new Promise(setImmediate);
    assert.equal(slots.take(), false, 'the place was free, once');
    assert.equal(asked.length, 1);
    waits.abort();
    await assert.rejects(answer, { name: 'AbortError' });
  });
});
