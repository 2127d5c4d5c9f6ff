/** Sockets bound where the thread is now: ip(7), tcp(7), udp(7). See `NetworkNamespace` for what they promise. */
import { closeSync } from 'node:fs';
import { invalid } from '../../base/errors.ts';
import { addressBytes, AF } from './ip-bytes.ts';
import { libC } from './libc.ts';
import { u32 } from './netlink-message.ts';
import { syscallError } from './netlink-socket.ts';
import type { BoundSocket, SocketAddress } from '../network-contract.ts';

const SOCK = { STREAM: 1, DGRAM: 2, NONBLOCK: 0x800, CLOEXEC: 0x80000 } as const;
const IPPROTO = { tcp: 6, udp: 17, sctp: 132 } as const;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVBUF = 8;
const SOL_IPV6 = 41;
const IPV6_V6ONLY = 26;
const BACKLOG = 511;

interface Calls {
  socket(family: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Buffer, length: number): number;
  bind(fd: number, address: Buffer, length: number): number;
  listen(fd: number, backlog: number): number;
  getsockname(fd: number, address: Buffer, length: Buffer): number;
  errno(): number;
}

let loaded: Calls | undefined;

function calls(): Calls {
  if (loaded !== undefined) return loaded;
  const library = libC();
  return (loaded = {
    socket: library.func('int socket(int family, int type, int protocol)') as unknown as Calls['socket'],
    setsockopt: library.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)') as unknown as Calls['setsockopt'],
    bind: library.func('int bind(int fd, const void *address, uint32_t length)') as unknown as Calls['bind'],
    listen: library.func('int listen(int fd, int backlog)') as unknown as Calls['listen'],
    getsockname: library.func('int getsockname(int fd, _Out_ void *address, _Inout_ void *length)') as unknown as Calls['getsockname'],
    errno: library.errno,
  });
}

export function openUdpSocket(at: SocketAddress): BoundSocket {
  return open('udp', at, () => {});
}

export function openTcpListener(at: SocketAddress): BoundSocket {
  return open('tcp', at, (fd) => check('listen', at, calls().listen(fd, BACKLOG)));
}

export function openReservation(protocol: 'tcp' | 'udp' | 'sctp', at: SocketAddress): BoundSocket {
  return open(protocol, at, (fd) => {
    // what comes here past the rules is nobody's
    if (protocol === 'udp') calls().setsockopt(fd, SOL_SOCKET, SO_RCVBUF, u32(0), 4);
    // a bound socket alone does not keep away who sets SO_REUSEADDR
    else check('listen', at, calls().listen(fd, 1));
  });
}

function open(protocol: keyof typeof IPPROTO, at: SocketAddress, prepare: (fd: number) => void): BoundSocket {
  if (!Number.isInteger(at.port) || at.port < 0 || at.port > 65535) throw invalid(`invalid port: ${at.port}`);
  const address = addressBytes(at.address);
  const family = address.length === 4 ? AF.INET : AF.INET6;
  const { socket, setsockopt, bind, getsockname } = calls();
  const type = (protocol === 'udp' ? SOCK.DGRAM : SOCK.STREAM) | SOCK.NONBLOCK | SOCK.CLOEXEC;
  const fd = check(`socket ${protocol}`, at, socket(family, type, IPPROTO[protocol]));
  try {
    if (family === AF.INET6) check('setsockopt IPV6_V6ONLY', at, setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, u32(1), 4));
    // for UDP it would let others have the port too; for TCP only past connections are forgiven
    if (protocol === 'tcp') check('setsockopt SO_REUSEADDR', at, setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, u32(1), 4));
    const name = socketName(family, address, at.port);
    check('bind', at, bind(fd, name, name.length));
    prepare(fd);
    check('getsockname', at, getsockname(fd, name, u32(name.length)));
    return { fd, port: name.readUInt16BE(2) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** struct sockaddr_in, sockaddr_in6. */
function socketName(family: number, address: Buffer, port: number): Buffer {
  const name = Buffer.alloc(family === AF.INET ? 16 : 28);
  name.writeUInt16LE(family, 0);
  name.writeUInt16BE(port, 2);
  address.copy(name, family === AF.INET ? 4 : 8);
  return name;
}

function check(syscall: string, at: SocketAddress, result: number): number {
  if (result >= 0) return result;
  const host = at.address.includes(':') ? `[${at.address}]` : at.address;
  throw syscallError(`${syscall} ${host}:${at.port}`, calls().errno());
}
