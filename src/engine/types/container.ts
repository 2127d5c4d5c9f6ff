/**
 * What a container is asked to be: the documents of Docker's API (1.51), with its names, units and defaults. They are
 * what `create` takes, what is kept on disk, and what `inspect` gives back.
 */
import type { HealthConfig } from '../../image/contract.ts';
import type { EndpointSettings } from './network.ts';

export type { HealthConfig };

type Empty = Readonly<Record<string, never>>;

export interface ContainerConfig {
  readonly Hostname: string;
  readonly Domainname: string;
  readonly User: string;
  readonly AttachStdin: boolean;
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
  readonly ExposedPorts?: Readonly<Record<string, Empty>>;
  readonly Tty: boolean;
  readonly OpenStdin: boolean;
  readonly StdinOnce: boolean;
  readonly Env: readonly string[] | null;
  readonly Cmd: readonly string[] | null;
  readonly Healthcheck?: HealthConfig;
  readonly ArgsEscaped?: boolean;
  /** As it was asked for. */
  readonly Image: string;
  readonly Volumes: Readonly<Record<string, Empty>> | null;
  readonly WorkingDir: string;
  readonly Entrypoint: readonly string[] | null;
  readonly NetworkDisabled?: boolean;
  readonly MacAddress?: string;
  readonly OnBuild: readonly string[] | null;
  readonly Labels: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  /** Seconds. */
  readonly StopTimeout?: number;
  readonly Shell?: readonly string[];
}

export interface RestartPolicy {
  readonly Name: '' | 'no' | 'always' | 'unless-stopped' | 'on-failure';
  readonly MaximumRetryCount: number;
}

export interface ThrottleDevice {
  readonly Path: string;
  readonly Rate: number;
}

export interface WeightDevice {
  readonly Path: string;
  readonly Weight: number;
}

export interface DeviceMapping {
  readonly PathOnHost: string;
  readonly PathInContainer: string;
  readonly CgroupPermissions: string;
}

export interface DeviceRequest {
  readonly Driver: string;
  readonly Count: number;
  readonly DeviceIDs?: readonly string[] | null;
  readonly Capabilities: readonly (readonly string[])[] | null;
  readonly Options?: Readonly<Record<string, string>> | null;
}

export interface Ulimit {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

/** What `update` can change, and more. Bytes, and Docker's own units elsewhere. 0 stands for no limit. */
export interface Resources {
  readonly CpuShares: number;
  readonly Memory: number;
  readonly NanoCpus: number;
  readonly CgroupParent: string;
  readonly BlkioWeight: number;
  readonly BlkioWeightDevice: readonly WeightDevice[] | null;
  readonly BlkioDeviceReadBps: readonly ThrottleDevice[] | null;
  readonly BlkioDeviceWriteBps: readonly ThrottleDevice[] | null;
  readonly BlkioDeviceReadIOps: readonly ThrottleDevice[] | null;
  readonly BlkioDeviceWriteIOps: readonly ThrottleDevice[] | null;
  readonly CpuPeriod: number;
  readonly CpuQuota: number;
  readonly CpuRealtimePeriod: number;
  readonly CpuRealtimeRuntime: number;
  readonly CpusetCpus: string;
  readonly CpusetMems: string;
  readonly Devices: readonly DeviceMapping[] | null;
  readonly DeviceCgroupRules: readonly string[] | null;
  readonly DeviceRequests: readonly DeviceRequest[] | null;
  readonly KernelMemoryTCP?: number;
  readonly MemoryReservation: number;
  readonly MemorySwap: number;
  readonly MemorySwappiness: number | null;
  readonly OomKillDisable: boolean | null;
  readonly PidsLimit: number | null;
  readonly Ulimits: readonly Ulimit[] | null;
  readonly CpuCount: number;
  readonly CpuPercent: number;
  readonly IOMaximumIOps: number;
  readonly IOMaximumBandwidth: number;
}

export interface PortBinding {
  readonly HostIp: string;
  readonly HostPort: string;
}

export type PortMap = Readonly<Record<string, readonly PortBinding[] | null>>;

export interface Mount {
  readonly Type: 'bind' | 'volume' | 'tmpfs' | 'image' | 'npipe' | 'cluster';
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly Consistency?: string;
  readonly BindOptions?: {
    readonly Propagation?: string;
    readonly NonRecursive?: boolean;
    readonly CreateMountpoint?: boolean;
    readonly ReadOnlyNonRecursive?: boolean;
    readonly ReadOnlyForceRecursive?: boolean;
  };
  readonly VolumeOptions?: {
    readonly NoCopy?: boolean;
    readonly Labels?: Readonly<Record<string, string>>;
    readonly DriverConfig?: { readonly Name?: string; readonly Options?: Readonly<Record<string, string>> };
    readonly Subpath?: string;
  };
  readonly ImageOptions?: { readonly Subpath?: string };
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number; readonly Options?: readonly (readonly string[])[] };
}

/** What this engine can and Docker's API cannot say; all of it may be left out. */
export interface KobakoConfig {
  /** A folder of the host instead of an image; with Overlay writes are thrown away. */
  readonly Rootfs?: { readonly Path: string; readonly Overlay: boolean };
  readonly Umask?: number;
  readonly UidMap?: readonly { readonly Container: number; readonly Host: number; readonly Size: number }[];
  readonly GidMap?: readonly { readonly Container: number; readonly Host: number; readonly Size: number }[];
  /** `host`, `private`, `container:NAME`. */
  readonly TimeMode?: string;
  /** Seconds. */
  readonly TimeOffsets?: { readonly Monotonic?: number; readonly Boottime?: number };
  readonly SelinuxLabel?: string;
  /** `PAGESIZE` to bytes. */
  readonly Hugepages?: Readonly<Record<string, number>>;
  /** Files of the v2 cgroup. */
  readonly Unified?: Readonly<Record<string, string>>;
}

export interface HostConfig extends Resources {
  readonly Binds: readonly string[] | null;
  readonly ContainerIDFile: string;
  readonly LogConfig: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
  readonly NetworkMode: string;
  readonly PortBindings: PortMap | null;
  readonly RestartPolicy: RestartPolicy;
  readonly AutoRemove: boolean;
  readonly VolumeDriver: string;
  readonly VolumesFrom: readonly string[] | null;
  readonly Mounts?: readonly Mount[];
  /** Rows, columns. */
  readonly ConsoleSize: readonly [number, number];
  readonly Annotations?: Readonly<Record<string, string>>;
  readonly CapAdd: readonly string[] | null;
  readonly CapDrop: readonly string[] | null;
  readonly CgroupnsMode: string;
  readonly Dns: readonly string[] | null;
  readonly DnsOptions: readonly string[] | null;
  readonly DnsSearch: readonly string[] | null;
  readonly ExtraHosts: readonly string[] | null;
  readonly GroupAdd: readonly string[] | null;
  readonly IpcMode: string;
  readonly Cgroup: string;
  readonly Links: readonly string[] | null;
  readonly OomScoreAdj: number;
  readonly PidMode: string;
  readonly Privileged: boolean;
  readonly PublishAllPorts: boolean;
  readonly ReadonlyRootfs: boolean;
  /** A seccomp profile is its text here, as docker's CLI sends it. */
  readonly SecurityOpt: readonly string[] | null;
  readonly StorageOpt?: Readonly<Record<string, string>>;
  readonly Tmpfs?: Readonly<Record<string, string>>;
  readonly UTSMode: string;
  readonly UsernsMode: string;
  readonly ShmSize: number;
  readonly Sysctls?: Readonly<Record<string, string>>;
  readonly Runtime: string;
  readonly Isolation: string;
  readonly Init?: boolean;
  readonly MaskedPaths: readonly string[] | null;
  readonly ReadonlyPaths: readonly string[] | null;
  readonly Kobako?: KobakoConfig;
}

/** The body of `POST /containers/create`. */
export interface ContainerCreate extends Partial<ContainerConfig> {
  readonly HostConfig?: Partial<HostConfig>;
  readonly NetworkingConfig?: { readonly EndpointsConfig?: Readonly<Record<string, EndpointSettings>> };
}

export interface ContainerUpdate extends Partial<Resources> {
  readonly RestartPolicy?: Partial<RestartPolicy>;
}
