/**
 * What this folder promises: names of images, what they are made of, a store of them on disk, and registries.
 *
 * An image is what its manifest says: a config and layers, each a blob named by its digest. The store is an OCI image
 * layout (image-layout.md): `oci-layout`, `index.json`, `blobs/sha256/…`. A blob has its name only when it is whole and
 * verified; `index.json` has one descriptor for each reference. Layers that are ready to run belong to `snapshot`.
 */
import type { Digest } from '../base/digest.ts';

/** A reference as Docker reads it, in full: `docker.io/library/redis:latest`. */
export interface Reference {
  /** Host and port of the registry: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** `library/redis` */
  readonly path: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

/** descriptor.md; unknown fields are kept as they are. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: Platform | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly urls?: readonly string[] | undefined;
  readonly artifactType?: string | undefined;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly 'os.version'?: string | undefined;
  readonly 'os.features'?: readonly string[] | undefined;
}

/** manifest.md, and Docker's schema 2, which has the same shape. */
export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly artifactType?: string | undefined;
  readonly subject?: Descriptor | undefined;
}

/** image-index.md, and Docker's manifest list. */
export interface Index {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** config.md with Docker's additions. Only what the engine reads; the blob itself is kept to the bit. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string | undefined;
  readonly created?: string | undefined;
  readonly author?: string | undefined;
  /** Docker's. */
  readonly comment?: string | undefined;
  /** Docker's. */
  readonly docker_version?: string | undefined;
  readonly 'os.version'?: string | undefined;
  readonly config?: ContainerConfig | undefined;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] };
  readonly history?: readonly HistoryEntry[] | undefined;
}

export interface ContainerConfig {
  readonly User?: string | undefined;
  readonly ExposedPorts?: Readonly<Record<string, object>> | undefined;
  readonly Env?: readonly string[] | null | undefined;
  readonly Entrypoint?: readonly string[] | null | undefined;
  readonly Cmd?: readonly string[] | null | undefined;
  readonly Volumes?: Readonly<Record<string, object>> | undefined;
  readonly WorkingDir?: string | undefined;
  readonly Labels?: Readonly<Record<string, string>> | null | undefined;
  readonly StopSignal?: string | undefined;
  readonly Shell?: readonly string[] | undefined;
  readonly OnBuild?: readonly string[] | null | undefined;
  readonly ArgsEscaped?: boolean | undefined;
  readonly Healthcheck?: HealthConfig | undefined;
}

/** Docker's health check, of an image or of a container. Durations are nanoseconds; 0 stands for Docker's default. */
export interface HealthConfig {
  /** `['NONE']`, `['CMD', …]`, `['CMD-SHELL', script]`; empty: as the image says. */
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly Retries?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
}

export interface HistoryEntry {
  readonly created?: string | undefined;
  readonly created_by?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  readonly empty_layer?: boolean | undefined;
}

/** How to prove who one is to a registry: as in Docker's config file, or as `X-Registry-Auth` gives it. */
export interface Credentials {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** An OAuth2 refresh token. */
  readonly identityToken?: string | undefined;
  /** Sent as it is, as `Authorization: Bearer`. */
  readonly registryToken?: string | undefined;
}

/** A manifest, index or artifact as the registry has it: the bytes that its digest is of. */
export interface RawManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** A blob on its way from a registry. Who takes a piece may let its memory go. */
export interface BlobStream extends AsyncIterable<Buffer> {
  /** Of the whole blob where the registry says it. */
  readonly size: number | undefined;
}

/** One repository of one registry, with what it takes to be let in. All calls: `signal` ends them with `cancelled`. */
export interface Repository {
  readonly reference: Reference;
  /**
   * By tag or digest; a digest is verified. Throws `not-found` (Docker's words: `manifest for NAME not found: manifest
   * unknown: manifest unknown`, or `pull access denied for NAME, …`), `denied`, `exhausted` for a rate limit (with what the
   * registry says of it), `unavailable` for a registry that cannot be reached, `invalid` for what is no manifest.
   */
  manifest(tagOrDigest: string, signal?: AbortSignal): Promise<RawManifest>;
  /** As `manifest`, without the bytes (HEAD). */
  resolve(tagOrDigest: string, signal?: AbortSignal): Promise<Descriptor>;
  /**
   * A blob's bytes from `offset` on, not verified: the reader hashes. Drops are mended inside with Range requests and
   * back-off, up to a limit; where the registry cannot do ranges, what was not asked for is passed over. `urls` of the descriptor are tried where the registry has it not.
   */
  blob(descriptor: Descriptor, options?: { readonly offset?: number; readonly signal?: AbortSignal }): Promise<BlobStream>;
  hasBlob(digest: Digest, signal?: AbortSignal): Promise<boolean>;
  /**
   * Puts a blob there unless it is there: mounted from another repository of the registry where that works, else
   * uploaded (in one request or in chunks) from `read(offset)`. Gives how.
   */
  pushBlob(
    descriptor: Descriptor,
    read: (offset: number) => AsyncIterable<Buffer>,
    options?: { readonly mountFrom?: readonly string[]; readonly progress?: (sent: number) => void; readonly signal?: AbortSignal },
  ): Promise<'exists' | 'mounted' | 'uploaded'>;
  /** Gives the digest under which the registry has it. */
  pushManifest(tagOrDigest: string, manifest: { readonly mediaType: string; readonly bytes: Buffer }, signal?: AbortSignal): Promise<Digest>;
  /** All tags, over all pages. */
  tags(signal?: AbortSignal): Promise<readonly string[]>;
  /** What has this manifest as its subject: signatures and such. */
  referrers(digest: Digest, signal?: AbortSignal): Promise<readonly Descriptor[]>;
}

/** What a registry's search finds. */
export interface SearchHit {
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly official: boolean;
}

/** How registries are reached. */
export interface RegistryOptions {
  /** Hosts, `host:port`s or CIDRs that may be spoken to without TLS or with an unverified certificate; loopback always may. */
  readonly insecure?: readonly string[];
  /** For `docker.io` only, tried in order before it: URLs. */
  readonly mirrors?: readonly string[];
  /** Docker's `certs.d`: a folder per host with `*.crt`, `*.cert`, `*.key`. Default /etc/docker/certs.d. */
  readonly certsDir?: string;
  /** `HTTPS_PROXY` and friends; default the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly userAgent?: string;
  /** Milliseconds; what waits longer fails with `unavailable`. */
  readonly timeouts?: {
    /** Until connected, the TLS handshake included. Default 15,000. */
    readonly connect?: number;
    /** From the end of the request to the answer's headers. Default 60,000. */
    readonly headers?: number;
    /** Without a KiB of a body. Default 60,000. */
    readonly idle?: number;
    /** For a whole small answer: a token, a manifest. Default 120,000. */
    readonly small?: number;
  };
  /** What failed for a reason that may pass is tried again after `baseMs`, twice that, four times that, …, each with jitter. */
  readonly retries?: {
    /** In all, the first one included; for a body: in a row without progress. Default 5. */
    readonly attempts?: number;
    /** Default 500. */
    readonly baseMs?: number;
    /** Milliseconds: a longer Retry-After is not waited for. Default 30,000. */
    readonly maxWaitMs?: number;
  };
  /** Bytes: blobs are pushed in chunks of so many. Default: in one request, and in chunks where a registry refuses that. */
  readonly chunkSize?: number;
}
