/** What can be under a lease, by kind: how it is found and how it goes. */
import { EngineError } from '../base/errors.ts';
import { forEach } from '../base/for-each.ts';
import type { Containers } from './containers-contract.ts';
import { LEASE_LABEL, type LeasedObject } from './leases-contract.ts';
import type { Filters } from './types/system.ts';

type Labels = Readonly<Record<string, string>> | null | undefined;

export interface LeasedKind {
  readonly type: LeasedObject['Type'];
  /** All with that label (`name` or `name=value`): their ids and the leases that they are under. */
  list(label: string): Promise<readonly { readonly id: string; readonly lease: string }[]>;
  remove(id: string): Promise<void>;
}

/** Those removed at the same time. */
const AT_ONCE = 32;

/** What it takes to find and to remove them; of an engine that has no networks or volumes without those. */
export interface Leasable {
  readonly containers: Pick<Containers, 'list' | 'remove'>;
  readonly networks?: {
    list(filters: Filters): Promise<readonly { readonly Id: string; readonly Labels: Labels }[]>;
    remove(id: string): Promise<void>;
  };
  readonly volumes?: {
    list(filters: Filters): Promise<{ readonly Volumes: readonly { readonly Name: string; readonly Labels: Labels }[] }>;
    remove(name: string): Promise<void>;
  };
}

/** In the order in which they go: what is used after what uses it. */
export function leasedKinds({ containers, networks, volumes }: Leasable): readonly LeasedKind[] {
  const all: LeasedKind[] = [
    {
      type: 'container',
      list: async (label) => (await containers.list({ all: true, filters: { label: [label] } })).map(({ Id, Labels }) => ({ id: Id, lease: leaseOf(Labels) })),
      remove: (id) => containers.remove(id, { force: true, volumes: true }),
    },
  ];
  if (networks !== undefined)
    all.push({
      type: 'network',
      list: async (label) => (await networks.list({ label: [label] })).map(({ Id, Labels }) => ({ id: Id, lease: leaseOf(Labels) })),
      remove: (id) => networks.remove(id),
    });
  if (volumes !== undefined)
    all.push({
      type: 'volume',
      list: async (label) => (await volumes.list({ label: [label] })).Volumes.map(({ Name, Labels }) => ({ id: Name, lease: leaseOf(Labels) })),
      remove: (name) => volumes.remove(name),
    });
  return all;
}

function leaseOf(labels: Labels): string {
  return labels?.[LEASE_LABEL] ?? '';
}

/** Everything that is under a lease, by lease. */
export async function leasedObjects(kinds: readonly LeasedKind[]): Promise<ReadonlyMap<string, readonly LeasedObject[]>> {
  const found = new Map<string, LeasedObject[]>();
  for (const { type, list } of kinds) {
    for (const { id, lease } of await list(LEASE_LABEL)) found.set(lease, [...(found.get(lease) ?? []), { Type: type, Id: id }]);
  }
  return found;
}

/** Removes what is under a lease; gives what stood in the way of the rest, a sentence each. Throws nothing. */
export async function removeLeased(kinds: readonly LeasedKind[], lease: string): Promise<readonly string[]> {
  const failures: string[] = [];
  const tried = (what: string, work: () => Promise<unknown>) =>
    work().catch((error: unknown) => {
      if (!(error instanceof EngineError && error.kind === 'not-found')) failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    });
  for (const { type, list, remove } of kinds) {
    await tried(`${type}s`, async () => {
      const all = await list(`${LEASE_LABEL}=${lease}`);
      await forEach(all, ({ id }) => tried(`${type} ${id}`, () => remove(id)), { limit: AT_ONCE });
    });
  }
  return failures;
}
