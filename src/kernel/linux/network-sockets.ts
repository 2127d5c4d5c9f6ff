/** Sockets bound where the thread is now: ip(7), tcp(7), udp(7). See `NetworkNamespace` for what they promise. */
import { closeSync } from 'node:fs';
import { invalid } from '../../base/errors.ts';
import { hostAndPort } from '../../base/host-and-port.ts';
import { addressBytes, AF } from './ip-bytes.ts';
import { u32 } from './netlink-message.ts';
import { checkedCall, SOCK, socketCalls, SOL_SOCKET } from './socket-calls.ts';
import type { BoundSocket, SocketAddress } from '../network-contract.ts';

const IPPROTO = { tcp: 6, udp: 17, sctp: 132 } as const;
const SO_REUSEADDR = 2;
const SO_RCVBUF = 8;
const SOL_IPV6 = 41;
const IPV6_V6ONLY = 26;
const BACKLOG = 511;

/** See `NetworkNamespace.udpSocket`. Here and below: in the namespace where the thread is. */
export function openUdpSocket(at: SocketAddress): BoundSocket {
  return open('udp', at, () => {});
}

/** See `NetworkNamespace.tcpListener`. */
export function openTcpListener(at: SocketAddress): BoundSocket {
  return open('tcp', at, (fd) => check('listen', at, socketCalls().listen(fd, BACKLOG)));
}

/** See `NetworkNamespace.tcpSocket`. */
export function openTcpSocket(family: 'inet' | 'inet6'): number {
  const type = SOCK.STREAM | SOCK.NONBLOCK | SOCK.CLOEXEC;
  return checkedCall('socket tcp', socketCalls().socket(family === 'inet' ? AF.INET : AF.INET6, type, IPPROTO.tcp));
}

/** See `NetworkNamespace.reservePort`. */
export function openReservation(protocol: 'tcp' | 'udp' | 'sctp', at: SocketAddress): BoundSocket {
  return open(protocol, at, (fd) => {
    // what comes here past the rules is nobody's
    if (protocol === 'udp') socketCalls().setsockopt(fd, SOL_SOCKET, SO_RCVBUF, u32(0), 4);
    // a bound socket alone does not keep away who sets SO_REUSEADDR
    else check('listen', at, socketCalls().listen(fd, 1));
  });
}

function open(protocol: keyof typeof IPPROTO, at: SocketAddress, prepare: (fd: number) => void): BoundSocket {
  if (!Number.isInteger(at.port) || at.port < 0 || at.port > 65535) throw invalid(`invalid port: ${at.port}`);
  const address = addressBytes(at.address);
  const family = address.length === 4 ? AF.INET : AF.INET6;
  const { socket, setsockopt, bind, getsockname } = socketCalls();
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
  return checkedCall(`${syscall} ${hostAndPort(at.address, at.port)}`, result);
}
