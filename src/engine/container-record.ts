/** What is kept of a container: its document, and where its files are. */
import type { PublishedPort } from '../network/contract.ts';
import type { AttachedEndpoint } from './attached.ts';
import type { ContainerImage } from './container-root.ts';
import type { ContainerExit } from './contract.ts';
import type { MountRecord } from './mount-record.ts';
import type { ProcessId } from './process-id.ts';
import type { Health } from './types/container-answers.ts';
import type { ContainerConfig, HostConfig } from './types/container.ts';
import type { EndpointSettings } from './types/network.ts';

/** What is remembered of a container. */
export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  /** Unix time in milliseconds. */
  readonly createdAt: number;
  /** A folder of this machine, or an image's name. */
  readonly rootfs: string;
  /** Its writes then go to a layer with the container's id. */
  readonly image?: ContainerImage | undefined;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** Absent in one of an older build, which has what its documents say. */
  readonly mounts?: readonly MountRecord[] | undefined;
  /** What it asks of its networks, by their names. */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  /** Its places in networks while it runs, by the networks' ids. */
  readonly attached?: Readonly<Record<string, AttachedEndpoint>> | undefined;
  /** The host's ports that lead to it while it runs. */
  readonly published?: readonly PublishedPort[] | undefined;
  readonly cgroupsPath: string;
  /** Who made it, or started it last. */
  readonly maker: ProcessId;
  /** It is to start at once: without its maker it never came to be. */
  readonly pending?: boolean | undefined;
  /** Its volumes go, and it goes next: who began that is its maker. */
  readonly removing?: boolean | undefined;
  /** Absent until its process is there, which waits to be started. */
  readonly process?: ProcessId | undefined;
  /** RFC 3339, of its last start. */
  readonly startedAt?: string | undefined;
  /** Of its last end before that: Unix time in nanoseconds. */
  readonly finishedAt?: string | undefined;
  /** There before the process, which it makes. */
  readonly monitor?: ProcessId | undefined;
  /** How it ended before it was started again, as long as it has not. */
  readonly previous?: ContainerExit | undefined;
  readonly paused?: boolean | undefined;
  /** Waits to be started again by its restart policy: how often it has been. */
  readonly restarting?: boolean | undefined;
  readonly restartCount?: number | undefined;
  /** Somebody stopped it: its restart policy has no say until it is started again. */
  readonly stopped?: boolean | undefined;
  /** Of its health check, since its last start; absent for one without. */
  readonly health?: Health | undefined;
  /** Why its last start failed, and with which exit code. */
  readonly failure?: { readonly message: string; readonly code: number } | undefined;
}

/** The files of one container. */
export interface ContainerPaths {
  readonly dir: string;
  readonly record: string;
  readonly socket: string;
  readonly exit: string;
  readonly log: string;
  readonly mountPoint: string;
}
