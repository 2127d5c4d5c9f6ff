import type { CgroupAbilities } from '../cgroup/abilities.ts';
import type { CgroupDriver, CgroupFiles } from '../cgroup/contract.ts';
import type { FileLocks, PlanRunner } from '../kernel/contract.ts';
import type { Op } from '../plan/ops.ts';
import type { CgroupParts, MachineFacts } from '../runtime/contract.ts';
import type { Resources } from '../runtime/spec.ts';
import type { BuildParts } from './build-parts.ts';
import type { ContainerStore } from './container-store.ts';
import type { ContainerExit } from './contract.ts';
import type { EventBus } from './events.ts';
import type { LeaseTable } from './leases.ts';
import type { LiveContainers } from './live.ts';
import type { ImageParts } from './image-parts.ts';
import type { HeldPorts } from './held-ports.ts';
import type { NetworkParts } from './network-parts.ts';
import type { Sandboxes } from './sandbox-contract.ts';
import type { Remap } from './userns-remap.ts';
import type { VolumeStore } from '../volume/contract.ts';

/** Control groups as the use cases need them: the driver of this machine and its files. Paths as in `CgroupDriver`. */
export interface Cgroups {
  readonly driver: CgroupDriver;
  readonly files: CgroupFiles;
  /** Looked at once. */
  readonly abilities: CgroupAbilities;
  /**
   * What a container's plan needs. With `prepare` the folders above are made; without, nothing is touched. `fresh`: its own
   * cannot be there yet. Who gives hints calls again, with `anew`, where a folder above turns out to have gone.
   */
  containerParts(
    path: string,
    resources: Resources,
    prepare: boolean,
    hints?: { readonly fresh?: boolean; readonly anew?: boolean },
  ): { parts: CgroupParts; warnings: readonly string[] };
  /**
   * What an exec's plan needs. It goes where the container's first process `pid` is now; with `sub` into that cgroup
   * below the container's own (for all controllers, or by controller). Throws `invalid` for one that is not below.
   */
  execParts(
    path: string,
    sub?: string | Readonly<Record<string, string>>,
    pid?: number,
  ): { open: readonly Op[]; join: readonly Op[]; cloneSlot: string | undefined };
}

/** What the use cases work with; put together once by `openEngine`. */
export interface EngineParts {
  readonly machine: MachineFacts;
  readonly runner: PlanRunner;
  readonly store: ContainerStore;
  readonly cgroups: Cgroups | undefined;
  readonly events: EventBus;
  readonly live: LiveContainers;
  /** Called once for each end of a container that this process learns of. */
  ended(id: string, exit: ContainerExit): Promise<void>;
  /** The folder of what outlives the machine's next start. */
  readonly dataRoot: string;
  /** Whose ids containers get that do not say otherwise; undefined for those of the host. */
  readonly remap: Remap | undefined;
  /** The folder of containers and networks. */
  readonly containerRoot: string;
  /** No other process changes what is in the data root: containers are looked after here, whoever started them. */
  readonly owned: boolean;
  /** Whether something new can be under a lease. */
  readonly leases: Pick<LeaseTable, 'check'>;
  readonly volumes: { readonly store: VolumeStore; readonly locks: FileLocks };
  /** Opened at the first use. */
  images(): ImageParts;
  /** Opened at the first use. */
  builds(): BuildParts;
  /** Opened at the first use. */
  networks(): NetworkParts;
  /** Of the host, for containers. */
  readonly ports: HeldPorts;
  /** What containers have of networks while they run. */
  readonly sandboxes: Sandboxes;
  /** The native helper, to be shown as /sbin/docker-init inside. */
  readonly helper: string;
}
