/** Containers' networks on this machine: the namespace, the interfaces, the ports, the name server of each that runs. */
import { EngineError, SyscallError } from '../base/errors.ts';
import type { NetworkNamespace } from '../kernel/network-contract.ts';
import type { Circumstances, Endpoint, NetworkRecord } from '../network/contract.ts';
import { Slots } from '../network/dns/forwarder.ts';
import type { NameServer } from '../network/dns/upstream.ts';
import { announceEndpoint, bareAddresses, defaultRoutes } from '../network/host/endpoint.ts';
import { networksInUse } from './attached.ts';
import type { ContainerRecord } from './container-record.ts';
import { endpointsOf, leavePlace, leavePlaces, takePlace, takePlaces } from './network-places.ts';
import type { Networking } from './networking.ts';
import type { EngineParts } from './parts.ts';
import type { ProcessId } from './process-id.ts';
import type { OpenSandbox, Sandboxes } from './sandbox-contract.ts';
import { sandboxDns } from './sandbox-dns.ts';
import { runOptionsOf } from './run-options-of.ts';
import { changeEtcFiles, hasNameServer, internalConf } from './sandbox-files.ts';
import { attempt, mendNetworks, type Joined } from './sandbox-mend.ts';
import { SandboxNames } from './sandbox-names.ts';

/** Questions to others' name servers at a time, of all containers together. */
const FORWARDED = 4096;

/** Until a bridge lets through what comes from a new port. */
const ANNOUNCE_MS = 10;

export class MachineSandboxes implements Sandboxes {
  readonly #parts: () => EngineParts;
  readonly #networking: () => Networking;
  /** Name servers, by container; each has its namespace. */
  readonly #dns = new Map<string, Disposable>();
  readonly #names: SandboxNames;
  /** Containers that are being started with interfaces. */
  readonly #starting = new Set<string>();
  /** Endpoints whose interfaces are being made. */
  readonly #joining = new Set<string>();
  readonly #slots = new Slots(FORWARDED);
  #closed = false;

  constructor(parts: () => EngineParts, networking: () => Networking) {
    this.#parts = parts;
    this.#networking = networking;
    this.#names = new SandboxNames(parts);
  }

  async open(record: ContainerRecord, { ownUser }: { readonly ownUser: boolean }): Promise<OpenSandbox> {
    const parts = this.#parts();
    const placed = await takePlaces(parts, record);
    const joined = endpointsOf(parts, placed);
    if (joined.length === 0) return this.#alone(placed, ownUser ? undefined : this.#readyFor(placed));
    const started = () => void this.#starting.delete(record.id);
    const close = () => {
      started();
      this.ended(record.id);
    };
    if (ownUser) {
      const arrived = async (process: ProcessId) => {
        try {
          using namespace = this.#namespaceOf(process);
          await this.#attach(placed, joined, namespace);
        } catch (error) {
          throw networkingFailed(error);
        }
        announceLater(this.#namespaceOf(process), joined);
      };
      this.#starting.add(record.id);
      return { record: placed, attach: async () => {}, arrived, started, [Symbol.dispose]: close };
    }
    const namespace = await this.#take();
    this.#starting.add(record.id);
    return {
      record: placed,
      path: namespace.path,
      attach: async () => {
        try {
          await this.#attach(placed, joined, namespace);
        } catch (error) {
          throw networkingFailed(error);
        }
      },
      arrived: async () => {},
      started: () => {
        started();
        announceLater(namespace, joined);
      },
      [Symbol.dispose]: () => {
        namespace[Symbol.dispose]();
        close();
      },
    };
  }

  /** Nothing but `lo`, or nothing of its own. */
  #alone(record: ContainerRecord, namespace: NetworkNamespace | undefined): OpenSandbox {
    const release = () => namespace?.[Symbol.dispose]();
    return {
      record,
      ...(namespace === undefined ? {} : { path: namespace.path }),
      attach: async () => {},
      arrived: async () => {},
      started: release,
      [Symbol.dispose]: () => {
        release();
        this.ended(record.id);
      },
    };
  }

  /** One that is there already, in an engine that is there for long: the helper makes one as well, but the container waits for it. */
  #readyFor({ hostConfig: { NetworkMode }, config: { NetworkDisabled } }: ContainerRecord): NetworkNamespace | undefined {
    return this.#parts().owned && NetworkMode === 'none' && !NetworkDisabled ? this.#networking().pool.takeReady() : undefined;
  }

  async #take(): Promise<NetworkNamespace> {
    try {
      return await this.#networking().pool.take();
    } catch (error) {
      throw networkingFailed(error);
    }
  }

  #namespaceOf({ pid, start }: ProcessId): NetworkNamespace {
    return this.#networking().kernel.ofProcess(pid, start);
  }

  /** Interfaces, ports and names of all places. All or nothing, but for the places themselves. */
  async #attach(record: ContainerRecord, joined: readonly Joined[], namespace: NetworkNamespace): Promise<void> {
    const done: Joined[] = [];
    try {
      for (const one of joined) {
        await this.#join(record, one, namespace, { fresh: true, alone: this.#starting.size < 2 });
        done.push(one);
      }
      this.#began(record, joined, namespace);
    } catch (error) {
      // nobody waits for the interfaces: who cannot start has no namespace either
      for (const { network, endpoint } of done) void this.#driver(network).detach(network, endpoint, undefined);
      throw error;
    }
    this.#watch();
  }

  /** All or nothing; rejects, too, where the container has left the network meanwhile. */
  async #join(record: ContainerRecord, { network, endpoint }: Joined, namespace: NetworkNamespace, circumstances: Circumstances = {}): Promise<void> {
    this.#joining.add(endpoint.id);
    try {
      await this.#driver(network).attach(network, endpoint, namespace, circumstances);
    } finally {
      this.#joining.delete(endpoint.id);
    }
    if (this.#parts().store.load(record.id)?.attached?.[network.id]?.EndpointID === endpoint.id) return;
    void this.#detach(network, endpoint, undefined);
    throw new EngineError('conflict', `container ${record.id} is not running`);
  }

  /** What this process does for a container whose interfaces are there. */
  #began(record: ContainerRecord, joined: readonly Joined[], namespace: NetworkNamespace): void {
    const parts = this.#parts();
    for (const { network } of joined) this.#names.put(network.id, record.attached![network.id]!);
    const carrier = joined.find(({ endpoint }) => endpoint.ports.length > 0)?.endpoint;
    if (carrier !== undefined) parts.ports.relay(record.id, bareAddresses(carrier));
    this.#serveNames(record, namespace);
  }

  /** On networks of users. */
  #serveNames(record: ContainerRecord, namespace: NetworkNamespace): void {
    const { id } = record;
    if (this.#dns.has(id) || !hasNameServer(record)) return;
    // a handle of its own: the server lives as long as the container
    const own = this.#networking().kernel.open(namespace.path);
    try {
      const { servers, keepsBareNames } = internalConf(runOptionsOf(record));
      const dns = sandboxDns({
        namespace: own,
        networks: () => this.#names.view(id),
        servers: () => this.#reachable(id, servers),
        keepsBareNames,
        slots: this.#slots,
      });
      this.#dns.set(id, {
        [Symbol.dispose]() {
          dns[Symbol.dispose]();
          own[Symbol.dispose]();
        },
      });
    } catch (error) {
      own[Symbol.dispose]();
      throw error;
    }
  }

  /** Nobody where all networks are internal. */
  #reachable(id: string, servers: readonly NameServer[]): readonly NameServer[] {
    const parts = this.#parts();
    const networks = parts.networks().store;
    const outside = Object.keys(parts.store.load(id)?.attached ?? {}).some((networkId) => networks.load(networkId)?.internal === false);
    return outside ? servers : [];
  }

  ended(id: string): void {
    const parts = this.#parts();
    const record = parts.store.load(id);
    this.#stop(id);
    if (record?.attached === undefined) return;
    // one that cannot be taken away keeps nobody from hearing that it has ended
    for (const { network, endpoint } of endpointsOf(parts, record)) attempt(() => void this.#detach(network, endpoint, undefined));
    leavePlaces(parts, id);
  }

  /** What this process does for it. */
  #stop(id: string): void {
    this.#dns.get(id)?.[Symbol.dispose]();
    this.#dns.delete(id);
    this.#parts().ports.release(id);
  }

  #detach(network: NetworkRecord, endpoint: Endpoint, namespace: NetworkNamespace | undefined): Promise<void> {
    this.#names.remove(network.id, endpoint.id);
    return this.#driver(network).detach(network, endpoint, namespace);
  }

  async connect(record: ContainerRecord, network: NetworkRecord): Promise<void> {
    const parts = this.#parts();
    const before = endpointsOf(parts, record);
    const placed = await takePlace(parts, record.id, network, record.endpoints[network.name] ?? {});
    const joined = endpointsOf(parts, placed);
    const one = joined.find((each) => each.network.id === network.id);
    if (one === undefined) return;
    try {
      using namespace = this.#namespaceOf(record.process!);
      await this.#join(placed, one, namespace);
      try {
        this.#reroute(before, joined, namespace);
        this.#began(placed, [one], namespace);
        changeEtcFiles(parts, placed, { joined: one.endpoint });
        announceLater(this.#namespaceOf(record.process!), [one]);
      } catch (error) {
        await this.#detach(network, one.endpoint, namespace);
        throw error;
      }
    } catch (error) {
      await leavePlace(parts, record.id, network);
      throw networkingFailed(error);
    }
    this.#watch();
  }

  async disconnect(record: ContainerRecord, network: NetworkRecord): Promise<void> {
    const parts = this.#parts();
    const before = endpointsOf(parts, record);
    const left = await leavePlace(parts, record.id, network);
    const one = before.find((each) => each.network.id === network.id);
    if (one === undefined || left === undefined) return;
    using namespace = this.#namespaceOf(record.process!);
    await this.#detach(network, one.endpoint, namespace);
    this.#reroute(before, endpointsOf(parts, left), namespace);
    changeEtcFiles(parts, left, { left: one.endpoint });
  }

  /** Default routes and published ports follow the network that has them now. */
  #reroute(before: readonly Joined[], now: readonly Joined[], namespace: NetworkNamespace): void {
    for (const { network, endpoint } of now) {
      const was = before.find((each) => each.network.id === network.id)?.endpoint;
      if (was === undefined) continue;
      if (was.gateway4 !== endpoint.gateway4 || was.gateway6 !== endpoint.gateway6) namespace.change(defaultRoutes(endpoint));
      if (JSON.stringify(was.ports) !== JSON.stringify(endpoint.ports)) this.#driver(network).adopt(network, endpoint);
    }
  }

  renamed(record: ContainerRecord): void {
    for (const [networkId, endpoint] of Object.entries(record.attached ?? {})) this.#names.put(networkId, endpoint);
  }

  restore(record: ContainerRecord): void {
    const parts = this.#parts();
    const joined = endpointsOf(parts, record);
    if (joined.length === 0) return;
    parts.ports.holdAgain(record.id, record.published ?? []);
    attempt(() => {
      using namespace = this.#namespaceOf(record.process!);
      for (const one of joined) {
        const { network, endpoint } = one;
        // one that cannot be mended keeps nothing from the others
        attempt(() => {
          if (namespace.link(endpoint.interfaceName) === undefined) void this.#attachAnew(record, one);
          else this.#driver(network).adopt(network, endpoint);
        });
      }
      this.#began(record, joined, namespace);
    });
    this.#watch();
  }

  #watch(): void {
    this.#networking().watch(() => {
      // in turn: not while a network is being removed, and not after the end
      const mended = this.#parts()
        .networks()
        .store.change(async () => {
          if (!this.#closed) await mendNetworks(this.#parts(), (record, one) => this.#attachAnew(record, one));
        });
      mended.catch(() => {}); // the next look may find it better
    });
  }

  /** What cannot be made stays as it is. */
  async #attachAnew(record: ContainerRecord, one: Joined): Promise<void> {
    if (this.#joining.has(one.endpoint.id)) return;
    try {
      using namespace = this.#namespaceOf(record.process!);
      if (namespace.link(one.endpoint.interfaceName) !== undefined) return;
      await this.#join(record, one, namespace);
      announceLater(this.#namespaceOf(record.process!), [one]);
    } catch (error) {
      if (!(error instanceof SyscallError || error instanceof EngineError)) throw error;
    }
  }

  /** At the end of this engine: bridges that nobody uses go, and with the last one the filter. */
  async close(): Promise<void> {
    this.#closed = true;
    const parts = this.#parts();
    for (const id of [...this.#dns.keys()]) this.#stop(id);
    parts.ports[Symbol.dispose]();
    const { store, drivers } = parts.networks();
    await store.change(async () => {
      const used = networksInUse(parts);
      const networks = store.all().filter(({ configOnly }) => !configOnly);
      for (const network of networks) if (!used.has(network.id)) await drivers[network.driver]?.down(network);
      if (!networks.some(({ id }) => used.has(id))) this.#networking().table.delete();
    });
  }

  #driver(network: NetworkRecord) {
    const driver = this.#parts().networks().drivers[network.driver];
    if (driver === undefined) throw new EngineError('internal', `network ${network.name} has no driver`);
    return driver;
  }
}

/** Of interfaces that were made just now. Disposes of the namespace. */
function announceLater(namespace: NetworkNamespace, joined: readonly Joined[]): void {
  const announce = async () => {
    using within = namespace;
    for (const { endpoint } of joined) await announceEndpoint(within, endpoint);
  };
  // where it fails neighbours find out by themselves, later
  setTimeout(() => announce().catch(() => {}), ANNOUNCE_MS).unref();
}

/** As Docker says it of all that goes wrong with a container's networks. */
function networkingFailed(error: unknown): unknown {
  const kind = error instanceof EngineError ? error.kind : error instanceof SyscallError ? 'internal' : undefined;
  if (kind === undefined) return error;
  return new EngineError(kind, `failed to set up container networking: ${(error as Error).message}`, { cause: error });
}
