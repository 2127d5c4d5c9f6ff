/** What can be asked of a new container: the flags of `docker run`, parsed, in plain units (bytes, seconds, numbers). */
import type { SpecialSource } from './contract.ts';

/** Where a namespace comes from: a new one, the host's, or that of another container. */
export type NamespaceChoice = { readonly kind: 'new' } | { readonly kind: 'host' } | { readonly kind: 'container'; readonly container: string };

export interface NamespaceChoices {
  readonly pid: NamespaceChoice;
  readonly ipc: NamespaceChoice;
  readonly uts: NamespaceChoice;
  readonly network: NamespaceChoice;
  readonly cgroup: NamespaceChoice;
  readonly user: NamespaceChoice;
  readonly time: NamespaceChoice;
}

export interface MountOption {
  readonly type: 'bind' | 'tmpfs' | 'volume' | 'image';
  /** A bind's path on the host; the name of a volume ('' for a new one) or of an image. */
  readonly source: string;
  readonly target: string;
  /** mount(8) options, as `ro`, `rslave`, `size=1m`; of a volume also `nocopy`. */
  readonly options: readonly string[];
  /** `-v`: make a folder where the source is missing. */
  readonly create: boolean;
  /** What of a volume or an image is mounted: a relative path. */
  readonly subpath?: string;
  /** What a volume or an image is on this machine; the engine finds it before anything is planned. */
  readonly found?: SpecialSource;
}

export interface DeviceOption {
  readonly host: string;
  readonly container: string;
  /** Letters of `rwm`. */
  readonly access: string;
}

export interface DeviceRate {
  readonly path: string;
  /** Bytes or operations per second, or a weight. */
  readonly rate: number;
}

export interface Limits {
  readonly memory?: number;
  /** Memory and swap together; -1 for unlimited swap. */
  readonly memorySwap?: number;
  readonly memoryReservation?: number;
  readonly memorySwappiness?: number;
  readonly kernelMemoryTcp?: number;
  readonly oomKillDisable?: boolean;
  readonly cpuShares?: number;
  readonly cpuQuota?: number;
  readonly cpuPeriod?: number;
  /** Billionths of a processor, as Docker's NanoCpus. */
  readonly nanoCpus?: number;
  readonly cpuRtRuntime?: number;
  readonly cpuRtPeriod?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pids?: number;
  readonly blkioWeight?: number;
  readonly blkioWeightDevice: readonly DeviceRate[];
  readonly readBps: readonly DeviceRate[];
  readonly writeBps: readonly DeviceRate[];
  readonly readIops: readonly DeviceRate[];
  readonly writeIops: readonly DeviceRate[];
  readonly hugepages: readonly { readonly pageSize: string; readonly limit: number }[];
  /** Files of the v2 cgroup, as `--cgroup-conf memory.high=1G` gives them. */
  readonly unified: Readonly<Record<string, string>>;
}

export interface IdRange {
  readonly container: number;
  readonly host: number;
  readonly size: number;
}

export interface RunOptions {
  /** The image to run, by name or id; or else: */
  readonly image?: string;
  /** The root file system; with `overlay` writes go to a layer that is thrown away. */
  readonly rootfs?: { readonly path: string; readonly overlay: boolean };
  /** What to run, without an image's entry point; empty for its command. */
  readonly args: readonly string[];
  /** Comes before `args`; empty takes out an image's. */
  readonly entrypoint?: readonly string[];
  readonly name?: string;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly detach: boolean;
  readonly autoRemove: boolean;
  readonly env: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly groupAdd: readonly string[];
  readonly umask?: number;
  readonly namespaces: NamespaceChoices;
  readonly uidMap: readonly IdRange[];
  readonly gidMap: readonly IdRange[];
  /** Seconds by which a new time namespace's clocks differ. */
  readonly timeOffsets: { readonly monotonic?: number; readonly boottime?: number };
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly noNewPrivileges: boolean;
  /** The text of an OCI or Docker profile; undefined for the default one, `unconfined` for none. */
  readonly seccomp?: string;
  readonly apparmor?: string;
  /** SELinux's process label. */
  readonly selinux?: string;
  /** /sys/fs/cgroup may be written to: for an init that makes cgroups of its own. */
  readonly writableCgroups?: boolean;
  /** Nothing masked, nothing read-only in /proc and /sys. */
  readonly systemPathsUnconfined: boolean;
  /** Instead of Docker's lists. */
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly readonlyRootfs: boolean;
  readonly shmSize: number;
  /** At /dev/shm, with an ipc namespace of its own: the container's, such as others may join, or none. */
  readonly sharedMemory: 'private' | 'shareable' | 'none';
  readonly mounts: readonly MountOption[];
  readonly devices: readonly DeviceOption[];
  /** As `c 1:3 rwm`. */
  readonly deviceCgroupRules: readonly string[];
  readonly ulimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly oomScoreAdj?: number;
  readonly limits: Limits;
  readonly cgroupParent?: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly stopSignal?: number;
  /** Seconds. */
  readonly stopTimeout?: number;
  readonly init: boolean;
  /** `name:address` */
  readonly addHosts: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly logDriver: 'json-file' | 'none';
  readonly logMaxSize?: number;
  readonly logMaxFile?: number;
}

const NEW = { kind: 'new' } as const;
const HOST = { kind: 'host' } as const;

/** A run with nothing asked: what `docker run` does without flags. */
export const DEFAULT_RUN: RunOptions = {
  args: [],
  tty: false,
  stdin: false,
  detach: false,
  autoRemove: false,
  env: [],
  groupAdd: [],
  namespaces: { pid: NEW, ipc: NEW, uts: NEW, network: NEW, cgroup: NEW, user: HOST, time: HOST },
  uidMap: [],
  gidMap: [],
  timeOffsets: {},
  privileged: false,
  capAdd: [],
  capDrop: [],
  noNewPrivileges: false,
  systemPathsUnconfined: false,
  readonlyRootfs: false,
  shmSize: 64 << 20,
  sharedMemory: 'private',
  mounts: [],
  devices: [],
  deviceCgroupRules: [],
  ulimits: [],
  sysctls: {},
  limits: { blkioWeightDevice: [], readBps: [], writeBps: [], readIops: [], writeIops: [], hugepages: [], unified: {} },
  annotations: {},
  init: false,
  addHosts: [],
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
  logDriver: 'json-file',
};

/** Whether the container is root of a user namespace only: one of its own, or another container's. */
export function inUserNamespace({ uidMap, gidMap, namespaces }: Pick<RunOptions, 'uidMap' | 'gidMap' | 'namespaces'>): boolean {
  return uidMap.length > 0 || gidMap.length > 0 || namespaces.user.kind === 'container';
}

/** What an IPC mode, as Docker has it, says of the container's own shared memory. */
export function sharedMemoryOf(ipcMode: string | undefined): RunOptions['sharedMemory'] {
  return ipcMode === 'shareable' || ipcMode === 'none' ? ipcMode : 'private';
}
