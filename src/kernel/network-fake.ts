/** Network namespaces that record instead of acting: for tests of what is above them and asks them for changes. */
import { isDeepStrictEqual } from 'node:util';
import { SyscallError } from '../base/errors.ts';
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
} from './network-contract.ts';
import type { NftChain, NftChange, NftElement, NftRuleRead, NftSetRead, NftSetType, NftTable, PacketFilter } from './nftables-contract.ts';

/** What is there is what the test has put there; changes are kept, and change nothing. */
export class RecordingPacketFilter implements PacketFilter {
  /** Each batch. */
  readonly batches: (readonly NftChange[])[] = [];
  readonly present = {
    tables: [] as NftTable[],
    chains: [] as NftChain[],
    rules: [] as NftRuleRead[],
    sets: [] as NftSetRead[],
    /** By the name of their set. */
    elements: {} as Record<string, NftElement[]>,
  };
  /** The next batch is refused with it. */
  refusal: SyscallError | undefined;

  change(changes: readonly NftChange[]): void {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined) throw refusal;
    if (changes.length > 0) this.batches.push(changes);
  }

  generation(): number {
    return this.batches.length + 1;
  }

  tables(): NftTable[] {
    return [...this.present.tables];
  }

  chains(of?: { readonly family: string; readonly table: string }): NftChain[] {
    return this.present.chains.filter(({ family, table }) => of === undefined || (family === of.family && table === of.table));
  }

  rules(of: { readonly family: string; readonly table: string; readonly chain: string }): NftRuleRead[] {
    return this.present.rules.filter(({ family, table, chain }) => family === of.family && table === of.table && chain === of.chain);
  }

  sets(of: { readonly family: string; readonly table: string }): NftSetRead[] {
    return this.present.sets.filter(({ family, table }) => family === of.family && table === of.table);
  }

  elements(of: { readonly set: string }): NftElement[] {
    return [...(this.present.elements[of.set] ?? [])];
  }

  holds(of: { readonly set: string }, _type: NftSetType, elements: readonly NftElement[]): boolean {
    return elements.every((element) => this.elements(of).some((there) => isDeepStrictEqual(there, element)));
  }
}

/** What is there is what the test has put there; changes are kept, and change nothing. */
export class RecordingNetworkNamespace implements NetworkNamespace {
  readonly fd: number;
  readonly path: string;
  readonly inode: number;
  readonly changes: NetworkChange[] = [];
  readonly packetFilter = new RecordingPacketFilter();
  readonly sysctls = new Map<string, string>();
  readonly present = { links: [] as Link[], addresses: [] as Address[], routes: [] as Route[] };
  /** As `tcp 0.0.0.0:80`: what `reservePort` refuses with `EADDRINUSE`, and what it has given out. */
  readonly taken = new Set<string>();
  /** The next change is refused with it. */
  refusal: SyscallError | undefined;
  disposed = false;

  constructor(number: number) {
    this.fd = 100 + number;
    this.path = `/proc/1/fd/${this.fd}`;
    this.inode = 4026532000 + number;
  }

  within<T>(work: () => T): T {
    return work();
  }

  change(changes: readonly NetworkChange[]): void {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined) throw refusal;
    this.changes.push(...changes);
  }

  async changeAside(changes: readonly NetworkChange[]): Promise<void> {
    this.change(changes);
  }

  async deleteLink(name: string): Promise<void> {
    this.change([{ op: 'link-delete', link: name, missingOk: true }]);
  }

  links(master?: number): Link[] {
    return this.present.links.filter((link) => master === undefined || link.master === master);
  }

  index(name: string): number | undefined {
    return this.link(name)?.index;
  }

  link(nameOrIndex: LinkRef): Link | undefined {
    return this.present.links.find(({ name, index }) => name === nameOrIndex || index === nameOrIndex);
  }

  addresses(link?: LinkRef): Address[] {
    return this.present.addresses.filter((address) => link === undefined || address.link === link);
  }

  routes(family?: 'inet' | 'inet6'): Route[] {
    return this.present.routes.filter((route) => family === undefined || route.family === family);
  }

  forgetConnections(): number {
    return 0;
  }

  watch(): NetworkWatch {
    return { changed: () => false, [Symbol.dispose]() {} };
  }

  sysctl(name: string): string {
    return this.sysctls.get(name) ?? '0';
  }

  setSysctl(name: string, value: string): void {
    this.sysctls.set(name, value);
  }

  /** fd -1 here and below: nothing is open. */
  udpSocket(at: SocketAddress): BoundSocket {
    return this.reservePort('udp', at);
  }

  tcpListener(at: SocketAddress): BoundSocket {
    return this.reservePort('tcp', at);
  }

  tcpSocket(): number {
    return -1;
  }

  reservePort(protocol: 'tcp' | 'udp' | 'sctp', at: SocketAddress): BoundSocket {
    let { port } = at;
    const name = (): string => `${protocol} ${at.address}:${port}`;
    if (port === 0) for (port = 32768; this.taken.has(name());) port++;
    if (this.taken.has(name())) throw new SyscallError(`bind ${at.address}:${port}`, 98, 'EADDRINUSE', 'address already in use');
    this.taken.add(name());
    return { fd: -1, port };
  }

  [Symbol.dispose](): void {
    this.disposed = true;
  }
}

/** Makes recording namespaces, and keeps them. */
export class RecordingNetworkKernel implements NetworkKernel {
  /** The host's first. */
  readonly namespaces = [new RecordingNetworkNamespace(0)];
  readonly #processes = new Map<number, RecordingNetworkNamespace>();

  host(): RecordingNetworkNamespace {
    return this.namespaces[0]!;
  }

  /** By the path of one that was made here. */
  open(path: string): RecordingNetworkNamespace {
    const found = this.namespaces.find((namespace) => namespace.path === path);
    if (found === undefined) throw new SyscallError(`open network namespace ${path}`, 2, 'ENOENT', 'no such file or directory');
    return found;
  }

  create(): RecordingNetworkNamespace {
    const namespace = new RecordingNetworkNamespace(this.namespaces.length);
    this.namespaces.push(namespace);
    return namespace;
  }

  /** The same one each time for the same pid. */
  ofProcess(pid: number, _startTicks: string): RecordingNetworkNamespace {
    const known = this.#processes.get(pid) ?? this.create();
    this.#processes.set(pid, known);
    return known;
  }
}
