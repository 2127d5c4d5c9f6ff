/** A netlink socket (netlink(7)). It speaks to the namespace in which it was opened, wherever the thread is later. */
import { closeSync } from 'node:fs';
import { EngineError } from '../../base/errors.ts';
import { decodeFailure, decodeMessages, encodeMessage, NLM, NLMSG, u32 } from './netlink-message.ts';
import type { NetlinkMessage, NetlinkRequest } from './netlink-message.ts';
import { checkedCall, SOCK, socketCalls, SOL_SOCKET, syscallError } from './socket-calls.ts';

/** Netlink's protocols (NETLINK_*). */
export const NETLINK = { ROUTE: 0, NETFILTER: 12 } as const;

const AF_NETLINK = 16;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;
/** netdevice(7), of a struct ifreq: the name, and from byte 16 on the index. */
const SIOCGIFINDEX = 0x8933;
const IFREQ_SIZE = 40;
const IFNAMSIZ = 16;
const EINTR = 4;
const EAGAIN = 11;
const ENODEV = 19;
const EINVAL = 22;
/** The kernel sends at most 32 KiB at once in a dump. */
const RECEIVE_SIZE = 64 << 10;
/** Of all sockets: nothing stays in it. */
const received = Buffer.allocUnsafeSlow(RECEIVE_SIZE);
/** Of a whole batch in one call, and of the failures that it may answer with. */
const BUFFER_SIZE = 8 << 20;
const DUMP_TRIES = 10;

/** A failure that one request of several was answered with. */
export interface RequestFailure {
  /** Which of the requests. */
  readonly index: number;
  readonly errno: number;
  readonly explanation: string | undefined;
}

/** What the kernel says to the requests of one datagram. */
export interface Answers {
  /** The first, if there is one. */
  readonly failure: RequestFailure | undefined;
  readonly messages: readonly NetlinkMessage[];
}

/** Close-on-exec. Of one thread, one request at a time. Throws SyscallError of send(2) and recv(2). */
export class NetlinkSocket implements Disposable {
  #fd: number;
  #sequence = 0;

  /** In the namespace where the thread is now. */
  constructor(protocol: number) {
    const { socket, setsockopt } = socketCalls();
    this.#fd = checkedCall('socket netlink', socket(AF_NETLINK, SOCK.RAW | SOCK.CLOEXEC, protocol));
    // the last two need CAP_NET_ADMIN of the first user namespace: without them a large batch is refused, no more
    for (const [level, name, value] of [
      [SOL_NETLINK, NETLINK_CAP_ACK, 1],
      [SOL_NETLINK, NETLINK_EXT_ACK, 1],
      [SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_SIZE],
      [SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_SIZE],
    ] as const) {
      setsockopt(this.#fd, level, name, u32(value), 4);
    }
  }

  /**
   * Sends all in one datagram, and gives what was answered. The kernel
   * has worked on it, and put its answers into the socket, before send(2) returns: no answer means that all went well.
   */
  send(requests: readonly NetlinkRequest[]): Answers {
    const { first, bytes } = this.#encode(requests);
    checkedCall('send netlink', socketCalls().send(this.#fd, bytes, bytes.length, 0));
    return this.#answers(first, requests.length);
  }

  /** As `send`, on another thread: for what takes long. Nothing else may be sent before it has ended. */
  async sendLong(requests: readonly NetlinkRequest[]): Promise<Answers> {
    const { first, bytes } = this.#encode(requests);
    const sent = await new Promise<number>((resolve, reject) => {
      socketCalls().send.async(this.#fd, bytes, bytes.length, 0, (error, result) => (error === null ? resolve(result) : reject(error)));
    });
    if (Number(sent) !== bytes.length) throw new EngineError('internal', `netlink: ${sent} of ${bytes.length} bytes sent`);
    return this.#answers(first, requests.length);
  }

  #encode(requests: readonly NetlinkRequest[]): { first: number; bytes: Buffer } {
    this.#drain();
    const first = this.#sequence + 1;
    this.#sequence = (this.#sequence + requests.length) % 0x7fff_0000;
    return { first, bytes: Buffer.concat(requests.map((request, index) => encodeMessage(request, first + index))) };
  }

  #answers(first: number, count: number): Answers {
    let failure: RequestFailure | undefined;
    const messages: NetlinkMessage[] = [];
    for (let datagram = this.#receive(MSG_DONTWAIT); datagram !== undefined; datagram = this.#receive(MSG_DONTWAIT)) {
      for (const message of decodeMessages(datagram)) {
        const index = message.sequence - first;
        if (index < 0 || index >= count) continue;
        if (message.type !== NLMSG.ERROR) messages.push(message);
        else {
          const answer = decodeFailure(message);
          if (answer.errno !== 0 && (failure === undefined || index < failure.index)) failure = { index, ...answer };
        }
      }
    }
    return { failure, messages };
  }

  /** All messages that a dump request is answered with. One that was disturbed by a change is made again. */
  dump(request: NetlinkRequest, what: string): NetlinkMessage[] {
    for (let tries = 0; tries < DUMP_TRIES; tries++) {
      const messages = this.#dumpOnce(request, what);
      if (messages !== undefined) return messages;
    }
    throw new EngineError('unavailable', `${what}: changes faster than it can be read`);
  }

  #dumpOnce(request: NetlinkRequest, what: string): NetlinkMessage[] | undefined {
    this.#drain();
    const sequence = ++this.#sequence;
    const bytes = encodeMessage({ ...request, flags: request.flags | NLM.DUMP }, sequence);
    checkedCall(what, socketCalls().send(this.#fd, bytes, bytes.length, 0));
    const messages: NetlinkMessage[] = [];
    let disturbed = false;
    for (;;) {
      for (const message of decodeMessages(this.#receive(0)!)) {
        if (message.sequence !== sequence) continue;
        disturbed ||= (message.flags & NLM.DUMP_INTR) !== 0;
        if (message.type === NLMSG.ERROR) {
          const { errno, explanation } = decodeFailure(message);
          if (errno === EINTR) return undefined;
          throw syscallError(what, errno === 0 ? EINVAL : errno, explanation);
        }
        if (message.type === NLMSG.DONE) {
          const errno = message.body.length >= 4 ? -message.body.readInt32LE(0) : 0;
          if (errno > 0 && errno !== EINTR) throw syscallError(what, errno);
          return disturbed || errno === EINTR ? undefined : messages;
        }
        if (message.type >= NLMSG.MIN_TYPE) messages.push(message);
      }
    }
  }

  /** Of the interface of that name; undefined: there is none. Unlike a message, it waits for no change that another process makes. */
  indexOf(name: string): number | undefined {
    const request = Buffer.alloc(IFREQ_SIZE);
    if (!/^[^:\0]+$/.test(name) || Buffer.byteLength(name) >= IFNAMSIZ) return undefined;
    request.write(name);
    const { ioctl, errno } = socketCalls();
    if (ioctl(this.#fd, SIOCGIFINDEX, request) === 0) return request.readInt32LE(IFNAMSIZ);
    if (errno() !== ENODEV) throw syscallError(`ioctl SIOCGIFINDEX ${name}`, errno());
    return undefined;
  }

  /** Rests of a dump that was given up. */
  #drain(): void {
    while (this.#receive(MSG_DONTWAIT) !== undefined);
  }

  /** undefined: nothing there. A copy: messages keep parts of it. */
  #receive(flags: number): Buffer | undefined {
    for (;;) {
      const length = Number(socketCalls().recv(this.#fd, received, RECEIVE_SIZE, flags | MSG_TRUNC));
      if (length > RECEIVE_SIZE) throw new EngineError('internal', `netlink: datagram of ${length} bytes`);
      if (length >= 0) return Buffer.from(received.subarray(0, length));
      const errno = socketCalls().errno();
      if (errno === EAGAIN) return undefined;
      if (errno !== EINTR) throw syscallError('recv netlink', errno);
    }
  }

  [Symbol.dispose](): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0) closeSync(fd);
  }
}
