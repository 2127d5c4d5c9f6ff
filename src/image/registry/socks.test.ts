import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { makeAuthority } from '../../../test/support/certificates.ts';
import { failure } from '../../../test/support/failure.ts';
import { fakeRegistry } from '../../../test/support/fake-registry.ts';
import { collect, openRepository } from '../../../test/support/registry-client.ts';
import { tempFor } from '../../../test/support/temp.ts';
import { connectSocks } from './socks.ts';

interface Behaviour {
  /** Where all names lead. */
  readonly port?: () => number;
  readonly secret?: string;
  /** Instead of what the protocol says. */
  readonly answers?: readonly (Buffer | 'nothing' | 'end')[];
}

/** A SOCKS proxy that takes everything a byte at a time. */
async function socks(t: TestContext, { port = () => 1, secret, answers }: Behaviour = {}) {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => {}).on('close', () => sockets.delete(client));
    void serve(client).catch(() => client.destroy());
  });
  const serve = async (client: Socket): Promise<void> => {
    const bytes = client[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    let had = Buffer.alloc(0);
    const take = async (count: number): Promise<Buffer> => {
      while (had.length < count) {
        const next = await bytes.next();
        if (next.done === true) throw new Error('gone');
        had = Buffer.concat([had, next.value]);
      }
      const taken = had.subarray(0, count);
      had = had.subarray(count);
      return taken;
    };
    const say = (...all: number[]) => all.forEach((byte) => client.write(Buffer.from([byte])));
    const methods = await take((await take(2))[1]!);
    if (answers !== undefined) {
      for (const answer of answers) {
        if (answer === 'end') client.end();
        else if (answer !== 'nothing') client.write(answer);
      }
      return;
    }
    if (secret !== undefined) {
      if (!methods.includes(2)) return void client.end(Buffer.from([5, 0xff]));
      say(5, 2);
      const user = await take((await take(2))[1]!);
      const password = await take((await take(1))[0]!);
      const right = `${user.toString()}:${password.toString()}` === secret;
      say(1, right ? 0 : 1);
      if (!right) return void client.end();
    } else say(5, 0);
    const kind = (await take(4))[3]!;
    const host = kind === 3 ? (await take((await take(1))[0]!)).toString() : [...(await take(kind === 1 ? 4 : 16))].join('.');
    seen.push(`${kind} ${host}:${(await take(2)).readUInt16BE()}`);
    const onward = connect(port(), '127.0.0.1');
    onward.on('error', () => client.end(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0])));
    onward.on('connect', () => {
      say(5, 0, 0, 3, 4, ...Buffer.from('name'), 0, 80);
      client.on('close', () => onward.destroy());
      onward.on('close', () => client.destroy());
      onward.on('data', (piece) => client.write(piece));
      const forward = async () => {
        for (;;) onward.write(await take(Math.max(1, had.length)));
      };
      forward().catch(() => onward.destroy());
    });
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { seen, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const authority = makeAuthority('kobako test');

test('a registry through a SOCKS proxy: names are looked up there; with TLS, without, with a password', async (t) => {
  const registry = await fakeRegistry(t);
  const bytes = Buffer.alloc(300_000, 3);
  const blob = { mediaType: 'x/y', digest: registry.addBlob(bytes), size: bytes.length };
  const port = () => Number(registry.host.split(':')[1]);
  const plain = await socks(t, { port });
  const insecure = ['registry.test:5000'];
  const open = (env: Record<string, string>) => openRepository(t, 'registry.test:5000/app', { env, insecure });
  assert.ok((await collect(await open({ HTTP_PROXY: `socks5h://${plain.address}`, HTTPS_PROXY: `socks5://${plain.address}` }).blob(blob))).equals(bytes));
  assert.deepEqual(new Set(plain.seen), new Set(['3 registry.test:5000']));

  const secured = await fakeRegistry(t, { tls: authority.issue(['registry.test']) });
  secured.addBlob(bytes);
  const asking = await socks(t, { port: () => Number(secured.host.split(':')[1]), secret: 'm@e:se:cret' });
  const certsDir = tempFor(t);
  mkdirSync(`${certsDir}/registry.test:5000`);
  writeFileSync(`${certsDir}/registry.test:5000/ca.crt`, authority.cert);
  const verified = (user: string) => openRepository(t, 'registry.test:5000/app', { env: { HTTPS_PROXY: `socks5://${user}${asking.address}` }, certsDir });
  const through = verified('m%40e:se%3Acret@');
  assert.ok((await collect(await through.blob(blob))).equals(bytes));
  assert.ok(asking.seen.every((line) => line === '3 registry.test:5000'));

  const wrong = await failure(verified('me:wrong@').blob(blob));
  assert.match(wrong.message, /socks connect tcp 127\.0\.0\.1:\d+->registry\.test:5000: username\/password authentication failed/);
  assert.ok(!wrong.message.includes('wrong'));
  const nobody = await failure(verified('').blob(blob));
  assert.match(nobody.message, /: no acceptable authentication methods/);
});

test('addresses go as addresses, and what comes behind the answer is not lost', async (t) => {
  const { seen, address } = await socks(t, { port: () => 1 });
  const proxy = new URL(`socks5://${address}`);
  for (const host of ['10.1.2.3', 'fd00::1:2', '::1', '1:2:3:4:5:6:7:8']) {
    const error = await failure(connectSocks(proxy, host, 443, 5_000));
    assert.match(error.message, /: unknown error connection refused$/);
  }
  assert.deepEqual(seen, [
    '1 10.1.2.3:443',
    '4 253.0.0.0.0.0.0.0.0.0.0.0.0.1.0.2:443',
    '4 0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1:443',
    '4 0.1.0.2.0.3.0.4.0.5.0.6.0.7.0.8:443',
  ]);
  const eager = await socks(t, { answers: [Buffer.from([5, 0]), Buffer.concat([Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.from('hello')])] });
  const socket = await connectSocks(new URL(`socks5://${eager.address}`), 'a.test', 80, 5_000);
  const [first] = (await new Promise<Buffer[]>((resolve) => socket.once('data', (piece: Buffer) => resolve([piece])))) as [Buffer];
  socket.destroy();
  assert.equal(first.toString(), 'hello');
});

test('a proxy that says something else, nothing, or less is told of, and not waited for', async (t) => {
  const cases: readonly (readonly [Behaviour['answers'], RegExp])[] = [
    [[Buffer.from('HTTP/1.1 400 Bad Request\r\n')], /unexpected protocol version 72$/],
    [[Buffer.from([5, 9])], /no acceptable authentication methods$/],
    [[Buffer.from([5, 2])], /no acceptable authentication methods$/],
    [[Buffer.from([5, 0, 5, 2, 0, 1])], /unknown error connection not allowed by ruleset$/],
    [[Buffer.from([5, 0, 5, 200, 0, 1])], /unknown error unknown code: 200$/],
    [[Buffer.from([5, 0, 5, 0, 0, 77])], /unknown address type 77$/],
    [[Buffer.from([5, 0, 5]), 'end'], /unexpected EOF$/],
    [['end'], /unexpected EOF$/],
    [['nothing'], /no connection within 200 ms$/],
  ];
  for (const [answers, words] of cases) {
    const { address } = await socks(t, { answers: answers! });
    const error = await failure(connectSocks(new URL(`socks5://${address}`), 'a.test', 443, 200));
    assert.match(error.message, words);
    assert.equal(error.kind, 'unavailable');
  }
  const gone = await failure(connectSocks(new URL('socks5://127.0.0.1:1'), 'a.test', 443, 5_000));
  assert.match(gone.message, /^socks connect tcp 127\.0\.0\.1:1->a\.test:443: dial tcp 127\.0\.0\.1:1: connect: connection refused$/);
});
