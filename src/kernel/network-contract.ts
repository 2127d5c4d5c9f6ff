/**
 * Network namespaces and what is in them: interfaces, addresses, routes, sockets, packet filters. `linux/` is the real
 * one. All calls are synchronous. What the kernel refuses is a SyscallError: `code` is the errno's name (`EEXIST`,
 * `ENODEV`), `syscall` says which message of which call, the message has the kernel's own explanation if it gave one.
 */
import type { PacketFilter } from './nftables-contract.ts';

export interface NetworkKernel {
  /** The namespace that this process runs in. The same object every time; disposing of it does nothing. */
  host(): NetworkNamespace;
  /** A fresh one, with `lo` up. */
  create(): NetworkNamespace;
  /**
   * That of a process: `startTicks` is what `processStart(pid)` said of it. A process that has gone, also one whose pid is
   * another's now, is `ESRCH`. May belong to a user namespace of its own.
   */
  ofProcess(pid: number, startTicks: string): NetworkNamespace;
  /** One more handle of a namespace, by the path of its file. */
  open(path: string): NetworkNamespace;
}

/**
 * Held by an fd, and by nothing in any mount table. It lives as long as the fd or a process in it. After its disposal
 * every call throws `EBADF`.
 */
export interface NetworkNamespace extends Disposable {
  readonly fd: number;
  /** Where other processes of root open it while this one holds it: `/proc/PID/fd/N`. */
  readonly path: string;
  /** Of its file (stat(2)): the same for the same namespace. */
  readonly inode: number;

  /**
   * Runs `work` with this thread inside: sockets and processes made there belong to this namespace. `work` must be
   * synchronous (a promise is refused). May be nested. If the way back fails, the process aborts: nothing may run in a
   * namespace that it does not know of.
   */
  within<T>(work: () => T): T;

  /**
   * Makes the changes in their order. Stops at the first that the kernel refuses, and takes nothing back: SyscallError
   * with `syscall` as `netlink change 2 (address-add)`.
   */
  change(changes: readonly NetworkChange[]): void;
  /**
   * As `change`, on another thread: the kernel's lock of interfaces may be somebody's for milliseconds. They go in one
   * datagram: none may need an interface that another one makes, all are tried, and the first refusal is told.
   */
  changeAside(changes: readonly NetworkChange[]): Promise<void>;
  /**
   * Deletes an interface that may be there no more, on another thread: the kernel takes 15 to 40 ms (it waits for all
   * processors, synchronize_rcu and rcu_barrier), in which nothing else would run here. Resolves as soon as nobody finds it
   * or its addresses any more, and others can be changed again; its memory goes later. To dispose of a namespace takes
   * those in it, and their peers, just as well, and a few moments later.
   */
  deleteLink(name: string): Promise<void>;
  /** All; or those that are ports of a bridge, by its index. */
  links(master?: number): Link[];
  /** As `link(name)?.index`, in a tenth of the time. */
  index(name: string): number | undefined;
  /** undefined: there is none of that name or index. */
  link(nameOrIndex: LinkRef): Link | undefined;
  addresses(link?: LinkRef): Address[];
  /** Of the main table, without the kernel's own local and broadcast routes. */
  routes(family?: 'inet' | 'inet6'): Route[];

  /** `net.ipv4.conf.eth0.arp_notify`, with `/` for a dot inside a name; only `net.`, anything else is `EINVAL`. */
  sysctl(name: string): string;
  setSysctl(name: string, value: string): void;

  readonly packetFilter: PacketFilter;
  /**
   * The kernel knows nothing more of those connections: their next packet meets the packet filter as a new one does. How
   * many there were. A kernel that follows none: 0.
   */
  forgetConnections(protocol: 'udp' | 'sctp', family: 'inet' | 'inet6', which: (connection: TrackedConnection) => boolean): number;
  /** Tells of changes of interfaces, addresses and forwarding by anybody, from now on. */
  watch(): NetworkWatch;

  /** A bound socket, close-on-exec and non-blocking, the caller's to close; for node:dgram's `bind({fd})`. */
  udpSocket(at: SocketAddress): BoundSocket;
  /** Listens already; for node:net's `listen({fd})`. */
  tcpListener(at: SocketAddress): BoundSocket;
  /** Of no address yet, close-on-exec and non-blocking, the caller's to close; for node:net's `new Socket({fd})`, which connects it. */
  tcpSocket(family: 'inet' | 'inet6'): number;
  /**
   * Binds (and listens, where that is what keeps others away) and never receives: whoever binds the same port gets
   * `EADDRINUSE`, as this call does when somebody has it (`EADDRNOTAVAIL`: no such address here; `EPROTONOSUPPORT`: a
   * kernel without SCTP). Close `fd` to free it.
   */
  reservePort(protocol: 'tcp' | 'udp' | 'sctp', at: SocketAddress): BoundSocket;
}

export interface NetworkWatch extends Disposable {
  /** Something has changed since the last call: one system call, and one more for each change. */
  changed(): boolean;
}

/** What a packet of a connection was sent to, and who answers: another address where the packet filter has sent it on. */
export interface TrackedConnection {
  readonly to: string;
  readonly toPort: number;
  readonly answeredBy: string;
}

export interface SocketAddress {
  /** IPv4 or IPv6, as text, without brackets. IPv6 is IPV6_V6ONLY: `::` leaves 0.0.0.0 free. */
  readonly address: string;
  /** 0: one that is free. */
  readonly port: number;
}

export interface BoundSocket {
  readonly fd: number;
  readonly port: number;
}

/** An interface by its name or its index. */
export type LinkRef = string | number;

export interface Link {
  readonly index: number;
  readonly name: string;
  /** rtnetlink's: `bridge`, `veth`, `dummy`, `vlan`, `macvlan`, `ipvlan`, …; undefined for hardware and `lo`. */
  readonly kind: string | undefined;
  /** `02:42:ac:11:00:02`; undefined where there is none (tunnels). */
  readonly mac: string | undefined;
  readonly loopback: boolean;
  /** Set up by an administrator: IFF_UP. */
  readonly up: boolean;
  /** Has a carrier and can send: IFF_LOWER_UP. */
  readonly running: boolean;
  readonly mtu: number;
  /** Index of the bridge (or bond) that it is a port of. */
  readonly master: number | undefined;
  /** `ip link set … alias`. */
  readonly alias: string | undefined;
  /** Index of its parent or its peer; in the namespace `peerNamespace` if that is set, else in this one. */
  readonly peer: number | undefined;
  /** The id that this namespace has given to the one where `peer` is (`link-netnsid`). */
  readonly peerNamespace: number | undefined;
}

/** What every new link can be given. */
export interface NewLinkOptions {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly up?: boolean;
  readonly alias?: string;
  readonly master?: LinkRef;
  /** Where it comes to be; default: the namespace whose `change` is called. `alias` and `master` do not go with it. */
  readonly namespace?: Pick<NetworkNamespace, 'fd'>;
}

export type MacvlanMode = 'bridge' | 'vepa' | 'private' | 'passthru';
export type IpvlanMode = 'l2' | 'l3' | 'l3s';
export type IpvlanFlag = 'bridge' | 'private' | 'vepa';

export type NewLink = NewLinkOptions &
  (
    | { readonly kind: 'dummy' }
    /** Without spanning tree and with no forward delay. */
    | ({ readonly kind: 'bridge' } & BridgeOptions)
    | { readonly kind: 'veth'; readonly peer: Pick<NewLinkOptions, 'name' | 'mac' | 'mtu' | 'namespace'> }
    | { readonly kind: 'vlan'; readonly parent: LinkRef; readonly id: number }
    | { readonly kind: 'macvlan'; readonly parent: LinkRef; readonly mode: MacvlanMode }
    | { readonly kind: 'ipvlan'; readonly parent: LinkRef; readonly mode: IpvlanMode; readonly flag?: IpvlanFlag }
  );

export interface BridgeOptions {
  readonly multicastSnooping?: boolean;
  /** Seconds. */
  readonly ageing?: number;
}

/** Of a port of a bridge. */
export interface BridgePortOptions {
  readonly hairpin?: boolean;
  readonly isolated?: boolean;
  /** Frames for an unknown address go out here. */
  readonly flood?: boolean;
  readonly learning?: boolean;
}

export interface LinkSettings {
  readonly up?: boolean;
  /** Most drivers want the link to be down. */
  readonly name?: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly alias?: string;
  /** null: of none. */
  readonly master?: LinkRef | null;
  readonly namespace?: Pick<NetworkNamespace, 'fd'>;
  /** `none`: the kernel makes no fe80:: address when it goes up; `eui64`: the default. */
  readonly ipv6LinkLocal?: 'none' | 'eui64';
}

export interface Address {
  readonly link: LinkRef;
  /** With its prefix length: `172.17.0.2/16`. */
  readonly address: string;
  /** IPv4: as given; absent for none. */
  readonly broadcast?: string;
  /** IPv6: used at once, without looking for duplicates. */
  readonly nodad?: boolean;
  /** For addresses read: `link` for fe80:: and 169.254, `host` for 127.0.0.1. */
  readonly scope?: 'global' | 'link' | 'host' | 'site';
  /** No route to its subnet comes with it (IFA_F_NOPREFIXROUTE). */
  readonly noprefixroute?: boolean;
}

export interface Route {
  /** A prefix, `10.1.0.0/16`; or `default` (then `family` decides, or the gateway). */
  readonly to: string;
  readonly family?: 'inet' | 'inet6';
  readonly via?: string;
  readonly link?: LinkRef;
  /** The gateway is reachable through `link` although no address says so. */
  readonly onlink?: boolean;
  readonly metric?: number;
  readonly source?: string;
  readonly mtu?: number;
  /** What made it, for routes read: `kernel`, `static`, `boot`, `ra`, or a number. */
  readonly protocol?: string;
}

export interface Neighbour {
  readonly link: LinkRef;
  readonly address: string;
  readonly mac: string;
}

/** Data: can be printed, compared and recorded. */
export type NetworkChange =
  /** `EEXIST`: the name is taken; `ENOTSUP`: this kernel has no such kind; `EBUSY`, `EINVAL`: the parent cannot have it. */
  | { readonly op: 'link-add'; readonly link: NewLink }
  | ({ readonly op: 'link-set'; readonly link: LinkRef } & { readonly settings: LinkSettings })
  | { readonly op: 'bridge-set'; readonly link: LinkRef; readonly options: BridgeOptions }
  | { readonly op: 'bridge-port-set'; readonly link: LinkRef; readonly options: BridgePortOptions }
  /** `missingOk`: nothing happens when there is none. Of a veth its peer goes too. */
  | { readonly op: 'link-delete'; readonly link: LinkRef; readonly missingOk?: boolean }
  /** `replace`: one that is there already is right as well. */
  | { readonly op: 'address-add'; readonly address: Address; readonly replace?: boolean }
  | { readonly op: 'address-delete'; readonly address: Address; readonly missingOk?: boolean }
  | { readonly op: 'route-add'; readonly route: Route; readonly replace?: boolean }
  | { readonly op: 'route-delete'; readonly route: Route; readonly missingOk?: boolean }
  /** Permanent; replaces what was known. */
  | { readonly op: 'neighbour-set'; readonly neighbour: Neighbour }
  | { readonly op: 'neighbour-delete'; readonly neighbour: Omit<Neighbour, 'mac'>; readonly missingOk?: boolean };
