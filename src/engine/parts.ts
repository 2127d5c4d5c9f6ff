import type { CgroupParts, MachineFacts } from '../runtime/contract.ts';
import type { Op } from '../plan/ops.ts';
import type { PlanRunner } from '../kernel/contract.ts';
import type { Resources } from '../runtime/spec.ts';
import type { ContainerStore } from './container-store.ts';

/** Control groups as the use cases need them: the driver of this machine, bound to its file port. */
export interface Cgroups {
  place(path: string): CgroupPlace;
  containerParts(place: CgroupPlace, resources: Resources): { parts: CgroupParts; warnings: readonly string[] };
  execParts(place: CgroupPlace): { open: readonly Op[]; join: readonly Op[]; cloneSlot: string | undefined };
  /** Whether the OOM killer was at work, from the reports of an exit record. */
  oomKilled(reports: Readonly<Record<string, string>>): boolean;
  kill(place: CgroupPlace): void;
}

/** Where a container is in the trees. Opaque to the use cases. */
export type CgroupPlace = { readonly path: string };

/** What the use cases work with; put together once by `openEngine`. */
export interface EngineParts {
  readonly machine: MachineFacts;
  readonly runner: PlanRunner;
  readonly store: ContainerStore;
  readonly cgroups: Cgroups | undefined;
  /** The native helper, to be shown as /sbin/docker-init inside. */
  readonly helper: string;
}
