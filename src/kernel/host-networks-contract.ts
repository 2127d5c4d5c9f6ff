/** What the host has of networks already. `linux/host-networks.ts` is the real one. */

export interface HostRoute {
  /** As `10.1.0.0/16`; the default routes are not among them. */
  readonly subnet: string;
  readonly interfaceName: string;
}

export interface HostNetworks {
  /** Of the main table. */
  routes(): readonly HostRoute[];
  /** Those whose alias (`ip link set … alias`) begins so. */
  aliased(prefix: string): readonly { readonly name: string; readonly alias: string }[];
  /** There is one of that name. */
  hasInterface(name: string): boolean;
}
