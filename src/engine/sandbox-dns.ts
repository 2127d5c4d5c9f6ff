/** The name server of a container on networks of the user's: 127.0.0.11, in the container's own network namespace. */
import { closeSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import type { NetworkNamespace } from '../kernel/network-contract.ts';
import type { NftChange, NftSelector, NftWritable } from '../kernel/nftables-contract.ts';
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
  const open = ({ address, host }: NameServer, transport: 'udp' | 'tcp') => {
    if (host) return undefined;
    const six = isIPv6(address);
    return transport === 'tcp' ? namespace.tcpSocket(six ? 'inet6' : 'inet') : namespace.udpSocket({ address: six ? '::' : '0.0.0.0', port: 0 }).fd;
  };
  return serveDns({ udpFd: udp.fd, tcpFd: tcp.fd, zone, forwarder: new Forwarder({ servers, open, slots }) });
}

/**
 * Port 53 of the address is ours, whatever the container itself listens on at every address. Instead of what was there.
 * Ports are written into the packets themselves: with nat the kernel would follow all connections of the container, which
 * costs each of them time. A container that has rules of its own follows what it sees between the two chains.
 */
function redirect(udp: number, tcp: number): NftChange[] {
  const chain = (chain: string, priority: number): NftChange => ({
    op: 'chain-add',
    ...TABLE,
    chain,
    base: { type: 'filter', hook: 'output', priority, policy: 'accept' },
  });
  const rule = (chain: string, where: NftSelector, port: NftWritable, from: number, to: number): NftChange => ({
    op: 'rule-add',
    ...TABLE,
    chain,
    statements: [
      { match: where, is: ADDRESS },
      { match: port, is: from },
      { set: port, to },
    ],
  });
  return [
    { op: 'table-delete', ...TABLE, missingOk: true },
    { op: 'table-add', ...TABLE },
    chain('questions', -300),
    rule('questions', 'ip daddr', 'udp dport', 53, udp),
    rule('questions', 'ip daddr', 'tcp dport', 53, tcp),
    chain('answers', 300),
    rule('answers', 'ip saddr', 'udp sport', udp, 53),
    rule('answers', 'ip saddr', 'tcp sport', tcp, 53),
    // that nobody answers, where this process is no more
    rule('answers', 'ip saddr', 'icmp embedded dport', udp, 53),
  ];
}
