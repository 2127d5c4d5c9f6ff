/** Flags of the commands on leases. */
import type { Flag } from './flags.ts';

export const LEASE_FLAGS: readonly Flag[] = [
  { name: 'grace', kind: 'value', value: 'seconds', help: 'How long the lease waits for its owner to come back (default 0)', complete: 'none' },
];
