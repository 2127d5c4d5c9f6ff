import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { connect as tlsConnect, type ConnectionOptions, type Server as TlsServer } from 'node:tls';
import { makeAuthority } from '../../test/support/certificates.ts';
import { projectDir, projectNode } from '../../test/support/paths.ts';
import { tempFor } from '../../test/support/temp.ts';
import { listen, type ListenOptionsOfDaemon } from './listen.ts';
import { parseListenAddress } from './listen-address.ts';

async function listening(t: TestContext, address: string, options?: ListenOptionsOfDaemon): Promise<Server> {
  const [server] = await listen([address], options);
  t.after(() => server!.close());
  return server!;
}

test('addresses', () => {
  assert.deepEqual(parseListenAddress('unix:///run/x.sock', 1), { kind: 'unix', path: '/run/x.sock' });
  assert.deepEqual(parseListenAddress('tcp://0.0.0.0:2375', 1), { kind: 'tcp', host: '0.0.0.0', port: 2375 });
  assert.deepEqual(parseListenAddress('tcp://[::1]:5', 1), { kind: 'tcp', host: '::1', port: 5 });
  assert.deepEqual(parseListenAddress('tcp://', 2375), { kind: 'tcp', host: '127.0.0.1', port: 2375 });
  assert.deepEqual(parseListenAddress('tcp://:5', 1), { kind: 'tcp', host: '127.0.0.1', port: 5 });
  assert.deepEqual(parseListenAddress('fd://', 1), { kind: 'fd', name: '' });
  assert.deepEqual(parseListenAddress('fd://*', 1), { kind: 'fd', name: '' });
  assert.deepEqual(parseListenAddress('fd://api', 1), { kind: 'fd', name: 'api' });
  for (const bad of [
    '',
    'x',
    '/run/x',
    'unix://',
    'unix://x',
    'unix:///run/',
    `unix:///${'x'.repeat(107)}`,
    'tcp://a:b',
    'tcp://a:99999',
    'tcp://::1:5',
    'tcp://a/b',
    'npipe://x',
  ]) {
    assert.throws(() => parseListenAddress(bad, 1), { kind: 'invalid' }, bad);
  }
});

test('whoever connects to the first address is heard while the next one is still being opened', async (t) => {
  const path = `${tempFor(t)}/early.sock`;
  const order: string[] = [];
  const made = (server: Server) => {
    order.push(`made, listening ${server.listening}`);
    server.on('connection', (socket) => socket.end('heard'));
    t.after(() => server.close());
  };
  // its name is looked up first
  const all = listen([`unix://${path}`, 'tcp://localhost:0'], { made }).then(() => order.push('all listen'));
  while (!existsSync(path)) await new Promise(setImmediate);
  const client = connect(path);
  const said = text(client).then((words) => order.push(words));
  await Promise.all([all, said]);
  assert.deepEqual(
    order.filter((what) => what.startsWith('made')),
    Array(2).fill('made, listening false'),
  );
  assert.ok(order.includes('heard'));
});

test('a Unix socket is for root and the group, from its first moment', async (t) => {
  const path = `${tempFor(t)}/sub/api.sock`;
  const before = process.umask();
  await listening(t, `unix://${path}`);
  assert.equal(statSync(path).mode & 0o7777, 0o660);
  assert.equal(process.umask(), before);
});

test('a Unix socket belongs to the group where there is one', { skip: process.getuid?.() === 0 ? false : 'only root gives files away' }, async (t) => {
  const path = `${tempFor(t)}/api.sock`;
  const group = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name, , gid]) => name !== '' && Number(gid) > 0)!;
  await listening(t, `unix://${path}`, { group: group[0]! });
  assert.equal(statSync(path).gid, Number(group[2]));
});

test('a socket that a killed daemon left is replaced; one that is in use, or no socket, is an error and stays', async (t) => {
  const path = `${tempFor(t)}/api.sock`;
  const child = spawn(projectNode, ['-e', 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))', path]);
  await once(child, 'close');
  assert.ok(existsSync(path));
  await listening(t, `unix://${path}`);
  await assert.rejects(listen([`unix://${path}`]), { kind: 'conflict', message: `can't create unix socket ${path}: somebody listens on it already` });
  const socket = connect(path);
  await once(socket, 'connect');
  socket.destroy();
  writeFileSync(`${path}.txt`, 'x');
  await assert.rejects(listen([`unix://${path}.txt`]), { kind: 'conflict' });
  assert.ok(existsSync(`${path}.txt`));
});

test('when one address fails, none is listened on', async (t) => {
  const folder = tempFor(t);
  const taken = await listening(t, 'tcp://127.0.0.1:0');
  const { port } = taken.address() as AddressInfo;
  await assert.rejects(listen([`unix://${folder}/a.sock`, `tcp://127.0.0.1:${port}`]), {
    kind: 'conflict',
    message: `listen tcp 127.0.0.1:${port}: bind: address already in use`,
  });
  assert.ok(!existsSync(`${folder}/a.sock`));
  await assert.rejects(listen([`unix://${folder}/a.sock`, 'nope']), { kind: 'invalid' });
});

test('TLS: with a client certificate of our authority only, and half a connection can be closed', async (t) => {
  const authority = makeAuthority();
  const tls = { ...authority.issue(['127.0.0.1']), ca: authority.cert, verify: true };
  const server = await listening(t, 'tcp://127.0.0.1:0', { tls });
  (server as TlsServer).on('secureConnection', (socket) => void text(socket).then((got) => socket.end(got.toUpperCase())));
  const { port } = server.address() as AddressInfo;
  const ask = async (client: ConnectionOptions): Promise<string> => {
    const socket = tlsConnect({ host: '127.0.0.1', port, ca: authority.cert, ...client });
    socket.end('hello');
    // a refusal may come as an error, or as the end of what had begun
    return text(socket).catch(() => '');
  };
  assert.equal(await ask(authority.issue([], { client: true })), 'HELLO');
  assert.equal(await ask({}), '');
  assert.equal(await ask(makeAuthority('another').issue([], { client: true })), '');
  await assert.rejects(listen(['tcp://127.0.0.1:0'], { tls: { cert: 'x', key: 'y' } }), { kind: 'invalid' });
  await assert.rejects(listen(['tcp://127.0.0.1:0'], { tls: { ...tls, ca: undefined } }), { kind: 'invalid' });
});

test('sockets that systemd opened, by name and by number; the variables are not for children', async (t) => {
  const program = `
    import { listen } from '${projectDir}/src/daemon/listen.ts';
    process.env.LISTEN_PID = process.argv[2] === 'other' ? '1' : String(process.pid);
    try {
      const [server] = await listen([process.argv[1]]);
      server.once('connection', (socket) => { socket.end('from the child, ' + process.env.LISTEN_FDS); server.close(); });
      console.log('ready');
    } catch (error) { console.log(error.message); }
  `;
  const start = async (address: string, whose = 'own') => {
    const outer = createServer().listen(0, '127.0.0.1');
    await once(outer, 'listening');
    const { fd } = (outer as unknown as { readonly _handle: { readonly fd: number } })._handle;
    const { port } = outer.address() as AddressInfo;
    const child = spawn(projectNode, ['--input-type=module', '-e', program, address, whose], {
      env: { ...process.env, LISTEN_FDS: '2', LISTEN_FDNAMES: 'other:api' },
      stdio: ['ignore', 'pipe', 'inherit', 'ignore', fd],
    });
    t.after(() => child.kill());
    outer.close(); // else this process would take the connections
    return { child, port };
  };
  for (const address of ['fd://api', 'fd://4']) {
    const { child, port } = await start(address);
    await once(child.stdout!, 'data');
    assert.equal(await text(connect(port, '127.0.0.1')), 'from the child, undefined');
    await once(child, 'close');
  }
  for (const [address, whose] of [
    ['fd://nope', 'own'],
    ['fd://api', 'other'],
  ] as const) {
    const { child } = await start(address, whose);
    assert.equal(await text(child.stdout!), 'no sockets found via socket activation: make sure the service was started by systemd\n');
  }
});
