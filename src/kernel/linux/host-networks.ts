/** The host's routes, as proc(5) has them, and its interfaces. */
import { readFileSync } from 'node:fs';
import type { HostNetworks, HostRoute } from '../host-networks-contract.ts';
import type { NetworkNamespace } from '../network-contract.ts';
import { linuxNetworkKernel } from './network-namespaces.ts';

/** `HostNetworks` of the network namespace that this process is in. What cannot be read is as if it were not there. */
export const linuxHostNetworks: HostNetworks = {
  routes: () => [...routes4(read('/proc/net/route')), ...routes6(read('/proc/net/ipv6_route'))],
  aliased: (prefix) => asked((host) => host.links(), []).flatMap(({ name, alias = '' }) => (alias.startsWith(prefix) ? [{ name, alias }] : [])),
  hasInterface: (name) => asked((host) => host.index(name) !== undefined, false),
};

let host: NetworkNamespace | undefined;

/** Not from /sys, which shows those of the namespace that it was mounted in. */
function asked<T>(question: (host: NetworkNamespace) => T, otherwise: T): T {
  try {
    return question((host ??= linuxNetworkKernel().host()));
  } catch {
    return otherwise;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Numbers are hexadecimal, in the machine's own order of bytes. */
export function routes4(text: string): HostRoute[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [interfaceName, destination = '', , , , , , mask = ''] = line.split('\t');
      if (interfaceName === undefined || !/^[0-9A-F]{8}$/.test(destination) || !/^[0-9A-F]{8}$/.test(mask)) return [];
      const length = [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === '1').length;
      const bytes = destination.match(/../g)!.map((byte) => Number.parseInt(byte, 16));
      return length === 0 ? [] : [{ subnet: `${bytes.toReversed().join('.')}/${length}`, interfaceName }];
    });
}

/** What every interface has of itself (`fe80::/64`, `ff00::/8`) and the host's own addresses are left out. */
export function routes6(text: string): HostRoute[] {
  return text.split('\n').flatMap((line) => {
    const [destination = '', bits = '', , , , , , , , interfaceName] = line.trim().split(/\s+/);
    const length = Number.parseInt(bits, 16);
    if (interfaceName === undefined || !/^[0-9a-f]{32}$/.test(destination) || !(length > 0 && length < 128) || /^f(e80|f)/.test(destination)) return [];
    return [{ subnet: `${destination.match(/..../g)!.join(':')}/${length}`, interfaceName }];
  });
}
