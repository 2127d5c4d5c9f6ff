/**
 * Macvlan and ipvlan networks: a container's interface is a slice of one of the host's, its parent. Without a parent the
 * network has one of its own that leads nowhere. What goes in and out is the neighbours' business: no filter, no ports.
 */
import { EngineError, SyscallError, invalid } from '../../base/errors.ts';
import type { IpvlanFlag, IpvlanMode, MacvlanMode, NetworkKernel, NetworkNamespace, NewLink } from '../../kernel/network-contract.ts';
import type { Endpoint, NetworkDriver, NetworkRecord } from '../contract.ts';
import { changed, joinEndpoint, madeInside } from '../host/endpoint.ts';

export interface LanDriverParts {
  readonly kernel: NetworkKernel;
  /** As for bridges. */
  readonly mark: string;
}

/** `kind` is the network's driver, too. */
export function lanDriver(kind: 'macvlan' | 'ipvlan', { kernel, mark }: LanDriverParts): NetworkDriver {
  const up = (network: NetworkRecord) => {
    const host = kernel.host();
    const parent = parentOf(network);
    if (host.link(parent) === undefined) addParent(host, network, parent, `${mark} ${network.id}`);
    host.change([{ op: 'link-set', link: parent, settings: { up: true } }]);
  };
  return {
    up(network) {
      try {
        up(network);
      } catch (error) {
        throw explained(error, network);
      }
    },

    down(network) {
      const host = kernel.host();
      const parent = parentOf(network);
      if (host.link(parent)?.alias === `${mark} ${network.id}`) return host.deleteLink(parent);
      return Promise.resolve();
    },

    async attach(network, endpoint, namespace, circumstances = {}) {
      const { interfaceName: name } = endpoint;
      try {
        up(network);
        await madeInside(namespace, endpoint, circumstances, () =>
          changed(kernel.host(), [{ op: 'link-add', link: { ...slice(kind, network, endpoint), namespace } }], circumstances),
        );
        try {
          await joinEndpoint(namespace, routed(kind, network, endpoint), circumstances);
        } catch (error) {
          namespace.change([{ op: 'link-delete', link: name, missingOk: true }]);
          throw error;
        }
      } catch (error) {
        throw explained(error, network);
      }
    },

    adopt() {},

    mend(network, endpoints) {
      if (kernel.host().link(parentOf(network))?.up === true) return [];
      const lost = kernel.host().link(parentOf(network)) === undefined;
      this.up(network);
      // a parent takes its slices with it
      return lost ? endpoints : [];
    },

    detach(_network, { interfaceName }, namespace) {
      return namespace?.deleteLink(interfaceName) ?? Promise.resolve();
    },
  };
}

/** The host's interface that the network is on: the user's, a VLAN of it, or one that leads nowhere. */
export function parentOf({ id, options }: Pick<NetworkRecord, 'id' | 'options'>): string {
  return options['parent'] || `dm-${id.slice(0, 12)}`;
}

function addParent(host: NetworkNamespace, network: NetworkRecord, name: string, alias: string): void {
  try {
    host.change([{ op: 'link-add', link: parentLink(network, name, alias) }]);
  } catch (error) {
    if (!isUnknown(error)) throw error;
    if (network.options['parent']) throw new EngineError('unavailable', `network ${network.name}: this kernel has no VLANs (802.1Q)`, { cause: error });
    // a kernel without dummy interfaces: a wire whose other end is nobody's
    const peer = name.replace(/^dm/, 'dp');
    host.change([
      { op: 'link-add', link: { kind: 'veth', name, alias, peer: { name: peer } } },
      { op: 'link-set', link: peer, settings: { up: true } },
    ]);
  }
}

/** One that is not there is made: `eth0.10` is VLAN 10 of eth0. */
function parentLink({ options }: NetworkRecord, name: string, alias: string): NewLink {
  if (!options['parent']) return { kind: 'dummy', name, alias };
  const [, parent, id] = /^(.+)\.(\d+)$/.exec(name) ?? [];
  if (parent === undefined || Number(id) < 1 || Number(id) > 4094) throw invalid(`-o parent interface was not found on the host: ${name}`);
  return { kind: 'vlan', name, alias, parent, id: Number(id) };
}

function slice(kind: 'macvlan' | 'ipvlan', network: NetworkRecord, { interfaceName: name, mac }: Endpoint): NewLink {
  const { options } = network;
  const parent = parentOf(network);
  const mtu = Number(options['com.docker.network.driver.mtu'] || 0);
  const common = { name, parent, ...(mtu > 0 ? { mtu } : {}) };
  if (kind === 'macvlan') return { kind, ...common, mac, mode: (options['macvlan_mode'] || 'bridge') as MacvlanMode };
  return { kind, ...common, mode: (options['ipvlan_mode'] || 'l2') as IpvlanMode, flag: (options['ipvlan_flag'] || 'bridge') as IpvlanFlag };
}

/** Layer 3 has no gateway: everything goes out of the interface. */
function routed(kind: 'macvlan' | 'ipvlan', { options, internal }: NetworkRecord, endpoint: Endpoint): Endpoint {
  if (internal) return { ...endpoint, gateway4: undefined, gateway6: undefined };
  if (kind === 'macvlan' || !options['ipvlan_mode']?.startsWith('l3')) return endpoint;
  const link = (gateway: string | undefined) => (gateway === undefined ? undefined : 'link');
  return { ...endpoint, gateway4: link(endpoint.gateway4), gateway6: link(endpoint.gateway6) };
}

/** A kind of interface that this kernel does not have. */
function isUnknown(error: unknown): boolean {
  return error instanceof SyscallError && (error.code === 'EOPNOTSUPP' || error.code === 'ENOTSUP');
}

function explained(error: unknown, network: NetworkRecord): unknown {
  if (!(error instanceof SyscallError)) return error;
  const parent = parentOf(network);
  if (error.code === 'EBUSY') return new EngineError('conflict', `network ${network.name}: interface ${parent} is in use: ${error.message}`, { cause: error });
  if (isUnknown(error)) return new EngineError('unavailable', `network ${network.name}: this kernel has no ${network.driver}`, { cause: error });
  return new EngineError('internal', `network ${network.name}: ${error.message}`, { cause: error });
}
