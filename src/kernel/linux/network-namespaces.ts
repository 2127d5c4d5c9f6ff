/** `network-contract.ts` on Linux. */
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SyscallError } from '../../base/errors.ts';
import { forgetConnections } from './conntrack.ts';
import { AF } from './ip-bytes.ts';
import { NetlinkSocket, NETLINK } from './netlink-socket.ts';
import { NetlinkWatch } from './netlink-watch.ts';
import { syscallError } from './socket-calls.ts';
import { findLink, makeChanges, makeChangesAside } from './network-changes.ts';
import { openReservation, openTcpListener, openTcpSocket, openUdpSocket } from './network-sockets.ts';
import { LinuxPacketFilter } from './nftables.ts';
import { processStart } from './process.ts';
import { decodeLink, deleteLink, dumpLinks, getLink } from './rtnetlink-links.ts';
import { decodeAddress, decodeRoute, dumpOf, RTM_ADDRESS, RTM_ROUTE } from './rtnetlink-routes.ts';
import { closeNamespace, homeNamespace, unshareNamespace, withinNamespace } from './thread-namespace.ts';
import type {
  Address,
  BoundSocket,
  Link,
  LinkRef,
  NetworkChange,
  NetworkKernel,
  NetworkNamespace,
  NetworkWatch,
  Route,
  SocketAddress,
  TrackedConnection,
} from '../network-contract.ts';
import type { PacketFilter } from '../nftables-contract.ts';

const ESRCH = 3;
const EBADF = 9;
const ENODEV = 19;
const EINVAL = 22;
const UNSPEC = 0;

/** Costs nothing before its first call. Of one thread: a worker makes its own. */
export function linuxNetworkKernel(): NetworkKernel {
  let host: NetworkNamespace | undefined;
  return {
    host: () => (host ??= new LinuxNetworkNamespace(homeNamespace(), true)),
    create: createNamespace,
    ofProcess,
    open: openNamespace,
  };
}

function createNamespace(): NetworkNamespace {
  let route: NetlinkSocket | undefined;
  try {
    const fd = unshareNamespace(() => {
      route = new NetlinkSocket(NETLINK.ROUTE);
      makeChanges(route, [{ op: 'link-set', link: 1, settings: { up: true } }]);
    });
    return new LinuxNetworkNamespace(fd, false, route);
  } catch (error) {
    route?.[Symbol.dispose]();
    throw error;
  }
}

function ofProcess(pid: number, startTicks: string): NetworkNamespace {
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/ns/net`, 'r');
  } catch (error) {
    throw fileError(error, `open network namespace of process ${pid}`, ESRCH);
  }
  // asked after the opening: what was opened was this process's, unless the pid had changed hands before
  if (processStart(pid) !== startTicks) {
    closeSync(fd);
    throw syscallError(`open network namespace of process ${pid}`, ESRCH);
  }
  return new LinuxNetworkNamespace(fd, false);
}

function openNamespace(path: string): NetworkNamespace {
  try {
    return new LinuxNetworkNamespace(openSync(path, 'r'), false);
  } catch (error) {
    throw fileError(error, `open network namespace ${path}`);
  }
}

class LinuxNetworkNamespace implements NetworkNamespace {
  readonly fd: number;
  readonly path: string;
  readonly inode: number;
  readonly packetFilter: PacketFilter;
  readonly #permanent: boolean;
  #disposed = false;
  #route: NetlinkSocket | undefined;
  #netfilter: NetlinkSocket | undefined;

  constructor(fd: number, permanent: boolean, route?: NetlinkSocket) {
    this.fd = fd;
    this.path = `/proc/${process.pid}/fd/${fd}`;
    this.inode = fstatSync(fd).ino;
    this.#permanent = permanent;
    this.#route = route;
    this.packetFilter = new LinuxPacketFilter(() => (this.#netfilter ??= this.#open(NETLINK.NETFILTER)));
  }

  within<T>(work: () => T): T {
    this.#mustBeOpen();
    return withinNamespace(this.fd, work);
  }

  change(changes: readonly NetworkChange[]): void {
    makeChanges(this.#routes(), changes);
  }

  async changeAside(changes: readonly NetworkChange[]): Promise<void> {
    using socket = this.#open(NETLINK.ROUTE);
    await makeChangesAside(socket, changes);
  }

  async deleteLink(name: string): Promise<void> {
    // sockets of their own: the others are used meanwhile
    const socket = this.#open(NETLINK.ROUTE);
    using asking = this.#open(NETLINK.ROUTE);
    let answered = false;
    const answer = socket.sendLong([deleteLink(name)]).finally(() => {
      answered = true;
      socket[Symbol.dispose]();
    });
    answer.catch(() => {});
    // who asks waits, on another thread, for what the kernel is doing under its lock
    while ((await asking.sendLong([getLink(name)])).failure?.errno !== ENODEV && !answered) await sleep(1);
    if (!answered) return;
    const { failure } = await answer;
    if (failure !== undefined && failure.errno !== ENODEV) throw syscallError(`netlink delete ${name}`, failure.errno, failure.explanation);
  }

  links(master?: number): Link[] {
    const links = this.#routes().dump(dumpLinks(master), 'netlink links').map(decodeLink);
    // an old kernel tells of all
    return master === undefined ? links : links.filter((link) => link.master === master);
  }

  index(name: string): number | undefined {
    return this.#routes().indexOf(name);
  }

  link(nameOrIndex: LinkRef): Link | undefined {
    return findLink(this.#routes(), nameOrIndex);
  }

  addresses(link?: LinkRef): Address[] {
    const index = typeof link === 'string' ? (this.index(link) ?? -1) : link;
    const all = this.#routes()
      .dump(dumpOf(RTM_ADDRESS.GET, UNSPEC, 8), 'netlink addresses')
      .map(decodeAddress);
    return index === undefined ? all : all.filter((address) => address.link === index);
  }

  routes(family?: 'inet' | 'inet6'): Route[] {
    const families = family === undefined ? [AF.INET, AF.INET6] : [family === 'inet' ? AF.INET : AF.INET6];
    return families.flatMap((number) =>
      this.#routes()
        .dump(dumpOf(RTM_ROUTE.GET, number, 12), 'netlink routes')
        .map(decodeRoute)
        .filter((route) => route !== undefined),
    );
  }

  sysctl(name: string): string {
    const path = sysctlPath(name);
    return this.within(() => {
      try {
        return readFileSync(path, 'utf8').trim();
      } catch (error) {
        throw fileError(error, `read sysctl ${name}`);
      }
    });
  }

  setSysctl(name: string, value: string): void {
    const path = sysctlPath(name);
    this.within(() => {
      try {
        writeFileSync(path, value, { flag: 'r+' }); // never made: one that is not there is ENOENT
      } catch (error) {
        throw fileError(error, `write sysctl ${name}`);
      }
    });
  }

  forgetConnections(protocol: 'udp' | 'sctp', family: 'inet' | 'inet6', which: (connection: TrackedConnection) => boolean): number {
    this.#mustBeOpen();
    try {
      return forgetConnections((this.#netfilter ??= this.#open(NETLINK.NETFILTER)), protocol, family, which);
    } catch (error) {
      // its modules are not there
      if (error instanceof SyscallError && ['EINVAL', 'EOPNOTSUPP', 'EPROTONOSUPPORT'].includes(error.code)) return 0;
      throw error;
    }
  }

  watch(): NetworkWatch {
    return this.within(() => new NetlinkWatch());
  }

  udpSocket(at: SocketAddress): BoundSocket {
    return this.within(() => openUdpSocket(at));
  }

  tcpListener(at: SocketAddress): BoundSocket {
    return this.within(() => openTcpListener(at));
  }

  tcpSocket(family: 'inet' | 'inet6'): number {
    return this.within(() => openTcpSocket(family));
  }

  reservePort(protocol: 'tcp' | 'udp' | 'sctp', at: SocketAddress): BoundSocket {
    return this.within(() => openReservation(protocol, at));
  }

  [Symbol.dispose](): void {
    if (this.#disposed || this.#permanent) return;
    closeNamespace(this.fd);
    this.#disposed = true;
    this.#route?.[Symbol.dispose]();
    this.#netfilter?.[Symbol.dispose]();
  }

  #routes(): NetlinkSocket {
    this.#mustBeOpen();
    return (this.#route ??= this.#open(NETLINK.ROUTE));
  }

  #open(protocol: number): NetlinkSocket {
    return this.within(() => new NetlinkSocket(protocol));
  }

  #mustBeOpen(): void {
    // the number may by now be another file's
    if (this.#disposed) throw syscallError('network namespace', EBADF);
  }
}

function sysctlPath(name: string): string {
  const parts = name.split('.').map((part) => part.replaceAll('/', '.'));
  if (parts[0] !== 'net' || parts.length < 2 || parts.some((part) => part === '' || part === '.' || part === '..') || name.includes('\0')) {
    throw syscallError(`sysctl ${JSON.stringify(name)}`, EINVAL);
  }
  return `/proc/sys/${parts.join('/')}`;
}

/** Node's error of a file as ours. `missing`: what it is when there is no such file. */
function fileError(error: unknown, syscall: string, missing?: number): unknown {
  const { errno, code } = error as NodeJS.ErrnoException;
  if (errno === undefined || code === undefined) return error;
  return missing !== undefined && code === 'ENOENT' ? syscallError(syscall, missing) : syscallError(syscall, -errno);
}
