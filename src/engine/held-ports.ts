/** Ports of the host that this process keeps for containers, by the container's id. */
import { isIPv6 } from 'node:net';
import type { NetworkNamespace } from '../kernel/network-contract.ts';
import type { PublishedPort } from '../network/contract.ts';
import { Slots } from '../network/dns/forwarder.ts';
import { relay } from '../network/ports/relay.ts';
import { releasePorts, reservePorts, type PortRequest, type ReservedPort, type ReserveOptions } from '../network/ports/reserve.ts';

/** Connections at a time that this process carries, of all containers: each holds two fds, and anybody on the network can open them. */
const RELAYED = 4096;

export class HeldPorts implements Disposable {
  readonly #host: () => NetworkNamespace;
  readonly #ports = new Map<string, ReservedPort[]>();
  readonly #slots = new Slots(RELAYED);
  readonly #relays = new Map<string, Disposable[]>();

  constructor(host: () => NetworkNamespace) {
    this.#host = host;
  }

  /** All of them or none, instead of those that the container had. Throws `conflict` in Docker's words for one that somebody has. */
  hold(id: string, requests: readonly PortRequest[], taken: ReserveOptions['taken']): readonly PublishedPort[] {
    this.release(id);
    if (requests.length === 0) return [];
    const host = this.#host();
    const held = reservePorts(requests, { host, ipv6: hasIpv6(host), taken });
    this.#ports.set(id, held);
    return held.map(({ protocol, containerPort, hostIp, hostPort }) => ({ protocol, containerPort, hostIp, hostPort }));
  }

  /** Those of a container that runs already, as far as nobody else has taken them meanwhile. */
  holdAgain(id: string, ports: readonly PublishedPort[]): void {
    this.release(id);
    const held: ReservedPort[] = [];
    for (const { hostPort, ...port } of ports) {
      try {
        held.push(...reservePorts([{ ...port, hostPort, hostPortEnd: hostPort }], { host: this.#host(), ipv6: false, taken: () => false }));
      } catch {
        // it is published all the same: the packet filter comes first
      }
    }
    this.#ports.set(id, held);
  }

  /** Serves what comes by IPv6 and the packet filter cannot send on. To a container with these addresses. */
  relay(id: string, { ipv4, ipv6 }: { readonly ipv4?: string | undefined; readonly ipv6?: string | undefined }): void {
    const address = ipv6 ?? ipv4;
    if (address === undefined) return;
    const kept: ReservedPort[] = [];
    const relays: Disposable[] = [];
    for (const port of this.#ports.get(id) ?? []) {
      if (port.fd === undefined || port.protocol === 'sctp' || !isIPv6(port.hostIp)) kept.push(port);
      else relays.push(relay(port.protocol, port.fd, { address, port: port.containerPort }, this.#slots));
    }
    this.#ports.set(id, kept);
    this.#relays.set(id, [...(this.#relays.get(id) ?? []), ...relays]);
  }

  /** They are anybody's. */
  release(id: string): void {
    releasePorts(this.#ports.get(id) ?? []);
    for (const one of this.#relays.get(id) ?? []) one[Symbol.dispose]();
    this.#ports.delete(id);
    this.#relays.delete(id);
  }

  [Symbol.dispose](): void {
    for (const id of new Set([...this.#ports.keys(), ...this.#relays.keys()])) this.release(id);
  }
}

function hasIpv6(host: NetworkNamespace): boolean {
  try {
    return host.sysctl('net.ipv6.conf.all.disable_ipv6') === '0';
  } catch {
    return false;
  }
}
