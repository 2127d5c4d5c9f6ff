/**
 * Networks. A network is a record; a driver makes the host's interfaces, routes and rules be as the record says, and
 * puts containers into it. Who has which address follows from the containers' records: nothing else is kept.
 */
import type { NetworkNamespace } from '../kernel/network-contract.ts';

export type NetworkDriverName = 'bridge' | 'macvlan' | 'ipvlan' | 'host' | 'null';

/** One subnet, as Docker's API (1.51) says it: CIDRs and addresses as text. After `create` there are a subnet and a gateway. */
export interface IpamConfig {
  readonly Subnet?: string;
  /** What addresses are given out of; the subnet when absent. */
  readonly IPRange?: string;
  readonly Gateway?: string;
  /** Addresses that are somebody else's, by name. */
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>>;
}

export interface NetworkIpam {
  readonly driver: string;
  readonly options: Readonly<Record<string, string>> | null;
  readonly config: readonly IpamConfig[];
  /** Those that somebody asked for, as they were: so Docker shows them, and static addresses are in those only. */
  readonly asked?: readonly IpamConfig[];
}

/** What is kept of a network: one JSON document each. */
export interface NetworkRecord {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  /** RFC 3339 with nanoseconds. */
  readonly created: string;
  readonly driver: NetworkDriverName;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ipam: NetworkIpam;
  /** The driver's, by Docker's names (`com.docker.network.bridge.name`, `parent`, …). */
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** As it was asked for; nothing follows from it but what is shown. Default `local`. */
  readonly scope?: string;
  /** Nothing but a form for other networks: there is no such network on the machine. */
  readonly configOnly?: boolean;
  /** The name of the form that it was made by. */
  readonly configFrom?: string;
}

export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly containerPort: number;
  /** An address of the host; `0.0.0.0` and `::` for all of that family. */
  readonly hostIp: string;
  readonly hostPort: number;
}

/** One container's place in one network while it runs: everything is decided. */
export interface Endpoint {
  /** 64 hex digits. */
  readonly id: string;
  readonly networkId: string;
  readonly containerId: string;
  /** `02:42:ac:11:00:02` */
  readonly mac: string;
  /** With their prefix lengths: `172.17.0.2/16`. */
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  /** Where the default routes go, if they go through this network; `link`: out of the interface, to nobody in particular. */
  readonly gateway4?: string | undefined;
  readonly gateway6?: string | undefined;
  /** Its name inside, as `eth0`. */
  readonly interfaceName: string;
  /** Routes beside those of its subnets, sysctls of the interface and such, by Docker's names. */
  readonly options?: Readonly<Record<string, string>>;
  readonly ports: readonly PublishedPort[];
}

/** Of an endpoint that comes to be. */
export interface Circumstances {
  /** No program runs in the namespace yet. */
  readonly fresh?: boolean;
  /** Nothing else starts: on this thread it is quickest. */
  readonly alone?: boolean;
}

/**
 * Networks of one kind. Calls are synchronous netlink, at most a few milliseconds, and throw EngineError; what the kernel
 * may take longer for is done on another thread, and a promise is of that.
 */
export interface NetworkDriver {
  /** The host's interfaces, sysctls and rules are as the record says, whatever they were before. */
  up(network: NetworkRecord): void;
  /** All of them go. Does nothing for what is not there. */
  down(network: NetworkRecord): Promise<void>;
  /**
   * An interface of the endpoint's in the namespace, up, with addresses and routes; its ports are reachable. All or nothing.
   */
  attach(network: NetworkRecord, endpoint: Endpoint, namespace: NetworkNamespace, circumstances?: Circumstances): Promise<void>;
  /** The interface is there already: the driver knows of it, and its ports are as the endpoint says. */
  adopt(network: NetworkRecord, endpoint: Endpoint): void;
  /** What somebody changed by hand of the host's interfaces is as it should be. Those given back have lost theirs for good: attach them anew. */
  mend(network: NetworkRecord, endpoints: readonly Endpoint[]): readonly Endpoint[];
  /** The interface goes, and the ports at once. `namespace` is absent when it is no more: the kernel took the interface with it. */
  detach(network: NetworkRecord, endpoint: Endpoint, namespace: NetworkNamespace | undefined): Promise<void>;
}
