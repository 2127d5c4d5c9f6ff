/** The name server of one container, on sockets that were made in its network namespace. */
import { createSocket, type RemoteInfo } from 'node:dgram';
import { createServer, type Socket } from 'node:net';
import { answerFromZone } from './answer.ts';
import type { Forwarder } from './forwarder.ts';
import { frame, FrameReader } from './frames.ts';
import { datagramLimit, encodeStatus, parseQuery } from './message.ts';
import type { Transport } from './upstream.ts';
import type { Zone } from './zone.ts';

/** Connections that a container may have at a time, and how long each may say nothing (ms). */
export const CLIENTS = 64;
const IDLE_MS = 10_000;
/** Questions on one connection that wait for their answers; more are not read before. */
const PIPELINED = 32;
/** The longest question that is taken, bytes. They have a few hundred. */
const QUESTION_SIZE = 4096;
/** Answers that a client does not read, bytes: it is cut off. */
const UNREAD_SIZE = 1 << 20;
/** The longest message by TCP, bytes. */
const FRAME_SIZE = 0xffff;

export interface DnsOptions {
  /** A bound datagram socket. The server owns it from now on. */
  readonly udpFd: number;
  /** A listening stream socket. The server owns it from now on. */
  readonly tcpFd: number;
  readonly zone: Zone;
  /** The server disposes of it. */
  readonly forwarder: Forwarder;
  /** How long a client by TCP may say nothing, ms. */
  readonly idleMs?: number;
}

/** Answers until it is disposed of. Nothing that a client sends makes it throw. */
export function serveDns({ udpFd, tcpFd, zone, forwarder, idleMs = IDLE_MS }: DnsOptions): Disposable {
  const answer = (bytes: Buffer, transport: Transport) => answerTo(bytes, transport, zone, forwarder);
  const udp = serveUdp(udpFd, answer);
  const tcp = serveTcp(tcpFd, answer, idleMs);
  return {
    [Symbol.dispose]() {
      udp[Symbol.dispose]();
      tcp[Symbol.dispose]();
      forwarder[Symbol.dispose]();
    },
  };
}

/** At once for what we know ourselves; undefined: nothing is said. */
type AnswerTo = (bytes: Buffer, transport: Transport) => Buffer | Promise<Buffer> | undefined;

function answerTo(bytes: Buffer, transport: Transport, zone: Zone, forwarder: Forwarder): ReturnType<AnswerTo> {
  const query = bytes.length > QUESTION_SIZE ? undefined : parseQuery(bytes);
  if (query === undefined) return undefined;
  if ('rcode' in query) return encodeStatus(bytes, query, query.rcode);
  const limit = transport === 'udp' ? datagramLimit(query) : FRAME_SIZE;
  return answerFromZone(query, zone, limit) ?? forwarder.forward(query, transport);
}

function serveUdp(fd: number, answer: AnswerTo): Disposable {
  const socket = createSocket({ type: 'udp4', lookup: (address, _options, callback) => callback(null, address, 4) });
  let closed = false;
  // a client that has gone is told of by the next answer to it
  socket.on('error', () => {});
  const send = (message: Buffer, { address, port }: RemoteInfo) => {
    if (!closed) socket.send(message, port, address, () => {});
  };
  socket.on('message', (bytes, client) => {
    if (client.port === 0) return;
    const message = answer(bytes, 'udp');
    if (message instanceof Promise) void message.then((late) => send(late, client));
    else if (message !== undefined) send(message, client);
  });
  socket.bind({ fd });
  return {
    [Symbol.dispose]() {
      if (closed) return;
      closed = true;
      socket.close();
    },
  };
}

function serveTcp(fd: number, answer: AnswerTo, idleMs: number): Disposable {
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    serveClient(client, answer, idleMs);
  });
  server.on('error', () => {});
  server.maxConnections = CLIENTS;
  server.listen({ fd });
  return {
    [Symbol.dispose]() {
      server.close(() => {});
      for (const client of clients) client.destroy();
    },
  };
}

function serveClient(client: Socket, answer: AnswerTo, idleMs: number): void {
  const reader = new FrameReader(QUESTION_SIZE);
  let waiting = 0;
  const send = (message: Buffer) => {
    if (client.destroyed) return;
    client.write(frame(message));
    if (client.writableLength > UNREAD_SIZE) client.destroy();
  };
  const late = async (message: Promise<Buffer>) => {
    if (++waiting >= PIPELINED) client.pause();
    send(await message);
    if (--waiting < PIPELINED) client.resume();
  };
  // counted from the last whole question: who sends a byte now and then is idle too, who waits for us is not
  const idle = setTimeout(() => (waiting === 0 ? client.destroy() : idle.refresh()), idleMs);
  client.on('error', () => {});
  client.on('close', () => clearTimeout(idle));
  client.on('data', (chunk: Buffer) => {
    const questions = reader.push(chunk);
    if (questions === undefined) return client.destroy();
    for (const question of questions) {
      idle.refresh();
      const message = answer(question, 'tcp');
      if (message instanceof Promise) void late(message);
      else if (message !== undefined) send(message);
    }
  });
}
