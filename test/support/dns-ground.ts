/** A name server of ours on the loopback, servers that it asks, and clients. */
import { createSocket, type RemoteInfo } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { libC } from '../../src/kernel/linux/libc.ts';
import { Forwarder, Slots, type ForwarderOptions } from '../../src/network/dns/forwarder.ts';
import { frame, FrameReader } from '../../src/network/dns/frames.ts';
import { serveDns, type DnsOptions } from '../../src/network/dns/server.ts';
import type { NameServer, Transport } from '../../src/network/dns/upstream.ts';
import { ContainerZone, type ViewedNetwork } from '../../src/network/dns/zone.ts';

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_FLAGS = 0o2004000; // non-blocking, close-on-exec
const AF_INET = 2;

/** Neither bound nor connected: what the kernel gives in a namespace. */
export function rawSocket(transport: Transport): number {
  return called(libC().func('int socket(int domain, int type, int protocol)')(AF_INET, (transport === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_FLAGS, 0));
}

/** With the same port, a free one by default: one bound datagram socket, one listening stream socket. */
export function serverSockets(host = '127.0.0.1', port = 0): { udpFd: number; tcpFd: number; port: number } {
  const { func } = libC();
  const bind = func('int bind(int fd, void *address, unsigned int size)');
  const tcpFd = rawSocket('tcp');
  const address = Buffer.from([AF_INET, 0, port >> 8, port & 0xff, ...host.split('.').map(Number), 0, 0, 0, 0, 0, 0, 0, 0]);
  called(bind(tcpFd, address, 16));
  called(func('int listen(int fd, int backlog)')(tcpFd, 128));
  called(func('int getsockname(int fd, _Inout_ void *address, _Inout_ unsigned int *size)')(tcpFd, address, [16]));
  const udpFd = rawSocket('udp');
  called(bind(udpFd, address, 16));
  return { udpFd, tcpFd, port: address.readUInt16BE(2) };
}

function called(result: number): number {
  if (result < 0) throw new Error(`errno ${libC().errno()}`);
  return result;
}

export interface GroundOptions extends Partial<Pick<ForwarderOptions, 'open' | 'slots' | 'timeoutMs'>>, Partial<Pick<DnsOptions, 'idleMs'>> {
  readonly networks?: readonly ViewedNetwork[];
  readonly servers?: readonly NameServer[];
  readonly keepsBareNames?: boolean;
}

/** A name server that ends with the test. */
export function ground(t: Pick<TestContext, 'after'>, options: GroundOptions = {}) {
  const { networks = [], servers = [], open = () => undefined, slots = new Slots(100), timeoutMs = 2000, keepsBareNames, idleMs } = options;
  const { port, ...fds } = serverSockets();
  const forwarder = new Forwarder({ servers: () => servers, open, slots, timeoutMs });
  const server = serveDns({ ...fds, zone: new ContainerZone(() => networks, keepsBareNames), forwarder, ...(idleMs === undefined ? {} : { idleMs }) });
  const dispose = () => server[Symbol.dispose]();
  t.after(dispose);
  const resolver = new Resolver({ timeout: 5000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return { port, resolver, dispose, ask: (message: Buffer) => askUdp(port, message), tcp: () => tcpClient(t, port) };
}

/** The first answer to a message by UDP. */
export async function askUdp(port: number, message: Buffer, signal: AbortSignal = AbortSignal.timeout(10_000)): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    socket.send(message, port, '127.0.0.1');
    const [answer] = (await once(socket, 'message', { signal })) as [Buffer];
    return answer;
  } finally {
    socket.close();
  }
}

export interface TcpClient {
  readonly socket: Socket;
  send(message: Buffer): void;
  /** The next answer; undefined: the server has ended it. */
  next(): Promise<Buffer | undefined>;
}

export async function tcpClient(t: Pick<TestContext, 'after'>, port: number): Promise<TcpClient> {
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  const reader = new FrameReader();
  const answers = (async function* () {
    try {
      for await (const chunk of socket) yield* reader.push(chunk as Buffer)!;
    } catch {
      // reset by the server
    }
  })();
  return { socket, send: (message) => void socket.write(frame(message)), next: async () => (await answers.next()).value ?? undefined };
}

export interface FakeServer {
  readonly server: NameServer;
  /** What it was asked. */
  readonly asked: { readonly message: Buffer; readonly transport: Transport; readonly port: number }[];
}

export interface FakeServerOptions {
  /** It answers by TCP too. */
  readonly tcp?: boolean;
  /** Of the loopback; default: 127.0.0.1. */
  readonly address?: string;
  /** Where it answers, in place of an address. */
  readonly sockets?: { readonly udpFd: number; readonly tcpFd: number };
  /** What is sent for a message, in order; from a socket of another port where `from` says so. */
  readonly answer: (message: Buffer, transport: Transport) => readonly (Buffer | { readonly elsewhere: Buffer })[];
}

/** A server that others ask. */
export async function fakeServer(
  t: Pick<TestContext, 'after'>,
  { tcp = true, address = '127.0.0.1', sockets, answer }: FakeServerOptions,
): Promise<FakeServer> {
  const asked: FakeServer['asked'] = [];
  const listener = createServer((client) => {
    const reader = new FrameReader();
    client.on('error', () => {});
    client.on('data', (chunk: Buffer) => {
      for (const message of reader.push(chunk)!) {
        asked.push({ message, transport: 'tcp', port: client.remotePort! });
        for (const piece of answer(message, 'tcp')) client.write(frame(piece as Buffer));
      }
    });
  });
  const clients = new Set<Socket>();
  listener.on('connection', (client: Socket) => clients.add(client));
  listener.listen(sockets === undefined ? { port: 0, host: address } : { fd: sockets.tcpFd });
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const [socket, other] = [createSocket('udp4'), createSocket('udp4')];
  if (sockets === undefined) socket.bind(port, address);
  else socket.bind({ fd: sockets.udpFd });
  socket.on('message', (message: Buffer, from: RemoteInfo) => {
    asked.push({ message, transport: 'udp', port: from.port });
    for (const piece of answer(message, 'udp')) {
      if (Buffer.isBuffer(piece)) socket.send(piece, from.port, from.address);
      else other.send(piece.elsewhere, from.port, from.address);
    }
  });
  if (sockets === undefined) await once(socket, 'listening');
  t.after(() => {
    socket.close();
    other.close();
    listener.close();
    for (const client of clients) client.destroy();
  });
  if (!tcp) listener.close();
  return { server: { address, host: true, port }, asked };
}
