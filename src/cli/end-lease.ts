import type { Lease } from '../engine/leases-contract.ts';
import { warn, type CliContext } from './context.ts';

/** What could not be removed yet is no failure of what ran under the lease. */
export async function endLease(context: CliContext, lease: Lease): Promise<void> {
  await lease.end().catch((error: unknown) => warn(context, [(error as Error).message]));
}
