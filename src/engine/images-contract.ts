/** Images as the engine's doors see them. The words of messages and the order of events are Docker's. */
import type { Digest } from '../base/digest.ts';
import type { ContainerConfig, Credentials, Descriptor, Platform, SearchHit } from '../image/contract.ts';

export type { Credentials, Platform, SearchHit } from '../image/contract.ts';

/**
 * One event of a pull, push or load, as in Docker's JSON message stream: `{status: 'Downloading', id: '5f70bf18a086',
 * current, total}`; bytes. An event with an id replaces the one before it for that id.
 */
export interface ProgressEvent {
  readonly status: string;
  readonly id?: string | undefined;
  readonly current?: number | undefined;
  readonly total?: number | undefined;
  /** What a program wants to know: the pushed tag for instance. */
  readonly aux?: Readonly<Record<string, unknown>> | undefined;
}

export type OnProgress = (event: ProgressEvent) => void;

export interface TransferOptions {
  /** Instead of those in Docker's config file. */
  readonly credentials?: Credentials | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PullOptions extends TransferOptions {
  /** `linux/arm64/v8`; this machine's when absent. */
  readonly platform?: string | undefined;
  readonly allTags?: boolean | undefined;
}

export interface PushOptions extends TransferOptions, OfPlatform {
  readonly allTags?: boolean | undefined;
}

export interface PulledImage {
  readonly id: Digest;
  /** Of what the registry has under the name: a manifest or an index. */
  readonly digest: Digest;
  readonly upToDate: boolean;
}

export interface ImageListOptions {
  /** As docker's filters: `dangling`, `label`, `before`, `since`, `until`, `reference`; values of one key are alternatives. */
  readonly filters?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Also counts what images have in common. */
  readonly sharedSize?: boolean | undefined;
}

export interface ImageLine {
  readonly id: Digest;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  /** Unix time in seconds. */
  readonly created: number;
  /** Bytes, unpacked. */
  readonly size: number;
  readonly labels: Readonly<Record<string, string>>;
  /** How many use it; -1 where that is not known. */
  readonly containers: number;
  /** Bytes of layers that other images have too; only where it was asked for. */
  readonly sharedSize?: number | undefined;
}

export interface ImageDetails extends Omit<ImageLine, 'containers' | 'sharedSize'> {
  /** RFC 3339 as the config has it. */
  readonly createdText: string | undefined;
  readonly author: string;
  readonly comment: string;
  /** Of the Docker that made it; '' where none did. */
  readonly dockerVersion: string;
  readonly platform: Platform;
  readonly config: ContainerConfig;
  /** When it was last given a name here, RFC 3339; undefined when never. */
  readonly lastTagged: string | undefined;
  /** Lowest first. */
  readonly layers: readonly Digest[];
  /** `overlay` or `erofs`. */
  readonly driver: string;
}

/** A platform that the image must have: `linux/arm64/v8`. */
export interface OfPlatform {
  readonly platform?: string | undefined;
}

/** What a registry has under a name. */
export interface DistributionInfo {
  readonly descriptor: Pick<Descriptor, 'mediaType' | 'digest' | 'size' | 'annotations'>;
  readonly platforms: readonly Platform[];
}

export interface RegistryLogin extends Credentials {
  /** A registry's host, or Docker Hub's when it is '': `localhost:5000`, `https://index.docker.io/v1/`. */
  readonly serverAddress: string;
}

export interface SearchOptions {
  readonly credentials?: Credentials | undefined;
  /** From 1 to 100; 25 when absent. */
  readonly limit?: number | undefined;
  /** `is-official`, `stars`. */
  readonly filters?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HistoryLine {
  /** `<missing>` but for the image itself. */
  readonly id: string;
  readonly created: number;
  readonly createdBy: string;
  readonly size: number;
  readonly comment: string;
  readonly tags: readonly string[];
}

export interface LoadedImage {
  readonly id: Digest;
  /** Familiar; without any the image has no name. */
  readonly names: readonly string[];
}

export interface ImportOptions extends Pick<TransferOptions, 'onProgress' | 'signal'> {
  readonly name?: string | undefined;
  /** Dockerfile instructions: `CMD ["sh"]`. */
  readonly changes?: readonly string[] | undefined;
  readonly message?: string | undefined;
  readonly platform?: string | undefined;
}

export type RemovalLine = { readonly Untagged: string } | { readonly Deleted: string };

/** A file's path, or its bytes as they come. */
export type ArchiveInput = string | AsyncIterable<Uint8Array>;

/** Also what the engine fetches over HTTP. */
export type ImportInput = ArchiveInput | URL;

/** Every method throws EngineError: `not-found` as `No such image: NAME`, `conflict`, `denied`, `unavailable`, `invalid`, `exhausted`, `cancelled`. */
export interface Images {
  /** As Docker shows a name, with its default tag: `redis:latest`. Throws `invalid`. */
  familiarName(name: string): string;
  /** A name in full, with its default tag: `docker.io/library/redis:latest`. Throws `invalid`. */
  fullName(name: string): string;
  pull(name: string, options?: PullOptions): Promise<readonly PulledImage[]>;
  push(name: string, options?: PushOptions): Promise<void>;
  list(options?: ImageListOptions): Promise<readonly ImageLine[]>;
  inspect(name: string, options?: OfPlatform): Promise<ImageDetails>;
  /** The newest step first. */
  history(name: string, options?: OfPlatform): Promise<readonly HistoryLine[]>;
  tag(name: string, newName: string): Promise<void>;
  /** `platforms`: what it must be for; more than one is `invalid`, for an image here has but one. */
  remove(name: string, options?: { readonly force?: boolean; readonly platforms?: readonly string[] }): Promise<readonly RemovalLine[]>;
  /** Removes dangling images; with `all` every one that no container uses. */
  prune(options?: { readonly all?: boolean; readonly filters?: Readonly<Record<string, readonly string[]>> }): Promise<{
    readonly removed: readonly RemovalLine[];
    readonly bytes: number;
  }>;
  /** Of a `docker save` archive or an OCI layout in a tar, packed or not. */
  load(
    input: ArchiveInput,
    options?: Pick<TransferOptions, 'onProgress' | 'signal'> & { readonly platform?: string | undefined },
  ): Promise<readonly LoadedImage[]>;
  /** One archive that both `docker load` and readers of OCI layouts take. */
  save(names: readonly string[], options?: OfPlatform & { readonly signal?: AbortSignal | undefined }): AsyncIterable<Buffer>;
  /** An image of one layer from a file system's tar. */
  import(input: ImportInput, options?: ImportOptions): Promise<Digest>;
  /** Asks a registry whether it takes these credentials. Throws `denied` with its words. Gives a token to use instead of them, or ''. */
  login(login: RegistryLogin, options?: { readonly signal?: AbortSignal | undefined }): Promise<{ readonly identityToken: string }>;
  /** Asks the registry; nothing is pulled. */
  distribution(name: string, options?: Pick<TransferOptions, 'credentials' | 'signal'>): Promise<DistributionInfo>;
  /** Asks Docker Hub, or the registry that the term begins with (`host:port/term`). */
  search(term: string, options?: SearchOptions): Promise<readonly SearchHit[]>;
}
