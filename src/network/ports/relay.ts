/**
 * Carries what the packet filter cannot: connections to the host's `::1`, and those over IPv6 to a container that has
 * IPv4 only. In this process, on the socket that keeps the port.
 */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { connect, createServer, isIPv6, type Socket } from 'node:net';
import type { PublishedPort } from '../contract.ts';
import type { Slots } from '../dns/forwarder.ts';

export interface RelayTarget {
  readonly address: string;
  readonly port: number;
}

const UDP_IDLE_MS = 90_000;
const UDP_CLIENTS = 1024;

/** Serves until it is disposed of; the fd is its own from now on. A connection, or a client of UDP, holds one of the slots; where none is free it is closed at once, or not heard. */
export function relay(protocol: PublishedPort['protocol'], fd: number, target: RelayTarget, slots: Slots): Disposable {
  return protocol === 'udp' ? relayDatagrams(fd, target, slots) : relayStreams(fd, target, slots);
}

function relayStreams(fd: number, { address, port }: RelayTarget, slots: Slots): Disposable {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    if (!slots.take()) return void client.destroy();
    client.once('close', () => slots.give());
    const peer = connect({ host: address, port, allowHalfOpen: true });
    for (const [from, to] of [
      [client, peer],
      [peer, client],
    ] as const) {
      open.add(from);
      from.on('close', () => {
        open.delete(from);
        to.destroy();
      });
      from.on('error', () => to.destroy());
    }
    peer.on('connect', () => {
      client.pipe(peer);
      peer.pipe(client);
    });
  });
  server.on('error', () => {});
  server.listen({ fd });
  server.unref();
  return {
    [Symbol.dispose]() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** Each client has a socket of its own to the container, so that answers find their way back. */
function relayDatagrams(fd: number, { address, port }: RelayTarget, slots: Slots): Disposable {
  const clients = new Map<string, { readonly socket: Datagrams; readonly idle: NodeJS.Timeout }>();
  const front = createSocket('udp6');
  const drop = (key: string) => {
    const client = clients.get(key);
    if (client === undefined) return;
    clients.delete(key);
    clearTimeout(client.idle);
    client.socket.close();
    slots.give();
  };
  const hasRoom = () => clients.size < UDP_CLIENTS && slots.take();
  const dropOldest = () => {
    for (const [oldest] of clients) return drop(oldest);
  };
  front.on('message', (message, from) => {
    const key = `${from.address} ${from.port}`;
    let client = clients.get(key);
    if (client === undefined) {
      if (!hasRoom()) {
        dropOldest();
        if (!hasRoom()) return;
      }
      const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
      client = { socket, idle: setTimeout(() => drop(key), UDP_IDLE_MS).unref() };
      clients.set(key, client);
      socket.on('error', () => drop(key));
      socket.on('message', (answer) => {
        clients.get(key)?.idle.refresh();
        front.send(answer, from.port, from.address);
      });
      socket.connect(port, address);
      socket.once('connect', () => socket.send(message));
      socket.unref();
      return;
    }
    client.idle.refresh();
    try {
      client.socket.send(message);
    } catch {
      // not connected yet: datagrams may get lost
    }
  });
  front.on('error', () => {});
  front.bind({ fd });
  front.unref();
  return {
    [Symbol.dispose]() {
      front.close();
      for (const key of [...clients.keys()]) drop(key);
    },
  };
}
