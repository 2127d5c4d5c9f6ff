/**
 * Bridge networks: a bridge of the host's, to which each container has a veth pair, and what the packet filter must know.
 * A container's pair goes with its network namespace; the bridge stays until the network goes.
 */
import { EngineError, SyscallError } from '../../base/errors.ts';
import type { NetworkChange, NetworkKernel, NetworkNamespace } from '../../kernel/network-contract.ts';
import type { Endpoint, NetworkDriver, NetworkRecord } from '../contract.ts';
import { networkElements, portElements } from '../filter/elements.ts';
import type { FilterTable } from '../filter/table.ts';
import { forwarding, forwards } from '../host/forwarding.ts';
import { macOf } from '../mac.ts';
import { bareAddresses, changed, joinEndpoint, madeInside, setSysctls } from '../host/endpoint.ts';
import type { OtherFilters } from '../filter/others.ts';
import { forgetEarlier, forgetEnded } from './connections.ts';
import { bridgeSettings, type BridgeSettings } from './settings.ts';

export interface BridgeDriverParts {
  readonly kernel: NetworkKernel;
  readonly table: FilterTable;
  readonly others: OtherFilters;
  /** Set as the alias of its interfaces, before the network's id: what has it and belongs to no network can go. */
  readonly mark: string;
}

/** Until the kernel has taken the interfaces of a namespace that nobody holds. */
const HELD_MS = 200;

export function bridgeDriver(parts: BridgeDriverParts): NetworkDriver {
  const { kernel, table, others, mark } = parts;
  /** Networks whose bridge this process has seen to. */
  const up = new Map<string, BridgeSettings>();

  const settingsOf = (network: NetworkRecord) => up.get(network.id) ?? bridgeSettings(network);

  return {
    up(network) {
      const host = kernel.host();
      const settings = bridgeSettings(network);
      const { bridge } = settings;
      const link = host.link(bridge);
      if (link !== undefined && link.kind !== 'bridge') throw new EngineError('conflict', `interface ${bridge} is there and is not a bridge`);
      let made = false;
      try {
        // a hardware address of its own: else the kernel gives it that of one of its ports, and of another when that goes; neighbours would not know
        made = link === undefined && makeBridge(host, { name: bridge, mac: macOf(network.id, bridge), alias: `${mark} ${network.id}`, ...mtuOf(settings) });
        if (settings.subnets4.length > 0) setSysctls(host, 'ipv4', bridge, { route_localnet: '1', accept_redirects: '0' });
        const six = settings.subnets6.length > 0;
        if (six || made)
          setSysctls(host, 'ipv6', bridge, six ? { disable_ipv6: '0', accept_dad: '0', accept_ra: '0', accept_redirects: '0' } : { disable_ipv6: '1' });
        const there = host.addresses(bridge).map(({ address }) => address);
        host.change(bridgeChanges(settings, there));
        const outside = network.internal ? [] : forwarding(host, bridge, six);
        if (outside.length > 0) table.set('forwarding', outside);
        table.set(network.id, networkElements(settings));
        others.admit(bridge);
      } catch (error) {
        if (made) host.change([{ op: 'link-delete', link: bridge, missingOk: true }]);
        throw explained(error, `network ${network.name}`);
      }
      up.set(network.id, settings);
    },

    down(network) {
      const settings = settingsOf(network);
      const host = kernel.host();
      const link = host.link(settings.bridge);
      // nothing of it is there, and the packet filter, which takes its time, need not be asked
      if (!up.delete(network.id) && link === undefined) return Promise.resolve();
      others.forget(settings.bridge);
      table.remove(network.id, networkElements(settings));
      // one that was there before is its owner's
      return link?.alias === `${mark} ${network.id}` ? host.deleteLink(settings.bridge) : Promise.resolve();
    },

    async attach(network, endpoint, namespace, circumstances = {}) {
      if (!up.has(network.id) || kernel.host().index(settingsOf(network).bridge) === undefined) this.up(network);
      const settings = settingsOf(network);
      const veth = vethName(endpoint);
      const host = kernel.host();
      await madeInside(namespace, endpoint, circumstances, () => changed(host, [vethPair(settings, endpoint, namespace, veth)], circumstances));
      try {
        await changed(host, portChanges(settings, veth, !settings.direct && filtersBridges(host)), circumstances);
        await joinEndpoint(namespace, endpoint, circumstances);
        table.set(endpoint.id, elementsOf(endpoint, settings));
        forgetEarlier(host, endpoint);
      } catch (error) {
        host.change([{ op: 'link-delete', link: veth, missingOk: true }]);
        throw explained(error, `network ${network.name}`);
      }
    },

    adopt(network, endpoint) {
      if (!up.has(network.id)) this.up(network);
      this.mend(network, [endpoint]);
      table.set(endpoint.id, elementsOf(endpoint, settingsOf(network)));
    },

    mend(network, endpoints) {
      const host = kernel.host();
      const settings = settingsOf(network);
      if (!isWhole(host, settings)) this.up(network);
      const { index } = host.link(settings.bridge)!;
      const ports = new Map(endpoints.length > 1 ? host.links(index).map((link) => [link.name, link]) : []);
      return endpoints.filter((endpoint) => {
        const name = vethName(endpoint);
        const veth = ports.get(name) ?? host.link(name);
        if (veth !== undefined && (veth.master !== index || !veth.up)) host.change(portChanges(settings, veth.name, !settings.direct && filtersBridges(host)));
        return veth === undefined;
      });
    },

    detach(network, endpoint, namespace) {
      table.remove(endpoint.id, elementsOf(endpoint, settingsOf(network)));
      forgetEnded(kernel.host(), endpoint);
      if (namespace !== undefined) return kernel.host().deleteLink(vethName(endpoint));
      deleteHeld(kernel.host(), vethName(endpoint));
      return Promise.resolve();
    },
  };
}

/** False where another process has just made it. */
function makeBridge(host: NetworkNamespace, settings: { readonly name: string; readonly mac: string; readonly alias: string; readonly mtu?: number }): boolean {
  try {
    host.change([{ op: 'link-add', link: { kind: 'bridge', ...settings } }]);
    return true;
  } catch (error) {
    if (!(error instanceof SyscallError && error.code === 'EEXIST')) throw error;
    return false;
  }
}

/** One after another: most have gone by themselves before their turn, where many containers ended at once. */
let late: Promise<void> = Promise.resolve();

/** It goes with its namespace, unless somebody else holds that: its address may be another container's soon. */
function deleteHeld(host: NetworkNamespace, veth: string): void {
  const deleted = async () => {
    if (host.index(veth) !== undefined) await host.deleteLink(veth);
  };
  setTimeout(() => (late = late.then(deleted).catch(() => {})), HELD_MS).unref();
}

/** The host's end of a container's pair. */
export function vethName({ id }: Pick<Endpoint, 'id'>): string {
  return `veth${id.slice(0, 7)}`;
}

function bridgeChanges({ bridge, gateways }: BridgeSettings, there: readonly string[]): NetworkChange[] {
  const missing = gateways.filter((address) => !there.includes(address));
  return [
    ...missing.map((address): NetworkChange => ({ op: 'address-add', replace: true, address: { link: bridge, address, nodad: address.includes(':') } })),
    { op: 'link-set', link: bridge, settings: { up: true } },
  ];
}

function vethPair(settings: BridgeSettings, { mac, interfaceName }: Endpoint, namespace: NetworkNamespace, veth: string): NetworkChange {
  const mtu = mtuOf(settings);
  return { op: 'link-add', link: { kind: 'veth', name: veth, ...mtu, peer: { name: interfaceName, mac, namespace, ...mtu } } };
}

function portChanges(settings: BridgeSettings, veth: string, filtered: boolean): NetworkChange[] {
  return [
    { op: 'link-set', link: veth, settings: { ipv6LinkLocal: 'none', master: settings.bridge, up: true } },
    // hairpin: a container reaches its own published port; isolated: its port of the bridge talks to the host's only
    { op: 'bridge-port-set', link: veth, options: { hairpin: true, ...(settings.direct || filtered ? {} : { isolated: true }) } },
  ];
}

/** The bridge is there and up, with the host's addresses, and the host forwards. */
function isWhole(host: NetworkNamespace, { bridge, gateways, internal, subnets6 }: BridgeSettings): boolean {
  const link = host.link(bridge);
  if (link === undefined || !link.up || !(internal || forwards(host, subnets6.length > 0))) return false;
  const there = host.addresses(link.index).map(({ address }) => address);
  return gateways.every((address) => there.includes(address));
}

/** Frames between ports of a bridge pass the packet filter, too, which then keeps containers apart: it lets published ports through. */
function filtersBridges(host: NetworkNamespace): boolean {
  try {
    return host.sysctl('net.bridge.bridge-nf-call-iptables') === '1' && host.sysctl('net.bridge.bridge-nf-call-ip6tables') === '1';
  } catch {
    return false; // a kernel, or a host, without br_netfilter
  }
}

function mtuOf({ mtu }: BridgeSettings): { mtu?: number } {
  return mtu > 0 ? { mtu } : {};
}

function elementsOf(endpoint: Endpoint, settings: BridgeSettings) {
  return portElements(endpoint.ports, bareAddresses(endpoint), settings);
}

function explained(error: unknown, what: string): unknown {
  return error instanceof SyscallError ? new EngineError('internal', `${what}: ${error.message}`, { cause: error }) : error;
}
