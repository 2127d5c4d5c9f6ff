/** Ports of the host for a container: taken before anything starts, so that nobody else has them. */
import { closeSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { EngineError, SyscallError } from '../../base/errors.ts';
import { hostAndPort } from '../../base/host-and-port.ts';
import type { NetworkNamespace } from '../../kernel/network-contract.ts';
import type { PublishedPort } from '../contract.ts';

/** What a container asks for: one port of it, at one address of the host, at any of a range of ports there. */
export interface PortRequest {
  readonly protocol: PublishedPort['protocol'];
  readonly containerPort: number;
  /** Empty: every address, of both IP versions. */
  readonly hostIp: string;
  /** 0: one that is free. */
  readonly hostPort: number;
  /** The last of the range; `hostPort` for just that one. */
  readonly hostPortEnd: number;
}

export interface ReservedPort extends PublishedPort {
  /** A socket of its own keeps others away; undefined where the kernel has no sockets of that protocol. */
  readonly fd: number | undefined;
}

export interface ReserveOptions {
  readonly host: NetworkNamespace;
  /** The host has IPv6: every address is those of IPv6 as well. */
  readonly ipv6: boolean;
  /** Whether another container of this engine has it. */
  readonly taken: (port: Pick<PublishedPort, 'protocol' | 'hostIp' | 'hostPort'>) => boolean;
}

const TRIES = 32;
/** Linux's ip_local_port_range, where nothing else is said. */
const EPHEMERAL = { first: 32_768, last: 60_999 };

/** All of them or none. Throws `conflict` in Docker's words for one that somebody has. */
export function reservePorts(requests: readonly PortRequest[], options: ReserveOptions): ReservedPort[] {
  const out: ReservedPort[] = [];
  // of ranges that several ask for: what was tried for one is not tried again for each of the next ones
  const tried = new Map<string, number>();
  try {
    for (const request of requests) {
      const { protocol, hostIp, hostPort, hostPortEnd } = request;
      const range = `${protocol} ${hostIp} ${hostPort}-${hostPortEnd}`;
      const next = (tried.get(range) ?? hostPort - 1) + 1;
      const got = reserveOne(hostPort === 0 || next > hostPortEnd ? request : { ...request, hostPort: next }, options);
      out.push(...got);
      tried.set(range, got[0]!.hostPort);
    }
    return out;
  } catch (error) {
    releasePorts(out);
    throw error;
  }
}

export function releasePorts(ports: readonly ReservedPort[]): void {
  for (const { fd } of ports) if (fd !== undefined) closeSync(fd);
}

function reserveOne(request: PortRequest, options: ReserveOptions): ReservedPort[] {
  const { hostPort, hostPortEnd, hostIp } = request;
  const hosts = hostIp === '' ? ['0.0.0.0', ...(options.ipv6 ? ['::'] : [])] : [hostIp];
  const candidates = hostPort === 0 ? ephemeral(options.host) : portsOf(hostPort, hostPortEnd);
  let failure: unknown;
  for (const port of candidates) {
    const got: ReservedPort[] = [];
    try {
      for (const host of hosts) got.push(bind(request, host, port, options));
      return got;
    } catch (error) {
      releasePorts(got);
      failure = error;
      if (!(error instanceof EngineError && error.kind === 'conflict')) throw error;
    }
  }
  throw failure;
}

function* portsOf(first: number, last: number): Generator<number> {
  for (let port = first; port <= last; port++) yield port;
}

function ephemeral(host: NetworkNamespace): number[] {
  const [first = EPHEMERAL.first, last = EPHEMERAL.last] = host.sysctl('net.ipv4.ip_local_port_range').split(/\s+/).map(Number);
  return Array.from({ length: TRIES }, () => randomInt(first, last + 1));
}

function bind({ protocol, containerPort }: PortRequest, hostIp: string, hostPort: number, { host, taken }: ReserveOptions): ReservedPort {
  const published = { protocol, containerPort, hostIp, hostPort };
  const shown = hostAndPort(hostIp, hostPort);
  if (taken(published)) throw new EngineError('conflict', `Bind for ${shown} failed: port is already allocated`);
  try {
    return { ...published, fd: openSocket(host, protocol, { address: hostIp, port: hostPort }) };
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if (['EPROTONOSUPPORT', 'ESOCKTNOSUPPORT', 'EAFNOSUPPORT'].includes(error.code)) return { ...published, fd: undefined };
    const why =
      { EADDRINUSE: 'address already in use', EADDRNOTAVAIL: 'cannot assign requested address', EACCES: 'permission denied' }[error.code] ?? error.message;
    throw new EngineError(error.code === 'EADDRINUSE' ? 'conflict' : 'invalid', `failed to bind host port ${shown}/${protocol}: ${why}`, { cause: error });
  }
}

/** One that can be served as well (`relay.ts`) for IPv6. */
function openSocket(host: NetworkNamespace, protocol: PublishedPort['protocol'], at: { address: string; port: number }): number {
  if (isIPv6(at.address) && protocol === 'tcp') return host.tcpListener(at).fd;
  if (isIPv6(at.address) && protocol === 'udp') return host.udpSocket(at).fd;
  return host.reservePort(protocol, at).fd;
}
