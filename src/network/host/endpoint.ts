/** What an endpoint's interface needs once it is in the container's namespace, whatever kind of network it is of. */
import { SyscallError } from '../../base/errors.ts';
import type { NetworkChange, NetworkNamespace } from '../../kernel/network-contract.ts';
import type { Circumstances, Endpoint } from '../contract.ts';
import { SYSCTLS } from '../driver-options.ts';

export interface BareAddresses {
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
}

/** An endpoint's addresses without their prefix lengths. */
export function bareAddresses({ ipv4, ipv6 }: Pick<Endpoint, 'ipv4' | 'ipv6'>): BareAddresses {
  return { ipv4: ipv4?.split('/')[0], ipv6: ipv6?.split('/')[0] };
}

/**
 * `make` makes the endpoint's interface in the namespace. In a fresh one, that of an endpoint without IPv6 is made so: to switch it
 * off afterwards, the kernel would keep a thread busy for as long as something else holds its lock of interfaces.
 */
export async function madeInside(namespace: NetworkNamespace, { ipv6 }: Endpoint, { fresh = false }: Circumstances, make: () => Promise<void>): Promise<void> {
  if (ipv6 !== undefined || !fresh) return make();
  setSysctls(namespace, 'ipv6', 'default', { disable_ipv6: '1' });
  try {
    await make();
  } finally {
    setSysctls(namespace, 'ipv6', 'default', { disable_ipv6: '0' });
  }
}

/** Its addresses, and it goes up; and the default routes that go through it. */
export async function joinEndpoint(namespace: NetworkNamespace, endpoint: Endpoint, { alone }: Circumstances): Promise<void> {
  const { interfaceName: link, ipv4, ipv6 } = endpoint;
  const addresses = [...(ipv4 === undefined ? [] : [{ link, address: ipv4 }]), ...(ipv6 === undefined ? [] : [{ link, address: ipv6, nodad: true }])];
  setSysctls(namespace, 'ipv6', link, ipv6 === undefined ? { disable_ipv6: '1' } : { disable_ipv6: '0', accept_dad: '0', accept_ra: '0', ndisc_notify: '1' });
  if (ipv4 !== undefined) setSysctls(namespace, 'ipv4', link, { arp_notify: '1' });
  for (const [name, value] of askedSysctls(endpoint)) namespace.setSysctl(name, value);
  const changes = [
    ...addresses.map((address): NetworkChange => ({ op: 'address-add', address })),
    { op: 'link-set', link, settings: { up: true } } as const,
    ...defaultRoutes(endpoint),
  ];
  await changed(namespace, changes, { alone });
}

/** Makes the changes, none of which may need an interface that another one makes. */
export async function changed(namespace: NetworkNamespace, changes: readonly NetworkChange[], { alone = false }: Circumstances): Promise<void> {
  if (alone) namespace.change(changes);
  else await namespace.changeAside(changes);
}

/** What the user wants of the interface: `net.ipv4.conf.IFNAME.log_martians=1,…`. Checked when it was asked for. */
function askedSysctls({ interfaceName, options }: Endpoint): [name: string, value: string][] {
  return (options?.[SYSCTLS] ?? '').split(',').flatMap((text) => {
    const [name = '', value] = text.split(/=(.*)/s);
    return value === undefined ? [] : [[name.replace(/\.ifname\./i, `.${interfaceName.replaceAll('.', '/')}.`), value]];
  });
}

/**
 * Tells neighbours whose the addresses are now: another container may have had them a moment ago. That is when an
 * interface is given its hardware address again; a few milliseconds after it was made, when the bridge lets it through.
 */
export async function announceEndpoint(namespace: NetworkNamespace, { interfaceName: link, mac }: Endpoint): Promise<void> {
  if (mac !== '') await namespace.changeAside([{ op: 'link-set', link, settings: { mac } }]);
}

/** Of one interface, where they are not so yet. A kernel without that protocol, or without one of them, is as it is. */
export function setSysctls(namespace: NetworkNamespace, protocol: 'ipv4' | 'ipv6', link: string, values: Readonly<Record<string, string>>): void {
  namespace.within(() => {
    for (const [name, value] of Object.entries(values)) {
      const path = `net.${protocol}.conf.${link.replaceAll('.', '/')}.${name}`;
      try {
        if (namespace.sysctl(path) !== value) namespace.setSysctl(path, value);
      } catch (error) {
        if (!(error instanceof SyscallError && error.code === 'ENOENT')) throw error;
      }
    }
  });
}

/** Instead of those of another endpoint. A gateway `link`: everything is reached through the interface itself. */
export function defaultRoutes({ interfaceName: link, gateway4, gateway6 }: Endpoint): NetworkChange[] {
  const of = (family: 'inet' | 'inet6', via: string): NetworkChange => ({
    op: 'route-add',
    replace: true,
    route: { to: 'default', family, link, ...(via === 'link' ? {} : { via }) },
  });
  return [...(gateway4 === undefined ? [] : [of('inet', gateway4)]), ...(gateway6 === undefined ? [] : [of('inet6', gateway6)])];
}
