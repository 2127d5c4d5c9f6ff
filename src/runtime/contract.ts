/**
 * What this folder promises: pure planning. An OCI spec and the facts about a machine go in, a plan comes out; nothing
 * here touches the system. Running the plan is the kernel port's, keeping state is `oci-state.ts`'s.
 */
import type { Op, Plan } from '../plan/ops.ts';
import type { Spec } from './spec.ts';

/** What a planner needs to know about the machine. Gathered by the kernel port, or written down by a test. */
export interface MachineFacts {
  readonly arch: 'x86_64' | 'aarch64';
  /** As `6.18`. */
  readonly kernel: string;
  /** The number of the last capability that the kernel knows (/proc/sys/kernel/cap_last_cap). */
  readonly lastCap: number;
  /** How many processors are online. */
  readonly cpus?: number;
  /** What the engine itself may hand on: its permitted capabilities, by bit. */
  readonly permittedCaps: bigint;
  /** The engine's own hard limits, by RLIMIT_ name; undefined for infinity. */
  readonly hardLimits: Readonly<Record<string, bigint | undefined>>;
  readonly apparmor: boolean;
  readonly selinux: boolean;
  /** Whether /proc/sys/user and friends say that a namespace type exists. */
  readonly namespaces: ReadonlySet<string>;
  /** Major and minor number and type of a device of the host, for `--device` and default devices. */
  device(path: string): { type: 'c' | 'b'; major: number; minor: number; mode: number } | undefined;
  /** What a path on the host is, following links: for bind sources. */
  kind(path: string): 'dir' | 'file' | 'missing';
  /** The mount point that holds a path of the host. */
  mountPoint(path: string): string;
  /** Whether this kernel can map the owners of a mount (mount_setattr(2)) of the file system that holds a path. */
  idmap?(path: string): boolean;
}

/** Where the root file system comes from. All paths are the host's, absolute. */
export type RootSource =
  | { readonly kind: 'dir'; readonly path: string; readonly idmap?: boolean }
  | {
      readonly kind: 'overlay';
      /** Topmost first: folders, or images that the container's process mounts where only it sees them. */
      readonly lower: readonly (string | ErofsLayer)[];
      /** The same with `user.overlay.` marks, where that is not the same: overlayfs does not see `trusted.` ones in a user namespace. */
      readonly userLower?: readonly (string | ErofsLayer)[];
      /** Where writes go: two folders of one that has nothing else. Without it they go to a tmpfs that dies with the container. */
      readonly upper?: { readonly dir: string; readonly work: string };
      /** What is written has `user.overlay.` marks, as in a user namespace, and `lower` has them. */
      readonly userMarks?: boolean;
      /** An existing folder that the container's own mount namespace can mount over. */
      readonly mountPoint: string;
      /** In a user namespace: what belongs to 0 on disk belongs to 0 inside. Else owners stay what they are. */
      readonly idmap?: boolean;
    };

/** A layer as an EROFS index whose files' bytes lie in a tar: mounted from the files, without a loop device. */
export interface ErofsLayer {
  readonly kind: 'erofs';
  readonly index: string;
  /** The `device=` of erofs(5): the layer's plain tar. */
  readonly device: string;
}

/** What is mounted at a place where the path of a folder does not say it: a volume or an image. */
export type SpecialSource =
  /** A folder of this machine, or with a subpath what lies below it: looked up so that nothing leads out of it. */
  | { readonly kind: 'folder'; readonly path: string }
  /** A file system that the monitor makes, in the host's network; `options` are mount(8)'s words. */
  | { readonly kind: 'file-system'; readonly type: string; readonly device: string; readonly options: readonly string[] }
  /** Layers of an image, topmost first. `file`: the subpath names a file. */
  | {
      readonly kind: 'layers';
      readonly lower: readonly (string | ErofsLayer)[];
      /** As a root's. */
      readonly userLower?: readonly (string | ErofsLayer)[];
      readonly file: boolean;
    };

export interface SpecialMount {
  readonly source: SpecialSource;
  readonly subpath: string | undefined;
}

/** By the destinations of a spec's mounts. */
export type SpecialMounts = ReadonlyMap<string, SpecialMount>;

/** A process of another container that this one joins. The start time (clock ticks since boot) tells it from a later one with its pid. */
export interface Peer {
  readonly pid: number;
  readonly start: string;
}

/** What the cgroup driver contributes to a plan. */
export interface CgroupParts {
  readonly create: readonly Op[];
  readonly join: readonly Op[];
  readonly cloneSlot: string | undefined;
  readonly cleanup: readonly Op[];
  /** What `cgroup` mounts show inside, one per hierarchy; on v2 one with an empty name. */
  readonly hierarchies: readonly CgroupHierarchy[];
}

export interface CgroupHierarchy {
  /** The folder under /sys/fs/cgroup; empty for the v2 tree at /sys/fs/cgroup itself. */
  readonly name: string;
  readonly type: 'cgroup' | 'cgroup2';
  readonly data: readonly (readonly [string, string?])[];
  /** The container's own folder on the host, for a view without a cgroup namespace. */
  readonly hostPath: string;
}

/** Where a container's standard streams go. */
export type Stdio =
  /** The fds that the helper was started with. */
  | { readonly kind: 'inherit' }
  /** Pipes that the monitor owns. Without stdin it is /dev/null. */
  | { readonly kind: 'pipes'; readonly stdin: boolean }
  /** A terminal that the monitor owns. */
  | { readonly kind: 'pty'; readonly rows: number; readonly cols: number }
  /** A terminal whose master goes to whoever listens on a socket (OCI's --console-socket). */
  | { readonly kind: 'console-socket'; readonly path: string; readonly rows: number; readonly cols: number };

export interface MonitorSettings {
  /** Attach socket; empty for none. */
  readonly socket: string;
  readonly log: { readonly path: string; readonly maxSize: number; readonly maxFiles: number; readonly extra: string } | undefined;
  /** Where the exit record is written; empty for nowhere. */
  readonly exitPath: string;
  /** Only where whoever started it has gone by then. */
  readonly recordUntold?: boolean;
  /** A folder for what slow clients have not read yet. */
  readonly spillDir: string;
  readonly waitStart: boolean;
  readonly stdinOnce: boolean;
  readonly backpressure: boolean;
  /** Leave the container to the reaper as soon as it runs. */
  readonly leave: boolean;
  readonly forwardSignals: boolean;
  /** Tell of the end once nothing runs any more; cgroups are removed after that. */
  readonly tellFirst?: boolean;
  /** And let go of the mounts then, which is for those that nobody else needs. */
  readonly holdMounts?: boolean;
}

/** A user as numbers, looked up in the container's own files. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly home: string;
}

export interface ContainerInput {
  readonly id: string;
  readonly spec: Spec;
  readonly root: RootSource;
  readonly machine: MachineFacts;
  readonly cgroup: CgroupParts | undefined;
  readonly stdio: Stdio;
  readonly monitor: MonitorSettings;
  readonly bundle: string;
  /** Where to make a fifo on which the container's process waits for `start` by itself (OCI create and start). */
  readonly startFifo?: string;
  /** How many fds from 3 on the program gets as they are. */
  readonly preserveFds?: number;
  /** Without pivot_root(2), for a root on an initramfs. */
  readonly noPivot?: boolean;
  /** A session keyring of its own; default true. */
  readonly newKeyring?: boolean;
  /** Make what Docker's containers are known by, where the root has a layer for writes: /.dockerenv and /etc/mtab. */
  readonly marked?: boolean;
  /** A static reaper to show as /sbin/docker-init. */
  readonly initPath?: string;
  /** Mounts of the spec whose sources it cannot say. */
  readonly special?: SpecialMounts;
  /** The processes whose /proc/PID/ns files and /proc/PID/root the spec names. */
  readonly peers?: readonly Peer[];
}

export interface PlanResult {
  readonly plan: Plan;
  readonly warnings: readonly string[];
}
