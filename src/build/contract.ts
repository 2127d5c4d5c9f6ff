/**
 * What this folder promises: Dockerfiles become images, or other results.
 *
 * A build is a graph of vertices: each is known by the digest of what it does and of what it works on, so that what has
 * been done before, or is being done now by another build, is not done again. A door says what is to be built
 * (`BuildRequest`), gives what only its client has (contexts, secrets, agents, places for results) as functions that are
 * called when it is needed, and is told of what happens (`BuildEvent`). Whatever a client gives is hostile until checked.
 */
import type { ProvenanceWish } from '../base/attestations.ts';
import type { Digest } from '../base/digest.ts';
import type { Credentials, Descriptor } from '../image/contract.ts';

/** A layer, as manifests and configs name it. */
export interface LayerRef {
  readonly diffId: Digest;
  readonly descriptor: Descriptor;
}

/** Which part of a local context is wanted. Patterns are .dockerignore's; paths have no slash in front. */
export interface LocalWanted {
  /** Paths that are enough, with all below them, and with what links on the way lead to; absent: all. */
  readonly followPaths?: readonly string[] | undefined;
  /** What need not come. */
  readonly excludePatterns?: readonly string[] | undefined;
  /** What it is for, as BuildKit says it: `[internal] load build context`. */
  readonly name: string;
  /** Told now and then how many bytes have come. */
  readonly report?: ((transferred: number) => void) | undefined;
}

/** A folder of this machine with a context's files. It does not change until it is disposed of. */
export interface LocalFolder extends AsyncDisposable {
  readonly path: string;
  /** Bytes that had to be transferred for it. */
  readonly transferred?: number | undefined;
}

/** A file of a client's. */
export interface ClientFile {
  /** Of what is no regular file, or longer than a Dockerfile may be: ''. */
  readonly text: string;
  /** Bytes of the whole file. */
  readonly size: number;
}

/** A few of a client's files, as they were when they were asked for. */
export interface LocalFiles {
  /** Links are resolved; undefined where nothing is. */
  file(path: string): ClientFile | undefined;
  /** Bytes that had to be transferred for it. */
  readonly transferred: number;
}

/** Where a context's files come from. */
export type ContextSource =
  /** Of the client's: opened when something of it is needed, perhaps several times, for parts of it. */
  | {
      readonly kind: 'local';
      open(wanted: LocalWanted, signal: AbortSignal): Promise<LocalFolder>;
      /** For files that are read and no more: without a folder, where the source can do that. */
      readonly files?: (wanted: LocalWanted, signal: AbortSignal) => Promise<LocalFiles>;
    }
  /** Read once: packed or not; no piece is looked at when the next one has been asked for. A single file that is no tar is the Dockerfile itself. */
  | { readonly kind: 'tar'; readonly bytes: AsyncIterable<Uint8Array> }
  /** A git repository (`https://host/repo.git#ref:folder`, `git@host:repo`), or a file over HTTP: a tar, or a Dockerfile. */
  | { readonly kind: 'remote'; readonly url: string }
  /** The root file system of an image; as the base of a stage: that image. */
  | { readonly kind: 'image'; readonly name: string };

export interface BuildUlimit {
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

/** Where results of steps come from, and where they go. `attributes` are buildx's, `ref`, `src`, `dest`, `mode`, …. */
export interface CachePlace {
  readonly type: 'inline' | 'registry' | 'local';
  readonly attributes: Readonly<Record<string, string>>;
  /** Of a local one: the client's own; absent: `src` and `dest` are folders of this machine. */
  readonly store?: BlobPlace | undefined;
}

/** Where a client keeps blobs. What is read from it is checked by who reads. */
export interface BlobPlace {
  read(digest: Digest, signal: AbortSignal): AsyncIterable<Buffer>;
  /** Resolves when all of it is kept. */
  write(blob: Pick<Descriptor, 'digest' | 'size'>, bytes: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void>;
  /** All of a cache is written, and this is its manifest. Absent: the client is told with the result (`cache.manifest`). */
  named?(manifest: Descriptor, signal: AbortSignal): Promise<void>;
}

/** What becomes of the result. */
export type Exporter =
  /** An image of this engine. Names as users give them; `push`: also to their registries. `attributes`: buildx's others. */
  | {
      readonly type: 'image';
      readonly names: readonly string[];
      readonly push?: boolean | undefined;
      readonly attributes?: Readonly<Record<string, string>> | undefined;
    }
  /** An archive: of an OCI layout, as `docker save` makes it, or of the root file system. */
  | {
      readonly type: 'oci' | 'docker' | 'tar';
      readonly names?: readonly string[] | undefined;
      readonly attributes?: Readonly<Record<string, string>> | undefined;
      receive(archive: AsyncIterable<Buffer>, metadata: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
    }
  /** The files themselves: a plain tar of them, for the receiver to unpack. */
  | {
      readonly type: 'local';
      readonly attributes?: Readonly<Record<string, string>> | undefined;
      receive(archive: AsyncIterable<Buffer>, metadata: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
    }
  /** Nothing: the steps are run, and the cache keeps them. */
  | { readonly type: 'cacheonly' };

/** An agent's socket on this machine, for as long as it is not disposed of. */
export interface SshSocket extends AsyncDisposable {
  readonly path: string;
}

/** As a container's: bytes, microseconds, lists like `0-2,4`. */
export interface BuildLimits {
  readonly memory?: number;
  /** Memory and swap together; -1 for unlimited swap. */
  readonly memorySwap?: number;
  readonly cpuShares?: number;
  readonly cpuQuota?: number;
  readonly cpuPeriod?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
}

export interface BuildRequest {
  /** Of the build, made up by the client: for `cancel`, and in the history. */
  readonly id?: string | undefined;
  /** The main context is `context`; others by the names that `FROM` and `--from` know. */
  readonly contexts: Readonly<Record<string, ContextSource>>;
  /** The text, or its path in a context (default `Dockerfile` of `context`). */
  readonly dockerfile?: { readonly text: string; readonly name?: string } | { readonly path?: string; readonly context?: string } | undefined;
  readonly target?: string | undefined;
  /** A value that is undefined: named by the client, but not set there. */
  readonly buildArgs?: Readonly<Record<string, string | undefined>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Of what is built: `linux/amd64`; this machine's when absent. */
  readonly platform?: string | undefined;
  /** Nothing of the cache, or nothing for these stages. */
  readonly noCache?: boolean | readonly string[] | undefined;
  /** Bases are looked up in their registries even when they are here. */
  readonly pull?: boolean | undefined;
  /** Of RUN: `default` (the default bridge), `none`, `host`, or the name of a network. */
  readonly network?: string | undefined;
  /** Of the client's wishes those that are dangerous and granted: `network.host`, `security.insecure`, `device`. */
  readonly entitlements?: readonly string[] | undefined;
  /** `name:address`; `host-gateway` is an address, too. */
  readonly addHosts?: readonly string[] | undefined;
  readonly ulimits?: readonly BuildUlimit[] | undefined;
  /** Bytes of /dev/shm. */
  readonly shmSize?: number | undefined;
  readonly cgroupParent?: string | undefined;
  /** Of each step; what is kept of it does not depend on them. */
  readonly limits?: BuildLimits | undefined;
  readonly cacheFrom?: readonly CachePlace[] | undefined;
  readonly cacheTo?: readonly CachePlace[] | undefined;
  /** Undefined: there is no such secret. Never kept, never logged. */
  readonly secret?: ((id: string, signal: AbortSignal) => Promise<Uint8Array | undefined>) | undefined;
  /** Undefined: there is no such agent. */
  readonly ssh?: ((id: string, signal: AbortSignal) => Promise<SshSocket | undefined>) | undefined;
  /** By a registry's host. Absent: as Docker's config file says. */
  readonly credentials?: ((host: string, signal: AbortSignal) => Promise<Credentials | undefined>) | undefined;
  /** None: `cacheonly`. */
  readonly exporters?: readonly Exporter[] | undefined;
  /** What is to be told of the result's origin beside it; absent: nothing. */
  readonly provenance?: ProvenanceWish | undefined;
  /** The attributes that BuildKit's frontend would have got (`build-arg:V`, `target`, `vcs:revision`), for the provenance; absent: as the rest says. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  /** The older builder's ways where they differ: its history lines, and a step for each instruction. */
  readonly classic?: boolean | undefined;
  readonly onEvent?: ((event: BuildEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A step as clients show it. A vertex is told of again with the same digest when it begins and when it ends. */
export interface VertexEvent {
  readonly kind: 'vertex';
  readonly digest: Digest;
  /** `[build 2/5] RUN make`, `[internal] load build context`. */
  readonly name: string;
  readonly inputs: readonly Digest[];
  /** Milliseconds since 1970. */
  readonly started?: number | undefined;
  readonly completed?: number | undefined;
  readonly cached?: boolean | undefined;
  /** In BuildKit's words. */
  readonly error?: string | undefined;
}

/** How far something within a vertex is: `extracting sha256:…`, `transferring context:`. */
export interface StatusEvent {
  readonly kind: 'status';
  readonly vertex: Digest;
  readonly id: string;
  readonly current: number;
  /** 0: not known. */
  readonly total: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly started?: number | undefined;
  readonly completed?: number | undefined;
}

export interface LogEvent {
  readonly kind: 'log';
  readonly vertex: Digest;
  readonly stream: 1 | 2;
  readonly data: Buffer;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

/** A place in a file; lines and characters count from 1 and 0, as BuildKit's. */
export interface SourceRange {
  readonly start: { readonly line: number; readonly character: number };
  readonly end: { readonly line: number; readonly character: number };
}

export interface SourceFile {
  readonly filename: string;
  readonly data: Buffer;
}

export interface WarningEvent {
  readonly kind: 'warning';
  readonly vertex: Digest;
  readonly level: number;
  readonly short: string;
  readonly detail: readonly string[];
  readonly url: string;
  readonly source?: SourceFile | undefined;
  readonly ranges: readonly SourceRange[];
}

/** The older builder's view: `Step 2/5 : RUN make`, what it says in between, and the image that each step makes. */
export type ClassicEvent =
  | { readonly kind: 'step'; readonly number: number; readonly total: number; readonly text: string }
  | { readonly kind: 'stepped'; readonly id: string; readonly cached: boolean };

export type BuildEvent = VertexEvent | StatusEvent | LogEvent | WarningEvent | ClassicEvent;

export interface BuildResult {
  /** Of the image's config: what `docker images` shows. Undefined where no image was made. */
  readonly imageId?: Digest | undefined;
  /** Of the manifest or, with attestations, of the index. */
  readonly descriptor?: Descriptor | undefined;
  /** What buildx writes to `--metadata-file`: `containerimage.digest`, `containerimage.config.digest`, `image.name`, … */
  readonly metadata: Readonly<Record<string, string>>;
  /** Makes the document on the result's origin: in the version that was asked for, with all that is known, . */
  readonly provenance?: (() => Provenance) | undefined;
  /** What else the client is to be told, in one line each. */
  readonly warnings: readonly string[];
}

/** What in-toto calls a predicate. */
export interface Provenance {
  /** `https://slsa.dev/provenance/v0.2` */
  readonly type: string;
  readonly predicate: Readonly<Record<string, unknown>>;
}

/** `detail` of the EngineError of a build that failed in a Dockerfile: what clients quote. */
export interface BuildFailureDetail {
  readonly source?: SourceFile | undefined;
  readonly ranges?: readonly SourceRange[] | undefined;
  /** Further places in `source`, each quoted by itself after `ranges`. */
  readonly more?: readonly (readonly SourceRange[])[] | undefined;
  /** Of the vertex that failed. */
  readonly vertex?: Digest | undefined;
  /** Of a RUN's program. */
  readonly exitCode?: number | undefined;
  /** Of a RUN: the program with its arguments. */
  readonly command?: string | undefined;
  /** Why that program could not be started. */
  readonly notStarted?: string | undefined;
  /** It is about something that is elsewhere, and not about a line. */
  readonly elsewhere?: boolean | undefined;
  /** The text is no Dockerfile: nothing was begun. */
  readonly unreadable?: boolean | undefined;
}

/** One thing that the cache keeps. */
export interface CacheRecord {
  readonly id: string;
  readonly parents: readonly string[];
  /** BuildKit's: `regular`, `source.local`, `source.git.checkout`, `exec.cachemount`, `frontend`, `internal`. */
  readonly type: string;
  readonly description: string;
  readonly inUse: boolean;
  readonly shared: boolean;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly lastUsedAt: number | undefined;
  readonly usageCount: number;
}

/** Something that the cache keeps, and what removes it. */
export interface Prunable {
  readonly record: CacheRecord;
  /** Records of the same content take their room once: one of them has its size. */
  readonly content?: string | undefined;
  /** False where somebody uses it. */
  remove(): boolean;
}

export interface PruneOptions {
  /** Also what images use, and internal records. */
  readonly all?: boolean | undefined;
  /** docker's: `until`, `unused-for`, `id`, `parent`, `type` (one of them), `description`, `inuse`, `shared`, `private`. */
  readonly filters?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Milliseconds: what was used since then stays. */
  readonly keepDuration?: number | undefined;
  /** Bytes: stay in any case; the cache may take so many at most; the disk is to have so many free. */
  readonly reservedSpace?: number | undefined;
  readonly maxUsedSpace?: number | undefined;
  readonly minFreeSpace?: number | undefined;
}

/** What goes of the cache after builds. */
export interface CacheGcSettings {
  /** Default true. */
  readonly enabled?: boolean | undefined;
  /** Applied one after the other; absent: BuildKit's, with the sizes that follow. */
  readonly rules?: readonly PruneOptions[] | undefined;
  /** Bytes, as those of `PruneOptions`; default a tenth of the disk and 10 GB at most, 80 % and 20 % of it. */
  readonly reservedSpace?: number | undefined;
  readonly maxUsedSpace?: number | undefined;
  readonly minFreeSpace?: number | undefined;
}

export interface DescribedArg {
  readonly name: string;
  /** What it is now; empty where it has no default and none was given. */
  readonly value: string;
  /** The comment above it. */
  readonly description: string;
  readonly ranges: readonly SourceRange[];
}

export interface DescribedMount {
  readonly name: string;
  readonly required: boolean;
  readonly ranges: readonly SourceRange[];
}

/** What a Dockerfile says of itself: for `--check` and `--call`. */
export interface BuildDescription {
  readonly source: SourceFile;
  readonly targets: readonly {
    readonly name: string;
    readonly base: string;
    readonly platform: string;
    readonly description: string;
    readonly default: boolean;
    readonly ranges: readonly SourceRange[];
  }[];
  /** What the target can be given; only with `outline`. */
  readonly target: { readonly name: string; readonly description: string };
  readonly args: readonly DescribedArg[];
  readonly secrets: readonly DescribedMount[];
  readonly ssh: readonly DescribedMount[];
  /** Of the build checks; only with `lint`. */
  readonly warnings: readonly {
    readonly rule: string;
    readonly description: string;
    readonly url: string;
    readonly detail: string;
    readonly ranges: readonly SourceRange[];
  }[];
  /** Why it cannot be built; only with `lint`. */
  readonly error: { readonly message: string; readonly ranges: readonly SourceRange[] } | undefined;
}

/** Every method throws EngineError. */
export interface Builds {
  /**
   * Builds. Throws `invalid` for a Dockerfile that is none and for steps that fail, in BuildKit's words, with a
   * `BuildFailureDetail`; `cancelled` at the signal. Then nothing of it is left but what the cache keeps.
   */
  build(request: BuildRequest): Promise<BuildResult>;
  /** Reads the Dockerfile, and builds nothing. Throws as `build` does; with `lint` what is wrong with it is in the answer. */
  describe(request: BuildRequest, what: 'targets' | 'outline' | 'lint'): Promise<BuildDescription>;
  /** Ends the build with that id; does nothing where there is none. */
  cancel(id: string): Promise<void>;
  usage(): Promise<readonly CacheRecord[]>;
  /** What a door keeps for builds is listed with the cache, and goes with it. Only where the engine is in this process. */
  keep?(list: () => readonly Prunable[]): void;
  /** What is applied to the cache after builds; none where that is turned off, or not known. */
  gcRules(): Promise<readonly PruneOptions[]>;
  prune(options?: PruneOptions): Promise<{ readonly removed: readonly string[]; readonly bytes: number; readonly records: readonly CacheRecord[] }>;
}
