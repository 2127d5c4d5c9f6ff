/** The name server in a network namespace of its own, at 127.0.0.11, asked by the resolvers of glibc and busybox. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { before, test, type TestContext } from 'node:test';
import { libC } from '../../src/kernel/linux/libc.ts';
import { Forwarder, Slots } from '../../src/network/dns/forwarder.ts';
import { serveDns } from '../../src/network/dns/server.ts';
import type { NameServer } from '../../src/network/dns/upstream.ts';
import { ContainerZone, NetworkNames, viewedNetwork } from '../../src/network/dns/zone.ts';
import { internalResolvConf } from '../../src/runtime/resolv-conf.ts';
import { fakeServer, rawSocket, serverSockets } from '../support/dns-ground.ts';
import { readMessage, reply, TYPES } from '../support/dns-messages.ts';
import { busybox } from '../support/rootfs.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const skip = process.getuid?.() === 0 ? undefined : 'needs root';
const CLONE_NEWNET = 0x4000_0000;

const names = new NetworkNames('net');
names.put({ id: '1', names: ['web', 'svc'], ipv4: '10.9.0.2/16', ipv6: 'fd00:9::2/64' });
names.put({ id: '2', names: ['db', 'svc'], ipv4: '10.9.0.3/16' });
for (let index = 0; index < 150; index++) names.put({ id: `many-${index}`, names: [`many-${index}`, 'many'], ipv4: `10.9.1.${index}` });

let busyboxPath: string;
before(async () => {
  if (skip === undefined) busyboxPath = await busybox();
});

/** A namespace with `lo` up and our resolv.conf, as long as the test. */
async function namespace(t: TestContext) {
  const { text } = internalResolvConf({ dns: [], dnsSearch: ['example.org'], dnsOptions: [] }, '');
  const file = `${tempFor(t)}/resolv.conf`;
  writeFileSync(file, text);
  const script = `ip link set lo up && ip address add 10.9.0.9/16 dev lo && mount --bind "$0" /etc/resolv.conf && mount -t tmpfs none /run && echo ready && exec sleep 1000`;
  const holder = spawn('unshare', ['--net', '--mount', 'sh', '-c', script, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    holder.kill('SIGKILL');
    if (holder.exitCode === null && holder.signalCode === null) await once(holder, 'exit');
  });
  const [ready] = (await once(holder.stdout, 'data')) as [Buffer];
  assert.equal(ready.toString(), 'ready\n');
  const fd = openSync(`/proc/${holder.pid}/ns/net`, 'r');
  const own = openSync('/proc/self/ns/net', 'r');
  t.after(() => [fd, own].forEach(closeSync));
  const setns = libC().func('int setns(int fd, int type)');
  return {
    within<T>(work: () => T): T {
      assert.equal(setns(fd, CLONE_NEWNET), 0);
      try {
        return work();
      } finally {
        if (setns(own, CLONE_NEWNET) !== 0) process.abort();
      }
    },
    run: (...command: string[]) => run('nsenter', ['--target', String(holder.pid), '--net', '--mount', ...command], { timeoutMs: 30_000 }),
  };
}

/** Serves at 127.0.0.11; what is asked of `servers` leaves from where each is reached. */
function serve(t: TestContext, { within }: Awaited<ReturnType<typeof namespace>>, servers: readonly NameServer[]): void {
  const { udpFd, tcpFd } = within(() => serverSockets('127.0.0.11', 53));
  const open: ConstructorParameters<typeof Forwarder>[0]['open'] = ({ host }, transport) => (host ? undefined : within(() => rawSocket(transport)));
  const forwarder = new Forwarder({ servers: () => servers, open, slots: new Slots(100), timeoutMs: 2000 });
  const server = serveDns({ udpFd, tcpFd, zone: new ContainerZone(() => [viewedNetwork(names)]), forwarder });
  t.after(() => server[Symbol.dispose]());
}

test('glibc and busybox find each other’s names', { skip }, async (t) => {
  const inside = await namespace(t);
  serve(t, inside, []);
  const lines = async (...command: string[]) => {
    const { code, stdout, stderr } = await inside.run(...command);
    assert.equal(code, 0, stderr);
    return stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/).slice(0, 2).join(' '));
  };
  assert.deepEqual(await lines('getent', 'ahostsv4', 'web'), ['10.9.0.2 STREAM', '10.9.0.2 DGRAM', '10.9.0.2 RAW']);
  assert.deepEqual(await lines('getent', 'hosts', 'web'), ['fd00:9::2 web']);
  assert.deepEqual(await lines('getent', 'hosts', 'db.net'), ['10.9.0.3 db.net']);
  assert.deepEqual(await lines('getent', 'hosts', '10.9.0.3'), ['10.9.0.3 db.net']);
  assert.equal(new Set(await lines('getent', 'ahostsv4', 'many')).size, 150 * 3, 'by TCP');
  const looked = await inside.run(busyboxPath, 'nslookup', 'svc.');
  assert.deepEqual([...looked.stdout.matchAll(/^Address: (10.*)$/gm)].map(([, address]) => address).toSorted(), ['10.9.0.2', '10.9.0.3']);
  assert.equal((await inside.run('getent', 'hosts', 'nosuch')).code, 2);
});

test('a server on the host’s loopback is asked from the host, one that was given from inside', { skip }, async (t) => {
  const inside = await namespace(t);
  const answer = (last: number) => (message: Buffer) => [
    readMessage(message).question === 'www.example'
      ? reply(message, message.at(-3) === TYPES.A ? [{ data: Buffer.of(9, 9, 9, last) }] : [])
      : reply(message, [], { flags: 0x8183 }),
  ];
  const outside = await fakeServer(t, { answer: answer(1) });
  serve(t, inside, [outside.server]);
  assert.match((await inside.run('getent', 'hosts', 'www.example')).stdout, /^9\.9\.9\.1 /);
  assert.ok(outside.asked.length > 0);
  assert.equal((await inside.run('getent', 'hosts', 'no.example')).code, 2);
  assert.ok(
    outside.asked.some(({ message }) => readMessage(message).question === 'no.example.example.org'),
    'the search domain was tried',
  );

  const other = await namespace(t);
  serve(t, other, [{ ...outside.server, host: false }]);
  const before = outside.asked.length;
  assert.equal((await other.run('getent', 'hosts', 'www.example')).code, 2, 'there is no such server inside');
  assert.equal(outside.asked.length, before);
  const there = await fakeServer(t, { answer: answer(2), sockets: other.within(() => serverSockets('127.0.0.1', outside.server.port)) });
  assert.match((await other.run('getent', 'hosts', 'www.example')).stdout, /^9\.9\.9\.2 /);
  assert.ok(there.asked.length > 0);
});
