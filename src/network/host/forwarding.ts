/** The host forwards packets between its interfaces as soon as there is a network that goes out (ip-sysctl in the kernel's documentation). */
import { SyscallError } from '../../base/errors.ts';
import type { NetworkNamespace } from '../../kernel/network-contract.ts';
import type { FilterElement } from '../filter/elements.ts';

/**
 * Switches forwarding on where it is off. A host that was no router does not become one for its neighbours: what must
 * still not be forwarded is given back, for the packet filter. Empty where it was on already. `bridge`: the one that it is for.
 */
export function forwarding(host: NetworkNamespace, bridge: string, ipv6: boolean): FilterElement[] {
  if (forwards(host, ipv6)) return [];
  const four = host.sysctl('net.ipv4.ip_forward') === '0';
  const six = ipv6 && host.sysctl('net.ipv6.conf.all.forwarding') === '0';
  const interfaces = host.links().filter(({ loopback, master, name }) => !loopback && master === undefined && name !== bridge);
  const outside = (set: 'outside4' | 'outside6') => interfaces.map(({ name }): FilterElement => ({ set, element: { key: [name] } }));
  if (six) {
    // a router does not take routes from advertisements, unless it is told to (2)
    for (const { name } of interfaces) {
      const accept = `net.ipv6.conf.${name.replaceAll('.', '/')}.accept_ra`;
      try {
        if (host.sysctl(accept) === '1') host.setSysctl(accept, '2');
      } catch (error) {
        if (!(error instanceof SyscallError && error.code === 'ENOENT')) throw error;
      }
    }
    host.setSysctl('net.ipv6.conf.all.forwarding', '1');
  }
  if (four) host.setSysctl('net.ipv4.ip_forward', '1');
  return [...(four ? outside('outside4') : []), ...(six ? outside('outside6') : [])];
}

/** Whether the host forwards what networks need. */
export function forwards(host: NetworkNamespace, ipv6: boolean): boolean {
  return host.sysctl('net.ipv4.ip_forward') !== '0' && !(ipv6 && host.sysctl('net.ipv6.conf.all.forwarding') === '0');
}
