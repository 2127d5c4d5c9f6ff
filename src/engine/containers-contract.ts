/**
 * Containers and the processes in them, as the engine's doors see them. Documents have Docker's names and units; a
 * container is named by its id, the beginning of its id, or its name. Every method throws EngineError: `not-found` as
 * `No such container: NAME`, `conflict`, `invalid`, in Docker's words where its clients read them.
 */
import type { Duplex } from 'node:stream';
import type { ContainerInspect, ContainerSummary, ExecInspect, FilesystemChange, PathStat } from './types/container-answers.ts';
import type { ContainerConfig, ContainerCreate, ContainerUpdate } from './types/container.ts';
import type { Filters } from './types/system.ts';

export interface Created {
  readonly Id: string;
  readonly Warnings: readonly string[];
}

export interface ContainerListOptions {
  /** Those that do not run, too. */
  readonly all?: boolean | undefined;
  /** The newest so many, in any state; 0: all. */
  readonly limit?: number | undefined;
  readonly size?: boolean | undefined;
  readonly filters?: Filters | undefined;
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface WaitResult {
  readonly StatusCode: number;
  readonly Error?: { readonly Message: string };
}

/** What an attachment carries; without any stream it only can be closed. */
export interface AttachOptions {
  readonly stdin?: boolean | undefined;
  readonly stdout?: boolean | undefined;
  readonly stderr?: boolean | undefined;
  /** What was written before. */
  readonly logs?: boolean | undefined;
  /** Go on with what is written from now; without it, only `logs`. */
  readonly stream?: boolean | undefined;
  /** As `ctrl-p,ctrl-q`; Docker's default when absent. Only with a terminal. */
  readonly detachKeys?: string | undefined;
}

/**
 * A process's streams. With a terminal the bytes are raw, else in Docker's framing (8-byte headers). Writing is its
 * standard input, `end()` closes that; the readable side ends when the process's output does, or at the detach keys.
 */
export interface Attached {
  readonly tty: boolean;
  readonly stream: Duplex;
}

export interface StopOptions {
  /** Name or number; the container's own stop signal when absent. */
  readonly signal?: string | undefined;
  /** Seconds until SIGKILL; -1: never. The container's own when absent. */
  readonly timeout?: number | undefined;
}

export interface LogsOptions {
  readonly stdout?: boolean | undefined;
  readonly stderr?: boolean | undefined;
  readonly follow?: boolean | undefined;
  /** How many entries from the end; all when absent. */
  readonly tail?: number | undefined;
  /** Unix time in nanoseconds; entries from then on, and up to then. */
  readonly since?: bigint | undefined;
  readonly until?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One line of a container's log. */
export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  /** With its newline, where it had one. */
  readonly log: string;
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  /** What `--details` shows: labels and variables that the log options name. */
  readonly attrs?: Readonly<Record<string, string>>;
}

export interface LogStreamOptions extends LogsOptions {
  /** Before each entry its time, with nine digits. */
  readonly timestamps?: boolean | undefined;
  /** Before each entry its attributes, as a query. */
  readonly details?: boolean | undefined;
}

/** A log as bytes, many lines at a time: raw with a terminal, else in Docker's framing. */
export interface LogStream {
  readonly tty: boolean;
  readonly body: AsyncIterable<Buffer>;
}

export interface StatsOptions {
  /** One document a second; without it, one. */
  readonly stream?: boolean | undefined;
  /** Without waiting a second for `precpu_stats`. */
  readonly oneShot?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Archive {
  readonly stat: PathStat;
  /** A tar. */
  readonly body: AsyncIterable<Buffer>;
}

export interface PutArchiveOptions {
  readonly noOverwriteDirNonDir?: boolean | undefined;
  /** All belongs to the user whom the container runs as, where it names one; else owners are the archive's. */
  readonly copyUIDGID?: boolean | undefined;
}

export interface CommitOptions {
  readonly repo?: string | undefined;
  readonly tag?: string | undefined;
  readonly comment?: string | undefined;
  readonly author?: string | undefined;
  /** Default true. */
  readonly pause?: boolean | undefined;
  /** Dockerfile instructions. */
  readonly changes?: readonly string[] | undefined;
  /** Replaces the container's own. */
  readonly config?: Partial<ContainerConfig> | undefined;
}

export interface Containers {
  /** `not-found` as `No such image: NAME`; `conflict` for a name that is taken. */
  create(body: ContainerCreate, options?: { readonly name?: string | undefined; readonly platform?: string | undefined }): Promise<Created>;
  /** False: it ran already. `warned` hears what this machine could not give; only from an engine in this process. */
  start(
    container: string,
    options?: { readonly detachKeys?: string | undefined; readonly warned?: ((warnings: readonly string[]) => void) | undefined },
  ): Promise<boolean>;
  /** The stop signal, then SIGKILL. False: it did not run. */
  stop(container: string, options?: StopOptions): Promise<boolean>;
  restart(container: string, options?: StopOptions): Promise<void>;
  /** Signal: name or number, SIGKILL when absent. `conflict` when it does not run. */
  kill(container: string, signal?: string): Promise<void>;
  pause(container: string): Promise<void>;
  unpause(container: string): Promise<void>;
  rename(container: string, name: string): Promise<void>;
  update(container: string, update: ContainerUpdate): Promise<{ readonly Warnings: readonly string[] }>;
  /** `started` is called once the wait is registered: what ends from then on is seen. */
  wait(
    container: string,
    options?: { readonly condition?: WaitCondition | undefined; readonly signal?: AbortSignal | undefined; readonly started?: (() => void) | undefined },
  ): Promise<WaitResult>;
  remove(
    container: string,
    options?: { readonly force?: boolean | undefined; readonly volumes?: boolean | undefined; readonly link?: boolean | undefined },
  ): Promise<void>;
  prune(filters?: Filters): Promise<{ readonly ContainersDeleted: readonly string[] | null; readonly SpaceReclaimed: number }>;
  inspect(container: string, options?: { readonly size?: boolean | undefined }): Promise<ContainerInspect>;
  /** The newest first. */
  list(options?: ContainerListOptions): Promise<readonly ContainerSummary[]>;
  /** `psArgs` as ps(1) takes them; `-ef` when absent. */
  top(container: string, psArgs?: string): Promise<{ readonly Titles: readonly string[]; readonly Processes: readonly (readonly string[])[] }>;
  stats(container: string, options?: StatsOptions): AsyncIterable<Readonly<Record<string, unknown>>>;
  /** `invalid` without a stream; `unavailable` where the log is kept nowhere. Ends with the container, where it is followed. */
  logs(container: string, options: LogsOptions): AsyncIterable<LogLine>;
  /** The same, ready to be sent. */
  logStream(container: string, options: LogStreamOptions): Promise<LogStream>;
  attach(container: string, options: AttachOptions): Promise<Attached>;
  /** Of the container's terminal; rows and columns. */
  resize(container: string, rows: number, cols: number): Promise<void>;
  /** Throws `not-found`, also where there is no such file; `invalid` for what must be a folder and is none. */
  statArchive(container: string, path: string): Promise<PathStat>;
  /** The body is read from what is there when it is asked for. */
  getArchive(container: string, path: string): Promise<Archive>;
  /** Unpacks a tar, packed or not, into a folder of the container. */
  putArchive(container: string, path: string, tar: AsyncIterable<Uint8Array>, options?: PutArchiveOptions): Promise<void>;
  changes(container: string): Promise<readonly FilesystemChange[]>;
  export(container: string): AsyncIterable<Buffer>;
  commit(container: string, options?: CommitOptions): Promise<{ readonly Id: string }>;
}

/** The body of `POST /containers/ID/exec`. */
export interface ExecCreate {
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly DetachKeys?: string;
  readonly Tty?: boolean;
  readonly ConsoleSize?: readonly [number, number] | null;
  readonly Env?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Privileged?: boolean;
  readonly User?: string;
  readonly WorkingDir?: string;
}

export interface ExecStart {
  readonly detach?: boolean | undefined;
  readonly consoleSize?: readonly [number, number] | undefined;
  /** Hears of the streams before the program is started, unless detached. It may fail to start after that. */
  readonly opened?: ((attached: Attached) => void) | undefined;
}

/** Further processes in running containers. `not-found` as `No such exec instance: ID`. */
export interface Execs {
  /** `invalid` when the container knows no such user or group. */
  create(container: string, body: ExecCreate): Promise<{ readonly Id: string }>;
  /** Resolves when the program runs; with its streams, unless detached. */
  start(exec: string, options?: ExecStart): Promise<Attached | undefined>;
  resize(exec: string, rows: number, cols: number): Promise<void>;
  inspect(exec: string): Promise<ExecInspect>;
}
