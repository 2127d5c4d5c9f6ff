/** Sandboxes of containers whose networks are records only: they get their addresses, and no interfaces. */
import { leavePlace, takePlace } from './network-places.ts';
import type { EngineParts } from './parts.ts';
import type { Sandboxes } from './sandbox-contract.ts';

export function addressSandboxes(parts: () => EngineParts): Sandboxes {
  return {
    connect: async (record, network) => void (await takePlace(parts(), record.id, network, record.endpoints[network.name] ?? {})),
    disconnect: async (record, network) => void (await leavePlace(parts(), record.id, network)),
  };
}
