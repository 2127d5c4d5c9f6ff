/** A container's streams by WebSocket, as programs in browsers have them; the client is one that we did not write. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { daemonFor, type TestDaemon } from '../support/daemon.ts';
import { until } from '../support/monitored.ts';

const HOST = { NetworkMode: 'none' };
const ALL = 'stream=1&stdin=1&stdout=1&stderr=1';

interface Client {
  readonly socket: WebSocket;
  /** What has come, and whether each message was binary. */
  readonly text: () => string;
  readonly binary: Set<boolean>;
}

async function attach(t: TestContext, daemon: TestDaemon, id: string, query: string, version = 'v1.51'): Promise<Client> {
  const socket = new WebSocket(`ws+unix:${daemon.socket}:/${version}/containers/${id}/attach/ws?${query}`);
  t.after(() => socket.terminate());
  let text = '';
  const binary = new Set<boolean>();
  socket.on('message', (data, isBinary) => {
    text += (data as Buffer).toString();
    binary.add(isBinary);
  });
  await once(socket, 'open');
  return { socket, text: () => text, binary };
}

async function running(daemon: TestDaemon, id: string): Promise<boolean> {
  const { json } = await daemon.api.get(`/v1.51/containers/${id}/json`);
  return (json as { State: { Running: boolean } }).State.Running;
}

test('output and error come plain, input goes in, and the connection ends with the program', async (t) => {
  const daemon = await daemonFor(t);
  const script = 'read line; echo "out $line"; echo "err $line" >&2; read line';
  const id = await daemon.run({ Cmd: ['sh', '-c', script], OpenStdin: true, HostConfig: HOST });
  const { socket, text, binary } = await attach(t, daemon, id, ALL);
  socket.send('hello\n');
  await until('both', () => text().length === 20);
  assert.deepEqual(text().split('\n').toSorted(), ['', 'err hello', 'out hello']);
  const closed = once(socket, 'close');
  socket.send(Buffer.from('end\n'));
  assert.equal((await closed)[0], 1000);
  assert.deepEqual([...binary], [true]);
  assert.equal(await running(daemon, id), false);
});

test('before 1.42 all streams, before 1.28 as text', async (t) => {
  const daemon = await daemonFor(t);
  const id = await daemon.run({ Cmd: ['sh', '-c', 'read line; echo "$line ü"; sleep 600'], OpenStdin: true, HostConfig: HOST });
  const { socket, text, binary } = await attach(t, daemon, id, 'stream=1', 'v1.27');
  socket.send('ä\n');
  await until('its answer', () => text() === 'ä ü\n');
  assert.deepEqual([...binary], [false]);
});

test('only what is asked for, with what was before; a client that goes leaves the container running', async (t) => {
  const daemon = await daemonFor(t);
  const id = await daemon.run({ Cmd: ['sh', '-c', 'echo out; echo err >&2; sleep 600'], OpenStdin: true, HostConfig: HOST });
  // what is said between the log's last line and the attachment is in neither, as with Docker
  await until('both are in the log', async () => (await daemon.api.get(`/v1.51/containers/${id}/logs?stdout=1&stderr=1`)).text.includes('err'));
  const { socket, text } = await attach(t, daemon, id, 'logs=1&stream=1&stderr=1');
  await until('its error output', () => text() === 'err\n');
  const closed = once(socket, 'close');
  socket.close();
  await closed;
  assert.equal(await running(daemon, id), true);
});

test('a terminal, and its detach keys', async (t) => {
  const daemon = await daemonFor(t);
  const id = await daemon.run({ Cmd: ['cat'], OpenStdin: true, Tty: true, HostConfig: HOST });
  const { socket, text } = await attach(t, daemon, id, `${ALL}&detachKeys=ctrl-a,x`);
  socket.send('hi\r');
  await until('its echo', () => text().startsWith('hi\r\nhi\r\n'));
  const closed = once(socket, 'close');
  socket.send('\x01x');
  await closed;
  assert.equal(await running(daemon, id), true);
});

test('what is no WebSocket, and whose container is not there, have a status', async (t) => {
  const daemon = await daemonFor(t);
  const id = await daemon.run({ Cmd: ['sleep', '600'], HostConfig: HOST });
  const plain = await daemon.api.get(`/v1.51/containers/${id}/attach/ws?${ALL}`);
  assert.deepEqual([plain.status, plain.json], [400, { message: 'not websocket protocol' }]);
  const upgraded = await daemon.api.get(`/v1.51/containers/${id}/attach/ws?${ALL}`, { headers: { Connection: 'Upgrade', Upgrade: 'websocket' } });
  assert.equal(upgraded.status, 400);
  const lost = new WebSocket(`ws+unix:${daemon.socket}:/v1.51/containers/nobody/attach/ws?${ALL}`);
  const [error] = (await once(lost, 'error')) as [Error];
  assert.match(error.message, /404/);
});

test('frames that no client may send end the connection, not the container', async (t) => {
  const daemon = await daemonFor(t);
  const id = await daemon.run({ Cmd: ['cat'], OpenStdin: true, HostConfig: HOST });
  const { socket } = await attach(t, daemon, id, ALL);
  const closed = once(socket, 'close');
  // its bytes are not masked
  (socket as unknown as { _socket: NodeJS.WritableStream })._socket.write(Buffer.from([0x82, 0x02, 0x61, 0x62]));
  await closed;
  assert.equal(await running(daemon, id), true);
});

test('handshakes that fail late leave nothing attached', { timeout: 60_000 }, async (t) => {
  const daemon = await daemonFor(t);
  const id = await daemon.run({ Cmd: ['sh', '-c', 'read line; echo "$line"; sleep 600'], OpenStdin: true, HostConfig: HOST });
  const head = [
    `GET /v1.51/containers/${id}/attach/ws?${ALL} HTTP/1.1`,
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
    'Sec-WebSocket-Protocol: twice, twice',
  ];
  // a container has places for 64 clients
  for (let count = 0; count < 80; count++) {
    const socket = connect(daemon.socket);
    t.after(() => socket.destroy());
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 400 /);
    socket.destroy();
  }
  const { socket, text } = await attach(t, daemon, id, ALL);
  socket.send('there is room\n');
  await until('its answer', () => text() === 'there is room\n');
});

test('a client that goes is let go, also where the program says nothing', { timeout: 60_000 }, async (t) => {
  const daemon = await daemonFor(t);
  const id = await daemon.run({ Cmd: ['sh', '-c', 'read line; echo "$line"; sleep 600'], OpenStdin: true, HostConfig: HOST });
  for (let count = 0; count < 80; count++) {
    const { socket } = await attach(t, daemon, id, ALL);
    const closed = once(socket, 'close');
    if (count % 2 === 0) socket.terminate();
    else socket.close();
    await closed;
  }
  const { socket, text } = await attach(t, daemon, id, ALL);
  socket.send('there is room\n');
  await until('its answer', () => text() === 'there is room\n');
});
