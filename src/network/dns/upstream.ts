/** One question to one name server elsewhere, by UDP or TCP. */
import { createSocket } from 'node:dgram';
import { isIPv6, Socket, type SocketConstructorOpts } from 'node:net';
import { frame, FrameReader } from './frames.ts';
import { answers, withId, type Query } from './message.ts';

export type Transport = 'udp' | 'tcp';

/** A name server that is asked for what we do not know. */
export interface NameServer {
  /** IPv4 or IPv6, that with its zone if it needs one. */
  readonly address: string;
  /** It is reached from the host's network namespace (a server on the host's loopback), else from the container's. */
  readonly host: boolean;
  /** 53 when absent. */
  readonly port?: number;
}

/**
 * A new socket in the network namespace that the server is reached from, of its family, not connected, non-blocking. Who
 * called owns the fd. Undefined: the process makes one where it is itself.
 */
export type OpenUpstream = (server: NameServer, transport: Transport) => number | undefined;

export interface Exchange {
  readonly server: NameServer;
  readonly open: OpenUpstream;
  readonly query: Query;
  /** What the server is to find as the message's id: one that nobody else can guess. */
  readonly id: number;
  readonly timeoutMs: number;
  /** Called with what takes the exchange back, which then ends as `failed`. */
  readonly started: (cancel: () => void) => void;
}

/** The answer, with the id that was sent; `failed`: there is no server that takes it; `silent`: it said nothing in time. */
export type Outcome = Buffer | 'failed' | 'silent';

/**
 * By UDP, from a port of its own that the kernel chose. The socket is connected: the kernel drops what comes from anywhere
 * else, and tells when nobody listens there. What is no answer to this question is dropped too.
 */
export function exchangeUdp({ server, open, query, id, timeoutMs, started }: Exchange): Promise<Outcome> {
  return settle(timeoutMs, started, (done) => {
    const fd = open(server, 'udp');
    const socket = createSocket({ type: isIPv6(server.address) ? 'udp6' : 'udp4', lookup: asItIs });
    let closed = false;
    socket.on('error', () => done('failed'));
    socket.on('message', (message) => answers(message, query, id) && done(message));
    if (fd !== undefined) socket.bind({ fd });
    // Node calls this also when it could not connect, and after the socket was closed
    const connected = (error?: Error) => {
      if (error) done('failed');
      else if (!closed) socket.send(withId(query.bytes, id), (failure) => failure && done('failed'));
    };
    socket.connect(server.port ?? 53, server.address, connected);
    return () => {
      closed = true;
      socket.close();
    };
  });
}

/** By TCP, a connection for this question. */
export function exchangeTcp({ server, open, query, id, timeoutMs, started }: Exchange): Promise<Outcome> {
  return settle(timeoutMs, started, (done) => {
    const fd = open(server, 'tcp');
    // reading starts when it is connected: before that it is an error
    const options: SocketConstructorOpts & { pauseOnCreate: boolean } = { fd, pauseOnCreate: true };
    const socket = fd === undefined ? new Socket() : new Socket(options);
    const reader = new FrameReader();
    socket.on('error', () => done('failed'));
    socket.on('close', () => done('failed'));
    socket.on('data', (chunk: Buffer) => {
      for (const message of reader.push(chunk) ?? []) if (answers(message, query, id)) done(message);
    });
    socket.connect({ port: server.port ?? 53, host: server.address }, () => {
      socket.resume();
      socket.write(frame(withId(query.bytes, id)));
    });
    return () => socket.destroy();
  });
}

/** The addresses are addresses: nobody has to be asked for them. */
function asItIs(address: string, _options: unknown, callback: (error: null, address: string, family: number) => void): void {
  callback(null, address, isIPv6(address) ? 6 : 4);
}

/** Runs `begin` until it is done, or has thrown, or the time is over; then what it gave back is called, once. */
function settle(timeoutMs: number, started: (cancel: () => void) => void, begin: (done: (outcome: Outcome) => void) => () => void): Promise<Outcome> {
  return new Promise((resolve) => {
    let close: (() => void) | undefined;
    let settled = false;
    const timer = setTimeout(() => done('silent'), timeoutMs);
    const done = (outcome: Outcome) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      close?.();
      resolve(outcome);
    };
    started(() => done('failed'));
    try {
      close = begin(done);
      if (settled) close();
    } catch {
      done('failed');
    }
  });
}
