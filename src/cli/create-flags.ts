/** The flags of `run` and `create`: those that plain run options have, and those that only the API's documents know. */
import type { Flag } from './flags.ts';
import { flag, list, RUN_FLAGS, value } from './run-flags.ts';

/** Docker's, of which a plan (`explain`) knows nothing. */
const DOCUMENT_FLAGS: readonly Flag[] = [
  list('expose', 'Expose a port or a range of ports'),
  value('gpus', "GPU devices to add to the container ('all' to pass all GPUs)", 'gpu-request'),
  value('health-cmd', 'Command to run to check health'),
  value('health-interval', 'Time between running the check (ms|s|m|h) (default 0s)', 'duration'),
  value('health-retries', 'Consecutive failures needed to report unhealthy', 'int'),
  value('health-start-interval', 'Time between running the check during the start period (ms|s|m|h) (default 0s)', 'duration'),
  value('health-start-period', 'Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)', 'duration'),
  value('health-timeout', 'Maximum time to allow one check to run (ms|s|m|h) (default 0s)', 'duration'),
  value('ip', 'IPv4 address (e.g., 172.30.100.104)', 'ip'),
  value('ip6', 'IPv6 address (e.g., 2001:db8::33)', 'ip'),
  list('label', 'Set meta data on a container', 'list', 'l'),
  list('label-file', 'Read in a line delimited file of labels'),
  flag('lease', 'Remove the container when this command ends, however it does'),
  list('link', 'Add link to another container'),
  list('link-local-ip', 'Container IPv4/IPv6 link-local addresses'),
  value('mac-address', 'Container MAC address (e.g., 92:d0:c6:0a:29:33)'),
  list('network-alias', 'Add network-scoped alias for the container'),
  list('publish', "Publish a container's port(s) to the host", 'list', 'p'),
  flag('publish-all', 'Publish all exposed ports to random ports', 'P'),
  value('restart', 'Restart policy to apply when a container exits (default "no")'),
  value('runtime', 'Runtime to use for this container'),
  list('storage-opt', 'Storage driver options for the container'),
  value('volume-driver', 'Optional volume driver for the container'),
  list('volumes-from', 'Mount volumes from the specified container(s)'),
];

/** Taken and not shown: docker's older names. */
const OLD_FLAGS: readonly Flag[] = [
  { ...list('net', ''), hidden: true },
  { ...list('net-alias', ''), hidden: true },
  { ...list('dns-opt', ''), hidden: true },
  { ...flag('disable-content-trust', ''), hidden: true },
];

const sorted = (flags: readonly Flag[]) => flags.toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** All of `run`. */
export const RUN_COMMAND_FLAGS: readonly Flag[] = sorted([...RUN_FLAGS, ...DOCUMENT_FLAGS, ...OLD_FLAGS]);

/** `create` starts nothing. */
export const CREATE_FLAGS: readonly Flag[] = RUN_COMMAND_FLAGS.filter(({ name }) => !['detach', 'detach-keys', 'lease', 'sig-proxy'].includes(name));
