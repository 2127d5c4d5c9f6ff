/**
 * Connections of protocols without an end of their own. The kernel sends their packets where it sent the first one, as
 * long as they keep coming: also when that container is no more, or was not there yet.
 */
import { isIPv6 } from 'node:net';
import { EngineError, SyscallError } from '../../base/errors.ts';
import type { NetworkNamespace, TrackedConnection } from '../../kernel/network-contract.ts';
import type { Endpoint, PublishedPort } from '../contract.ts';

interface Followed {
  readonly protocol: 'udp' | 'sctp';
  readonly six: boolean;
  readonly ports: readonly PublishedPort[];
  /** The container's. */
  readonly address: string | undefined;
}

function followed({ ports, ipv4, ipv6 }: Endpoint): Followed[] {
  return (['udp', 'sctp'] as const).flatMap((protocol) =>
    [false, true].flatMap((six) => {
      const of = ports.filter((port) => port.protocol === protocol && isIPv6(port.hostIp) === six);
      return of.length === 0 ? [] : [{ protocol, six, ports: of, address: (six ? ipv6 : ipv4)?.split('/')[0] }];
    }),
  );
}

/** What cannot be forgotten ends by itself, as soon as nobody sends for a while. */
function forget(host: NetworkNamespace, { protocol, six }: Followed, which: (connection: TrackedConnection) => boolean): void {
  try {
    host.forgetConnections(protocol, six ? 'inet6' : 'inet', which);
  } catch (error) {
    if (!(error instanceof SyscallError || error instanceof EngineError)) throw error;
  }
}

/** Whoever sent to the endpoint's ports before they were published reaches it from now on. */
export function forgetEarlier(host: NetworkNamespace, endpoint: Endpoint): void {
  const all = followed(endpoint);
  if (all.length === 0) return;
  const own = new Set(host.addresses().map(({ address }) => address.split('/')[0]!));
  for (const each of all) {
    const at = new Map(each.ports.map(({ hostIp, hostPort }) => [hostPort, hostIp]));
    forget(host, each, ({ to, toPort, answeredBy }) => {
      const hostIp = at.get(toPort);
      if (hostIp === undefined || answeredBy === each.address) return false;
      return hostIp === '0.0.0.0' || hostIp === '::' ? own.has(to) : hostIp === to;
    });
  }
}

/** Nobody is sent on to the endpoint any more: its address may be another container's soon. */
export function forgetEnded(host: NetworkNamespace, endpoint: Endpoint): void {
  for (const each of followed(endpoint)) forget(host, each, ({ answeredBy }) => answeredBy === each.address);
}
