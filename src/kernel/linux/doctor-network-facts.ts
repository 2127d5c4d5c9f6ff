/** What `system doctor` looks at of this host's networks. Reads only; what cannot be read is as if it were not there. */
import { readFileSync } from 'node:fs';
import { linuxNetworkKernel } from './network-namespaces.ts';

export interface DoctorNetworkFacts {
  /** The host forwards packets of that IP version; undefined: it has none. */
  readonly forwards: { readonly 4: boolean | undefined; readonly 6: boolean | undefined };
  /** Frames between ports of a bridge pass iptables, too (br_netfilter). */
  readonly bridgesFiltered: boolean;
  /** iptables-legacy's own filter table is there, for this IP version. */
  readonly legacyFilter: { readonly 4: boolean; readonly 6: boolean };
  /** Other programs' chains of nftables that drop what is forwarded, as `ip filter FORWARD`. */
  readonly droppingChains: readonly string[];
  /** Those that have an alias. */
  readonly interfaces: readonly { readonly name: string; readonly alias: string }[];
}

export function doctorNetworkFacts(): DoctorNetworkFacts {
  const host = linuxNetworkKernel().host();
  const chains = attempt(() => host.packetFilter.chains()) ?? [];
  return {
    forwards: { 4: flag('net/ipv4/ip_forward'), 6: flag('net/ipv6/conf/all/forwarding') },
    bridgesFiltered: flag('net/bridge/bridge-nf-call-iptables') ?? false,
    legacyFilter: { 4: names('/proc/net/ip_tables_names').includes('filter'), 6: names('/proc/net/ip6_tables_names').includes('filter') },
    droppingChains: chains
      .filter(({ base, table }) => base?.hook === 'forward' && base.policy === 'drop' && !table.startsWith('kobako'))
      .map(({ family, table, chain }) => `${family} ${table} ${chain}`),
    interfaces: (attempt(() => host.links()) ?? []).flatMap(({ name, alias }) => (alias === undefined ? [] : [{ name, alias }])),
  };
}

function flag(sysctl: string): boolean | undefined {
  const text = attempt(() => readFileSync(`/proc/sys/${sysctl}`, 'utf8'))?.trim();
  return text === undefined ? undefined : text !== '0';
}

function names(path: string): string[] {
  return (attempt(() => readFileSync(path, 'utf8')) ?? '').split('\n').filter(Boolean);
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
