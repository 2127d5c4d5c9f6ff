import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, readlinkSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { SyscallError } from '../../src/base/errors.ts';
import { processStart } from '../../src/kernel/linux/process.ts';
import { namespaceFor, networkKernel, noNamespaces, runIn } from '../support/network-ground.ts';
import { projectDir } from '../support/paths.ts';

const options = { skip: noNamespaces, timeout: 60_000 };
const own = (): string => readlinkSync('/proc/thread-self/ns/net');

test('a fresh namespace: lo is up, nothing else is there, and this thread is where it was', options, (t) => {
  const before = own();
  const namespace = namespaceFor(t);
  assert.equal(own(), before);
  assert.deepEqual(
    namespace.links().map(({ name, up, running, loopback }) => ({ name, up, running, loopback })),
    [{ name: 'lo', up: true, running: true, loopback: true }],
  );
  assert.equal(statSync(namespace.path).ino, namespace.inode);
  assert.notEqual(namespace.inode, networkKernel.host().inode);
  assert.equal(`net:[${networkKernel.host().inode}]`, before);
});

test('within: inside for as long as it lasts, nested too, and back after an error', options, (t) => {
  const [a, b] = [namespaceFor(t), namespaceFor(t)];
  const before = own();
  const name = (inode: number): string => `net:[${inode}]`;
  const seen = a.within(() => [own(), b.within(own), a.within(own), networkKernel.host().within(own), own()]);
  assert.deepEqual(seen, [name(a.inode), name(b.inode), name(a.inode), before, name(a.inode)]);
  assert.throws(
    () =>
      a.within(() => {
        throw new Error('of the work');
      }),
    /of the work/,
  );
  assert.equal(own(), before);
  assert.throws(() => a.within(async () => {}), /must be synchronous/);
  assert.equal(own(), before);
  assert.throws(() => a.within(() => a[Symbol.dispose]()), { code: 'EBUSY' });
  assert.equal(own(), before);
  assert.equal(a.links().length, 1, 'still usable');
});

test('disposed of: its fd is closed and every call says EBADF; again does nothing', options, () => {
  const namespace = networkKernel.create();
  namespace[Symbol.dispose]();
  namespace[Symbol.dispose]();
  assert.throws(() => statSync(namespace.path), { code: 'ENOENT' });
  assert.throws(() => namespace.within(() => 1), { code: 'EBADF' });
  assert.throws(() => namespace.links(), { code: 'EBADF' });
  assert.throws(() => namespace.packetFilter.tables(), { code: 'EBADF' });
});

test('a thread that cannot go back ends the process', options, () => {
  const program = `
    import { closeSync } from 'node:fs';
    import { linuxNetworkKernel } from '${projectDir}/src/kernel/linux/network-namespaces.ts';
    const kernel = linuxNetworkKernel();
    const namespace = kernel.create();
    try { namespace.within(() => closeSync(kernel.host().fd)); } finally { console.log('went on'); }`;
  const child = spawnSync('sh', ['-c', 'ulimit -c 0; exec "$0" --input-type=module -e "$1"', process.execPath, program], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.equal(child.signal, 'SIGABRT', child.stderr);
  assert.doesNotMatch(child.stdout, /went on/);
});

test("a process's namespace, by its start: also one of its own user namespace; not of one that has gone", options, async (t) => {
  const child = spawn('unshare', ['--user', '--map-root-user', '--net', 'sh', '-c', 'echo in; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  if (await Promise.race([once(child.stdout, 'data').then(() => false), once(child, 'exit').then(() => true)])) return t.skip('no user namespaces here');
  const start = processStart(child.pid!)!;
  const namespace = networkKernel.ofProcess(child.pid!, start);
  assert.equal(readlinkSync(`/proc/${child.pid}/ns/net`), `net:[${namespace.inode}]`);
  assert.equal(namespace.links()[0]!.up, false);
  namespace.change([
    { op: 'link-set', link: 'lo', settings: { up: true } },
    { op: 'link-add', link: { kind: 'bridge', name: 'br0', up: true } },
  ]);
  namespace.setSysctl('net.ipv4.conf.br0.route_localnet', '1');
  namespace.packetFilter.change([{ op: 'table-add', family: 'inet', table: 't' }]);
  assert.deepEqual(
    namespace.packetFilter.tables().map(({ table }) => table),
    ['t'],
  );
  const { fd, port } = namespace.udpSocket({ address: '127.0.0.11', port: 53 });
  closeSync(fd);
  assert.equal(port, 53);
  assert.throws(() => networkKernel.ofProcess(child.pid!, `${start}0`), { code: 'ESRCH' });
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.throws(() => networkKernel.ofProcess(child.pid!, start), { code: 'ESRCH' });
  assert.equal(namespace.link('br0')!.kind, 'bridge', 'held by the fd');
  namespace[Symbol.dispose]();
});

test('sysctls of the namespace, of names with dots too; nothing else', options, (t) => {
  const namespace = namespaceFor(t);
  const host = networkKernel.host().sysctl('net.ipv4.ip_forward');
  namespace.setSysctl('net.ipv4.ip_forward', host === '1' ? '0' : '1');
  assert.equal(namespace.sysctl('net.ipv4.ip_forward'), host === '1' ? '0' : '1');
  assert.equal(networkKernel.host().sysctl('net.ipv4.ip_forward'), host);
  namespace.change([{ op: 'link-add', link: { kind: 'bridge', name: 'br.5' } }]);
  namespace.setSysctl('net.ipv6.conf.br/5.disable_ipv6', '1');
  assert.equal(namespace.sysctl('net.ipv6.conf.br/5.disable_ipv6'), '1');
  assert.throws(() => namespace.sysctl('net.ipv4.conf.nope.forwarding'), { code: 'ENOENT', syscall: 'read sysctl net.ipv4.conf.nope.forwarding' });
  assert.throws(() => namespace.setSysctl('net.ipv4.conf.nope.forwarding', '1'), SyscallError);
  for (const name of ['kernel.pid_max', 'net', 'net.', 'net..x', 'net.//.kernel.pid_max', 'net.ipv4./x', 'net.\0']) {
    assert.throws(() => namespace.sysctl(name), SyscallError, name);
  }
  assert.throws(() => namespace.sysctl('net.//.kernel.pid_max'), { code: 'EINVAL' });
});

test('sockets made inside answer there, run by node:dgram and node:net', options, async (t) => {
  const namespace = namespaceFor(t);
  const udp = namespace.udpSocket({ address: '127.0.0.11', port: 0 });
  assert.ok(udp.port > 0);
  const dgram = createSocket('udp4');
  dgram.on('message', (message, from) => dgram.send(`udp ${message.toString()}`, from.port, from.address));
  dgram.bind({ fd: udp.fd }); // listens at once
  const tcp = namespace.tcpListener({ address: '::1', port: 0 });
  const server = createServer((socket) => socket.end('tcp hello'));
  server.listen({ fd: tcp.fd });
  await once(server, 'listening');
  assert.equal((server.address() as AddressInfo).port, tcp.port);
  const client = `
    const udp = require('node:dgram').createSocket('udp4');
    udp.send('hello', ${udp.port}, '127.0.0.11');
    udp.on('message', (m) => { console.log(String(m)); udp.close(); require('node:net').connect(${tcp.port}, '::1').on('data', (d) => console.log(String(d))); });`;
  const child = namespace.within(() => spawn(process.execPath, ['-e', client], { stdio: ['ignore', 'pipe', 'inherit'] }));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await once(child, 'close');
  clearTimeout(timer);
  dgram.close();
  server.close();
  assert.equal(output, 'udp hello\ntcp hello\n');
});

test('a port that is reserved is taken for everybody, on its address and family alone', options, (t) => {
  const namespace = namespaceFor(t);
  const open: number[] = [];
  t.after(() => open.forEach((fd) => closeSync(fd)));
  const reserve = (protocol: 'tcp' | 'udp', address: string, port: number): number => {
    const socket = namespace.reservePort(protocol, { address, port });
    open.push(socket.fd);
    return socket.port;
  };
  for (const protocol of ['tcp', 'udp'] as const) {
    const port = reserve(protocol, '0.0.0.0', 0);
    assert.throws(() => reserve(protocol, '0.0.0.0', port), { code: 'EADDRINUSE', syscall: `bind 0.0.0.0:${port}` });
    assert.throws(() => reserve(protocol, '127.0.0.1', port), { code: 'EADDRINUSE' });
    reserve(protocol, '::', port);
    assert.throws(() => reserve(protocol, '::1', port), { code: 'EADDRINUSE', syscall: `bind [::1]:${port}` });
    reserve(protocol, '127.0.0.1', port + 1);
    reserve(protocol, '127.0.0.2', port + 1);
    assert.throws(() => reserve(protocol, '0.0.0.0', port + 1), { code: 'EADDRINUSE' });
    assert.throws(() => reserve(protocol, '192.0.2.1', 80), { code: 'EADDRNOTAVAIL' });
    const emitter =
      protocol === 'tcp'
        ? "const s = require('node:net').createServer(); s.on('error', (e) => { console.log(e.code); process.exit(); }); s.listen"
        : "const s = require('node:dgram').createSocket('udp4'); s.on('error', (e) => { console.log(e.code); process.exit(); }); s.bind";
    assert.equal(runIn(namespace, process.execPath, ['-e', `${emitter}(${port}, '0.0.0.0', () => { console.log('bound'); process.exit(); })`]), 'EADDRINUSE\n');
  }
  const again = namespace.reservePort('tcp', { address: '127.0.0.3', port: 0 });
  closeSync(again.fd);
  assert.equal(reserve('tcp', '127.0.0.3', again.port), again.port);
  assert.throws(() => reserve('tcp', '127.0.0.1', 65536), { kind: 'invalid' });
  assert.throws(() => reserve('tcp', 'localhost', 1), { kind: 'invalid' });
});

test('SCTP, where the kernel has it', options, (t) => {
  const namespace = namespaceFor(t);
  try {
    const { fd, port } = namespace.reservePort('sctp', { address: '0.0.0.0', port: 3000 });
    assert.throws(() => namespace.reservePort('sctp', { address: '0.0.0.0', port }), { code: 'EADDRINUSE' });
    closeSync(fd);
  } catch (error) {
    if ((error as SyscallError).code !== 'EPROTONOSUPPORT') throw error;
    t.skip('this kernel has no SCTP');
  }
});

test('what is open in the namespaces is not left to children', options, (t) => {
  const inherited = (): string[] => spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' }).stdout.match(/\b([3-9]|\d\d+) -> (socket|net):/g) ?? [];
  const before = inherited();
  const namespace = namespaceFor(t);
  namespace.links();
  namespace.packetFilter.tables();
  for (const { fd } of [namespace.tcpListener({ address: '127.0.0.1', port: 0 }), namespace.reservePort('udp', { address: '127.0.0.1', port: 0 })])
    t.after(() => closeSync(fd));
  assert.deepEqual(inherited(), before);
});
