/** What an endpoint's interface needs once it is in the container's namespace, whatever kind of network it is of. */
import type { NetworkChange } from '../../kernel/network-contract.ts';
import type { Endpoint } from '../contract.ts';

/** Its addresses, and it goes up; and the default routes that go through it. */
export function endpointChanges(endpoint: Endpoint): NetworkChange[] {
  const { interfaceName: link, ipv4, ipv6 } = endpoint;
  const addresses = [...(ipv4 === undefined ? [] : [{ link, address: ipv4 }]), ...(ipv6 === undefined ? [] : [{ link, address: ipv6, nodad: true }])];
  return [
    ...addresses.map((address): NetworkChange => ({ op: 'address-add', address })),
    { op: 'link-set', link, settings: { up: true } },
    ...defaultRoutes(endpoint),
  ];
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
