/** Containers' networks on this machine: the namespace, the interfaces, the ports, the name server of each that runs. */
import { EngineError, SyscallError } from '../base/errors.ts';
import type { NetworkNamespace } from '../kernel/network-contract.ts';
import { Slots } from '../network/dns/forwarder.ts';
import type { Endpoint, NetworkRecord } from '../network/contract.ts';
import type { ContainerRecord } from './container-store.ts';
import { HeldPorts } from './held-ports.ts';
import { endpointsOf, leavePlace, leavePlaces, takePlace, takePlaces } from './network-places.ts';
import type { Networking } from './networking.ts';
import type { EngineParts } from './parts.ts';
import type { OpenSandbox, Sandboxes } from './sandbox-contract.ts';
import { SandboxNames } from './sandbox-names.ts';
import { sandboxDns } from './sandbox-dns.ts';
import { internalServers } from './sandbox-files.ts';

/** Questions to others' name servers at a time, of all containers together. */
const FORWARDED = 4096;

/** What this process keeps for one that runs. */
interface Live {
  readonly ports: HeldPorts;
  dns?: Disposable | undefined;
}

type Joined = { readonly network: NetworkRecord; readonly endpoint: Endpoint };

export class MachineSandboxes implements Sandboxes {
  readonly #parts: () => EngineParts;
  readonly #networking: () => Networking;
  readonly #live = new Map<string, Live>();
  readonly #names: SandboxNames;
  readonly #slots = new Slots(FORWARDED);

  constructor(parts: () => EngineParts, networking: () => Networking) {
    this.#parts = parts;
    this.#networking = networking;
    this.#names = new SandboxNames(parts);
  }

  async open(record: ContainerRecord, { ownUser }: { readonly ownUser: boolean }): Promise<OpenSandbox> {
    const parts = this.#parts();
    const ports = new HeldPorts(() => this.#networking().kernel.host());
    let placed: ContainerRecord;
    try {
      placed = await takePlaces(parts, record, (requests, taken) => ports.hold(requests, taken));
    } catch (error) {
      ports[Symbol.dispose]();
      throw error;
    }
    const joined = endpointsOf(parts, placed);
    if (joined.length === 0) return { record: placed, attach: () => {}, [Symbol.dispose]: () => {} };
    const close = () => this.#close(placed, joined, ports);
    if (ownUser) return { record: placed, attach: (process) => this.#attachOrClose(placed, joined, ports, this.#of(process)), [Symbol.dispose]: close };
    let namespace: NetworkNamespace | undefined;
    try {
      namespace = this.#networking().pool.take();
      this.#attach(placed, joined, ports, namespace);
    } catch (error) {
      namespace?.[Symbol.dispose]();
      close();
      throw explained(error);
    }
    return { record: placed, path: namespace.path, attach: () => namespace[Symbol.dispose](), [Symbol.dispose]: close };
  }
}
