/** What is carried to a container by this process. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { openTcpListener, openUdpSocket } from '../../src/kernel/linux/network-sockets.ts';
import { Slots } from '../../src/network/dns/forwarder.ts';
import { relay } from '../../src/network/ports/relay.ts';

/** A relay to a service that says back what it is told; gives its port. */
async function echoing(t: TestContext, slots: Slots): Promise<number> {
  const service = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(service, 'listening');
  const { fd, port } = openTcpListener({ address: '::1', port: 0 });
  const carried = relay('tcp', fd, { address: '127.0.0.1', port: (service.address() as AddressInfo).port }, slots);
  t.after(() => {
    carried[Symbol.dispose]();
    service.close();
  });
  return port;
}

/** What comes back; '' where the connection is closed instead. */
async function told(t: TestContext, port: number): Promise<{ readonly socket: Socket; readonly text: string }> {
  const socket = connect(port, '::1').on('error', () => {});
  t.after(() => socket.destroy());
  socket.write('hello');
  const text = await Promise.race([once(socket, 'data').then(([data]) => String(data)), once(socket, 'close').then(() => '')]);
  return { socket, text };
}

test('no more connections are carried than there is room for in this process; those there are go on', async (t) => {
  const slots = new Slots(2);
  const [one, other] = [await echoing(t, slots), await echoing(t, slots)];
  const first = await told(t, one);
  const second = await told(t, other);
  assert.deepEqual([first.text, second.text], ['hello', 'hello']);
  assert.equal((await told(t, one)).text, '');
  first.socket.write('again');
  assert.equal(String((await once(first.socket, 'data'))[0]), 'again');
  second.socket.destroy();
  for (let tries = 0; tries < 50; tries++) if ((await told(t, one)).text === 'hello') return;
  assert.fail('its place is not free again');
});

/** A relay to a service of UDP that says back what it is told; gives its port. */
async function echoingDatagrams(t: TestContext, slots: Slots): Promise<number> {
  const service = createSocket('udp4', (message, from) => service.send(message, from.port, from.address)).bind(0, '127.0.0.1');
  await once(service, 'listening');
  const { fd, port } = openUdpSocket({ address: '::1', port: 0 });
  const carried = relay('udp', fd, { address: '127.0.0.1', port: service.address().port }, slots);
  t.after(() => {
    carried[Symbol.dispose]();
    service.close();
  });
  return port;
}

test('clients of UDP hold places of the same room, of which the newest has one', async (t) => {
  const slots = new Slots(2);
  const [one, other] = [await echoingDatagrams(t, slots), await echoingDatagrams(t, slots)];
  const client = () => {
    const socket = createSocket('udp6').bind(0, '::1');
    t.after(() => socket.close());
    return async (port: number) => {
      socket.send('hello', port, '::1');
      assert.equal(String((await once(socket, 'message', { signal: AbortSignal.timeout(10_000) }))[0]), 'hello');
    };
  };
  await client()(one);
  await client()(one);
  assert.equal(slots.take(), false);
  // there the oldest goes; where nobody has a place there is none for a new one
  const third = client();
  await third(one);
  assert.equal(slots.take(), false);
  const late = client();
  await assert.rejects(Promise.race([late(other), third(one).then(() => Promise.reject(new Error('not heard')))]), /^Error: not heard$/);
  slots.give();
  await late(other);
  assert.equal(slots.take(), false);
});
