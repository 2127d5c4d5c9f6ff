/** The name server of a container on networks of the user's: 127.0.0.11, in the container's own network namespace. */
import { closeSync } from 'node:fs';
import type { NetworkNamespace } from '../kernel/network-contract.ts';
import type { NftChange } from '../kernel/nftables-contract.ts';
import { Forwarder, type Slots } from '../network/dns/forwarder.ts';
import { serveDns } from '../network/dns/server.ts';
import type { NameServer } from '../network/dns/upstream.ts';
import { INTERNAL_SERVER as ADDRESS } from '../runtime/resolv-conf.ts';
import { ContainerZone, type ViewedNetwork } from '../network/dns/zone.ts';

const TABLE = { family: 'ip', table: 'kobako-dns' } as const;

export interface SandboxDnsOptions {
  readonly namespace: NetworkNamespace;
  readonly networks: () => readonly ViewedNetwork[];
  /** Whom it asks for other names; nobody where all networks are internal. */
  readonly servers: () => readonly NameServer[];
  readonly keepsBareNames: boolean;
  readonly slots: Slots;
}

/** Answers until it is disposed of. The sockets keep the namespace alive. Throws SyscallError. */
export function sandboxDns({ namespace, networks, servers, keepsBareNames, slots }: SandboxDnsOptions): Disposable {
  const udp = namespace.udpSocket({ address: ADDRESS, port: 0 });
  let tcp;
  try {
    tcp = namespace.tcpListener({ address: ADDRESS, port: 0 });
    namespace.packetFilter.change(redirect(udp.port, tcp.port));
  } catch (error) {
    closeSync(udp.fd);
    if (tcp !== undefined) closeSync(tcp.fd);
    throw error;
  }
  const zone = new ContainerZone(networks, keepsBareNames);
  // what the container may reach itself is asked from where it is
  const open = ({ address, host }: NameServer, transport: 'udp' | 'tcp') =>
    host || transport === 'tcp' ? undefined : namespace.udpSocket({ address: address.includes(':') ? '::' : '0.0.0.0', port: 0 }).fd;
  return serveDns({ udpFd: udp.fd, tcpFd: tcp.fd, zone, forwarder: new Forwarder({ servers, open, slots }) });
}

/** Port 53 of the address is ours, whatever the container itself listens on at every address. Instead of what was there. */
function redirect(udp: number, tcp: number): NftChange[] {
  const to = (protocol: 'udp' | 'tcp', port: number): NftChange => ({
    op: 'rule-add',
    ...TABLE,
    chain: 'output',
    statements: [{ match: 'ip daddr', is: ADDRESS }, { match: `${protocol} dport`, is: 53 }, { dnat: { ip: 'ip', address: ADDRESS, port } }],
  });
  return [
    { op: 'table-delete', ...TABLE, missingOk: true },
    { op: 'table-add', ...TABLE },
    { op: 'chain-add', ...TABLE, chain: 'output', base: { type: 'nat', hook: 'output', priority: -100, policy: 'accept' } },
    to('udp', udp),
    to('tcp', tcp),
  ];
}
