/**
 * Control groups behind one contract: v1, hybrid, v2. Planning is pure: a driver turns an OCI `resources` object into
 * operations of a plan. What looks at a living cgroup goes through `CgroupFiles`, which a test can fake.
 */
import type { Below } from './below.ts';
import type { Op } from '../plan/ops.ts';
import type { Resources } from '../runtime/spec.ts';

/** The cgroup file systems of this machine. */
export interface CgroupFiles {
  /** The text of a file; undefined where there is none. */
  read(path: string): string | undefined;
  /** Writes in one write(2). Throws what the kernel says. */
  write(path: string, text: string): void;
  exists(path: string): boolean;
  /** Makes a folder; one that is there is fine. */
  mkdir(path: string): void;
  /** Removes a folder if it is empty; throws nothing. */
  rmdir(path: string): void;
  /** Names in a folder, those of folders with a slash at the end; empty where there is none. */
  list(path: string): string[];
}

/** One mounted hierarchy. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** Its controllers: `cpu`, `cpuacct` …, or `name=systemd`. */
  readonly controllers: readonly string[];
  readonly mountPoint: string;
}

export interface CgroupLayout {
  readonly kind: 'v1' | 'hybrid' | 'v2';
  readonly hierarchies: readonly Hierarchy[];
}

/** One value in one file of a cgroup. */
export interface Setting {
  readonly controller: string;
  readonly file: string;
  readonly value: string;
  /** What the user asked for, as an error names it. */
  readonly subject: string;
  /** Errors that mean "the machine cannot", which is no failure. */
  readonly ignore?: readonly string[];
  /** The user named the file itself: a controller without it is an error, not a limit to do without. */
  readonly mustExist?: boolean;
  /** What the cgroup has without this file is what was asked for: no warning. */
  readonly optional?: boolean;
}

export interface Created {
  readonly ops: readonly Op[];
  readonly warnings: readonly string[];
}

/** What `stats` gives: the numbers that Docker's stats need, in bytes and nanoseconds. Absent where not counted. */
export interface CgroupStats {
  readonly cpu: {
    readonly usage: number;
    readonly user: number;
    readonly system: number;
    readonly perCpu?: readonly number[] | undefined;
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledTime: number;
  };
  readonly memory: {
    readonly usage: number;
    readonly maxUsage?: number | undefined;
    readonly limit: number;
    /** How often the limit was hit; on v2 how often that ended in the OOM killer's hands, as Docker counts. */
    readonly failcnt?: number;
    /** The keys of memory.stat, as the kernel names them. */
    readonly stats: Readonly<Record<string, number>>;
    readonly oomKills: number;
  };
  readonly pids: { readonly current: number; readonly limit: number };
  readonly blkio: Readonly<Record<'serviceBytes' | 'serviced', readonly { major: number; minor: number; op: string; value: number }[]>>;
}

/** Whether a file will be in a container's folder of a hierarchy; a text says why a controller that is there does not reach it. */
export type HasFile = (hierarchy: Hierarchy, controller: string, file: string) => boolean | string;

/** What spares `prepare` looks. */
export interface PrepareHints {
  /** Nothing can be at the path yet. */
  readonly fresh?: boolean | undefined;
  /** Folders above that have been made ready before; this one joins them. */
  readonly ready?: Set<string> | undefined;
}

/** Paths are below each hierarchy's root, as `/kobako/ID`. */
export interface CgroupDriver {
  readonly kind: CgroupLayout['kind'];
  readonly hierarchies: readonly Hierarchy[];
  /**
   * Makes the folders above `path`, so that a cgroup can be made there, and looks at what it will have. Throws
   * `conflict` where one is there and has processes: they would be ended with the container.
   */
  prepare(files: CgroupFiles, path: string, resources: Resources, hints?: PrepareHints): HasFile;
  /** Removes the folder above `path` where it is empty. */
  release(files: CgroupFiles, path: string): void;
  /** Makes the folders, writes the limits, opens what `join` and `clone` need. Monitor's side. */
  create(path: string, resources: Resources, has?: HasFile): Created;
  /** Opens an existing cgroup, or one below it, for a further process. Monitor's side. */
  open(path: string, below?: Below): readonly Op[];
  /** Puts the container's process in, after `create` or `open`. */
  join(path: string): readonly Op[];
  /** Where there is a v2 tree: the slot for CLONE_INTO_CGROUP. */
  readonly cloneSlot: string | undefined;
  /** Reports the OOM killer's work, ends what is left inside, removes the folders. */
  cleanup(path: string): readonly Op[];
  /** The container's own folder in a hierarchy. */
  folder(hierarchy: Hierarchy, path: string): string;
  /** Changes limits of a living cgroup; returns warnings. Throws EngineError naming the limit that was refused. */
  update(files: CgroupFiles, path: string, resources: Resources): readonly string[];
  /** Stops or continues all processes; resolves when they have. Throws `unavailable` after two seconds. */
  freeze(files: CgroupFiles, path: string, frozen: boolean): Promise<void>;
  frozen(files: CgroupFiles, path: string): boolean;
  /** SIGKILL to all processes inside, those of cgroups below too. */
  kill(files: CgroupFiles, path: string): void;
  /** All processes inside, those of cgroups below too. */
  processes(files: CgroupFiles, path: string): readonly number[];
  /** Removes what is left of a cgroup whose owner has gone. */
  remove(files: CgroupFiles, path: string): void;
  stats(files: CgroupFiles, path: string): CgroupStats;
}

/** Whether this names a cgroup below a hierarchy's root: without links up, and not the root itself, which is everybody's. */
export function checkCgroupPath(path: string): boolean {
  return partsOf(path).length > 0 && !path.includes('\0') && !path.includes('\n') && !path.split('/').includes('..');
}

export function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
