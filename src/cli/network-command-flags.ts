/** The flags of the commands on networks: data that help and completion need, too. */
import type { Flag } from './flags.ts';
import { DOCUMENT_FORMAT_FLAG, FORMAT_FLAG } from './format-flags.ts';

const flag = (name: string, help: string, short?: string): Flag => ({ name, short, kind: 'flag', help });
const value = (name: string, help: string, what = 'string', complete: Flag['complete'] = 'none', short?: string): Flag => ({
  name,
  short,
  kind: 'value',
  value: what,
  help,
  complete,
});
const list = (name: string, help: string, what = 'list', complete: Flag['complete'] = 'none', short?: string): Flag => ({
  name,
  short,
  kind: 'list',
  value: what,
  help,
  complete,
});
const FORCE = flag('force', 'Do not prompt for confirmation', 'f');

export const NETWORK_CREATE_FLAGS: readonly Flag[] = [
  flag('attachable', 'Enable manual container attachment'),
  list('aux-address', 'Auxiliary IPv4 or IPv6 addresses used by Network driver', 'map'),
  value('config-from', 'The network from which to copy the configuration', 'string', 'network'),
  flag('config-only', 'Create a configuration only network'),
  value('driver', 'Driver to manage the Network (default "bridge")', 'string', ['bridge', 'ipvlan', 'macvlan'], 'd'),
  list('gateway', 'IPv4 or IPv6 Gateway for the master subnet', 'strings'),
  flag('ingress', 'Create swarm routing-mesh network'),
  flag('internal', 'Restrict external access to the network'),
  list('ip-range', 'Allocate container ip from a sub-range', 'strings'),
  value('ipam-driver', 'IP Address Management Driver (default "default")'),
  list('ipam-opt', 'Set IPAM driver specific options', 'map'),
  flag('ipv4', 'Enable or disable IPv4 address assignment (default true)'),
  flag('ipv6', 'Enable or disable IPv6 address assignment'),
  list('label', 'Set metadata on a network'),
  list('opt', 'Set driver specific options', 'map', 'none', 'o'),
  value('scope', "Control the network's scope", 'string', ['local']),
  list('subnet', 'Subnet in CIDR format that represents a network segment', 'strings'),
];
export const NETWORK_LS_FLAGS: readonly Flag[] = [
  list('filter', 'Provide filter values (e.g. "driver=bridge")', 'filter', 'none', 'f'),
  FORMAT_FLAG,
  flag('no-trunc', 'Do not truncate the output'),
  flag('quiet', 'Only display network IDs', 'q'),
];
export const NETWORK_INSPECT_FLAGS: readonly Flag[] = [DOCUMENT_FORMAT_FLAG, flag('verbose', 'Verbose output for diagnostics', 'v')];
export const NETWORK_RM_FLAGS: readonly Flag[] = [flag('force', 'Do not error if the network does not exist', 'f')];
export const NETWORK_PRUNE_FLAGS: readonly Flag[] = [list('filter', 'Provide filter values (e.g. "until=<timestamp>")', 'filter'), FORCE];
export const NETWORK_CONNECT_FLAGS: readonly Flag[] = [
  list('alias', 'Add network-scoped alias for the container', 'strings'),
  list('driver-opt', 'driver options for the network', 'strings'),
  value('gw-priority', 'Highest gw-priority provides the default gateway. Accepts positive and negative values.', 'int'),
  value('ip', 'IPv4 address (e.g., "172.30.100.104")'),
  value('ip6', 'IPv6 address (e.g., "2001:db8::33")'),
  list('link', 'Add link to another container', 'list', 'container'),
  list('link-local-ip', 'Add a link-local address for the container', 'strings'),
];
export const NETWORK_DISCONNECT_FLAGS: readonly Flag[] = [flag('force', 'Force the container to disconnect from a network', 'f')];
