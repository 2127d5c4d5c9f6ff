/**
 * The engine as its doors see it. This is its first part: containers on a root file system of this machine, without
 * images. One object, used from any process; state lives under one folder, so that several processes see the same
 * containers.
 */
import type { ExitRecord } from '../kernel/contract.ts';
import type { Plan } from '../plan/ops.ts';
import type { RunOptions } from '../runtime/run-options.ts';
import type { RegistryOptions } from '../image/contract.ts';
import type { Spec } from '../runtime/spec.ts';
import type { Builds, CacheGcSettings } from './builds-contract.ts';
import type { Containers, Execs } from './containers-contract.ts';
import type { Images } from './images-contract.ts';
import type { NetworkSettings } from '../network/default-bridge.ts';
import type { Networks } from './networks-contract.ts';
import type { Lease, LeaseOptions, Leases } from './leases-contract.ts';
import type { System } from './system-contract.ts';
import type { Volumes } from './volumes-contract.ts';
import type { Remap } from './userns-remap.ts';

export { DEFAULT_RUN, sharedMemoryOf } from '../runtime/run-options.ts';
export { parseSecurityOptions } from '../runtime/security-options.ts';
export type { DeviceOption, DeviceRate, IdRange, Limits, MountOption, NamespaceChoice, NamespaceChoices, RunOptions } from '../runtime/run-options.ts';

/** Streams of one process, as its user holds them. */
export interface AttachStreams {
  /** Bytes for the standard input; ends when the user's does. */
  readonly stdin?: NodeJS.ReadableStream;
  readonly stdout?: NodeJS.WritableStream;
  readonly stderr?: NodeJS.WritableStream;
  /** Bytes that end the attachment and leave the process running, as `ctrl-p,ctrl-q`; '' for none. */
  readonly detachKeys?: string;
}

export interface TerminalSize {
  readonly rows: number;
  readonly cols: number;
}

/** How a process ended, as far as the engine can know. */
export interface ContainerExit extends ExitRecord {
  /** The kernel killed a process of the container for want of memory. Always false for an exec: its container knows. */
  readonly oomKilled: boolean;
  /** Why there is no better answer: its monitor was killed. The status is then 137, as for all that goes with it. */
  readonly error?: string;
}

/** What ended an attachment: the process, or the user's detach keys. */
export type AttachEnd = { readonly kind: 'exit'; readonly record: ContainerExit } | { readonly kind: 'detached' };

/** A process that the engine started, or found running. */
export interface RunningProcess {
  readonly containerId: string;
  /** Of an exec: what `Engine.wait` knows it by, in any process. */
  readonly execId?: string;
  readonly pid: number;
  /** Warnings about what this machine could not give. */
  readonly warnings: readonly string[];
  /** Settles when the process has ended and its clean-up is done; keeps this program alive until then. */
  wait(): Promise<ContainerExit>;
  /** Settles when the attached streams have ended, or at the detach keys. Only where streams were given. */
  attached(): Promise<AttachEnd>;
  resize(size: TerminalSize): Promise<void>;
  kill(signal: number): Promise<void>;
}

export interface ExecOptions {
  readonly args: readonly string[];
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly user?: string;
  readonly tty?: boolean;
  readonly stdin?: boolean;
  readonly privileged?: boolean;
  readonly detach?: boolean;
  readonly size?: TerminalSize;
}

export interface ContainerInfo {
  readonly id: string;
  readonly name: string;
  readonly state: 'created' | 'running' | 'exited';
  readonly pid: number;
  readonly args: readonly string[];
  readonly tty: boolean;
  /** Unix time in milliseconds. */
  readonly createdAt: number;
  readonly exit?: ContainerExit;
  readonly logPath: string;
  readonly rootfs: string;
}

export interface RunStreams extends AttachStreams {
  readonly size?: TerminalSize;
}

export interface ExplainedPlan {
  readonly plan: Plan;
  readonly spec: Spec;
  readonly warnings: readonly string[];
  /** For people: each step with its reason and its man page. */
  text(): string;
  json(): string;
}

export interface LogOptions {
  readonly follow?: boolean;
  /** How many entries from the end; all when absent. */
  readonly tail?: number | undefined;
}

/** One line of the json-file log. */
export interface LogEntry {
  readonly log: string;
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
}

/** What every door works with: in this process, or over a socket (`connectEngine`). Every method throws EngineError. */
export interface Engine extends AsyncDisposable {
  readonly containers: Containers;
  readonly execs: Execs;
  readonly images: Images;
  readonly builds: Builds;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly system: System;
  readonly leases: Leases;
  /**
   * A lease, to be held as long as what is tied to it shall be there. It keeps no program alive. Throws `unavailable`
   * where there are none: with a real dockerd, and in an engine that does not own its data root.
   */
  lease(options?: LeaseOptions): Promise<Lease>;
  /**
   * Gives back what the engine keeps on the machine between containers. Those that run go on, and no longer keep this
   * program alive, but for those that somebody waits for.
   */
  close(): Promise<void>;
}

/** The engine in this process, with what only makes sense here. */
export interface LocalEngine extends Engine {
  /** Before doors are closed: from now on no lease ends because its owner goes. The next engine waits for the owners. */
  suspendLeases(): void;
  /** Tells who reads events that the daemon has read its settings anew, and what they are. */
  reloaded(settings: Readonly<Record<string, string>>): void;
  /** The plan that `run` would run, and the spec that it comes from. Touches nothing. */
  plan(options: RunOptions): Promise<ExplainedPlan>;
  /** Starts a container; resolves when its program runs. */
  run(options: RunOptions, streams?: RunStreams): Promise<RunningProcess>;
  exec(container: string, options: ExecOptions, streams?: RunStreams): Promise<RunningProcess>;
  attach(container: string, streams: RunStreams): Promise<RunningProcess>;
  list(): Promise<readonly ContainerInfo[]>;
  /** By id, by the beginning of an id, or by name. */
  find(container: string): Promise<ContainerInfo>;
  kill(container: string, signal: number): Promise<void>;
  /** SIGTERM (or the container's stop signal), then SIGKILL after the time-out in seconds. */
  stop(container: string, timeout?: number): Promise<void>;
  /**
   * How the container, or with `exec` that exec, ends or has ended. An exec's end is kept for this only while whoever
   * started it has not been told: when that process was killed.
   */
  wait(container: string, exec?: string): Promise<ContainerExit>;
  /** The log of a container, oldest entry first; with `follow` until it has ended. */
  logs(container: string, options?: LogOptions): AsyncIterable<LogEntry>;
  /** Removes an ended container's state; with force kills it first. */
  remove(container: string, options?: { force?: boolean }): Promise<void>;
  /** A container's file system as a tar, without what is mounted in it. */
  export(container: string): AsyncIterable<Buffer>;
}

export interface EngineOptions {
  /**
   * Nobody else works on the data root: containers are looked after here (restart policies, health checks, their ends),
   * and what is known of them is kept in memory. Default: other processes may work on it, too.
   */
  readonly owner?: boolean;
  /** The folder of what lives as long as the machine runs: sockets, records, logs. Default /run/kobako, or `run` in a data root that is given. */
  readonly stateDir?: string;
  /** The folder of images, layers and what containers write. Default /var/lib/kobako. One state folder belongs to it. */
  readonly dataRoot?: string;
  /** How layers are kept; default `erofs` where the kernel can, else `overlay`. The first choice for a data root stays. */
  readonly storageDriver?: 'overlay' | 'erofs';
  readonly registries?: RegistryOptions;
  /** Of the default bridge, and where networks' subnets come from. Only whoever owns the data root changes them. */
  readonly networks?: NetworkSettings;
  /**
   * dockerd's setting: containers get user namespaces with the subordinate ids (subuid(5)) of `default`, which is dockremap,
   * of `USER[:GROUP]` or of `UID[:GID]`, or with these ids. Throws `invalid` at once for somebody who has none. Default '': none.
   */
  readonly usernsRemap?: string | Remap | undefined;
  /** `key=value`, shown by `system.info`. */
  readonly labels?: readonly string[];
  /** Seconds that leases of an earlier engine on the data root wait for their owners, at least. Default 10. */
  readonly leaseGrace?: number | undefined;
  /** What of the build cache goes after builds, by size and age. Default: BuildKit's rules. */
  readonly buildCacheGc?: CacheGcSettings | undefined;
  /** What no build is granted, whoever wants it: `network.host`, `security.insecure`, `device`. Default: nothing is forbidden. */
  readonly forbiddenEntitlements?: readonly string[] | undefined;
  /** The native helper's path. Default: beside the engine. */
  readonly helper?: string;
}
