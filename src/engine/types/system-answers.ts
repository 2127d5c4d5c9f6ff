/** What the engine tells about itself, in the documents of Docker's API (1.51). */
import type { ContainerSummary } from './container-answers.ts';
import type { ImageSummaryDocument } from './image.ts';
import type { Volume } from './volume.ts';

interface Commit {
  readonly ID: string;
}

interface IndexConfig {
  readonly Name: string;
  readonly Mirrors: readonly string[];
  readonly Secure: boolean;
  readonly Official: boolean;
}

/** `GET /info` */
export interface SystemInfo {
  readonly ID: string;
  readonly Containers: number;
  readonly ContainersRunning: number;
  readonly ContainersPaused: number;
  readonly ContainersStopped: number;
  readonly Images: number;
  readonly Driver: string;
  readonly DriverStatus: readonly (readonly [string, string])[];
  readonly Plugins: {
    readonly Volume: readonly string[];
    readonly Network: readonly string[];
    readonly Authorization: readonly string[] | null;
    readonly Log: readonly string[];
  };
  readonly MemoryLimit: boolean;
  readonly SwapLimit: boolean;
  readonly KernelMemoryTCP?: boolean;
  readonly CpuCfsPeriod: boolean;
  readonly CpuCfsQuota: boolean;
  readonly CPUShares: boolean;
  readonly CPUSet: boolean;
  readonly PidsLimit: boolean;
  readonly IPv4Forwarding: boolean;
  readonly Debug: boolean;
  readonly NFd: number;
  readonly OomKillDisable: boolean;
  readonly NGoroutines: number;
  readonly SystemTime: string;
  readonly LoggingDriver: string;
  readonly CgroupDriver: 'cgroupfs' | 'systemd' | 'none';
  readonly CgroupVersion: '1' | '2';
  readonly NEventsListener: number;
  readonly KernelVersion: string;
  readonly OperatingSystem: string;
  readonly OSVersion: string;
  readonly OSType: 'linux';
  readonly Architecture: string;
  readonly IndexServerAddress: string;
  readonly RegistryConfig: {
    readonly IndexConfigs: Readonly<Record<string, IndexConfig>>;
    readonly InsecureRegistryCIDRs: readonly string[];
    readonly Mirrors: readonly string[] | null;
  };
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly GenericResources: null;
  readonly DockerRootDir: string;
  readonly HttpProxy: string;
  readonly HttpsProxy: string;
  readonly NoProxy: string;
  readonly Name: string;
  readonly Labels: readonly string[];
  readonly ExperimentalBuild: boolean;
  readonly ServerVersion: string;
  readonly Runtimes: Readonly<Record<string, { readonly path: string }>>;
  readonly DefaultRuntime: string;
  readonly Swarm: {
    readonly NodeID: string;
    readonly NodeAddr: string;
    readonly LocalNodeState: 'inactive';
    readonly ControlAvailable: boolean;
    readonly Error: string;
    readonly RemoteManagers: null;
  };
  readonly LiveRestoreEnabled: boolean;
  readonly Isolation: string;
  readonly InitBinary: string;
  readonly ContainerdCommit: Commit;
  readonly RuncCommit: Commit;
  readonly InitCommit: Commit;
  readonly SecurityOptions: readonly string[];
  readonly CDISpecDirs: readonly string[];
  /** Those that were configured. */
  readonly DefaultAddressPools?: readonly { readonly Base: string; readonly Size: number }[];
  readonly Warnings: readonly string[] | null;
}

/** `GET /version` */
export interface SystemVersion {
  readonly Platform: { readonly Name: string };
  readonly Components: readonly { readonly Name: string; readonly Version: string; readonly Details: Readonly<Record<string, string>> }[];
  readonly Version: string;
  readonly ApiVersion: string;
  readonly MinAPIVersion: string;
  readonly GitCommit: string;
  readonly GoVersion: string;
  readonly Os: string;
  readonly Arch: string;
  readonly KernelVersion: string;
  readonly BuildTime: string;
}

/** `GET /system/df`; null for what was not asked for. */
export interface DiskUsage {
  /** Bytes of all layers, each once. */
  readonly LayersSize: number;
  readonly Images: readonly ImageSummaryDocument[] | null;
  readonly Containers: readonly ContainerSummary[] | null;
  readonly Volumes: readonly Volume[] | null;
  readonly BuildCache: readonly unknown[] | null;
}
