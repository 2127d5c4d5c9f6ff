/**
 * A build that a daemon does for a client elsewhere. `POST /kobako/builds` has a RemoteBuild as its body, and becomes a
 * connection of HTTP/2 on which the daemon asks and the client answers: each question is `POST /NAME?ARGUMENTS`, where
 * ARGUMENTS are an encoded JSON document.
 *
 *     /report       the body is lines of JSON, each a RemoteReport; the last one has the end. Resetting it cancels the build.
 *     /context      {name}: the answer's body is the tar
 *     /secret       {id}: the answer's body is its value
 *     /agent        {id}: whether there is one
 *     /ssh          {id}: a connection to it, in both directions
 *     /credentials  {host}: JSON
 *     /export       {index, metadata}: the body is the archive
 *     /cache-read   {use, index, digest}: the answer's body is the blob
 *     /cache-write  {use, index, digest, size}: the body is the blob
 *     /cache-named  {use, index, manifest}: the cache has been written: that is its manifest
 *
 * Answers have the status 200, 204 for what there is not, and 500 with a RemoteFailure. A failure within an answer's body
 * is in its trailer `kobako-failure`, as an encoded RemoteFailure. JSON has bytes in it as `{"$bytes": base64}`.
 */
import type { ProvenanceWish } from '../../base/attestations.ts';
import type { ErrorKind } from '../../base/errors.ts';
import type { BuildDescription, BuildEvent, BuildLimits, BuildResult, BuildUlimit, Provenance } from '../../build/contract.ts';

/** A BuildRequest without what only the client has; of that, whether there is any. What is empty is not asked for. */
export interface RemoteBuild {
  /** Empty: to be built; else only to be read, as `Builds.describe` does. */
  readonly describe: '' | 'targets' | 'outline' | 'lint';
  readonly id: string;
  /** `from`: the URL, or the image's name. */
  readonly contexts: Readonly<Record<string, { readonly kind: 'tar' | 'remote' | 'image'; readonly from: string }>>;
  /** Either a text with a name, or a path in a context. */
  readonly dockerfile: { readonly text?: string; readonly name: string; readonly path: string; readonly context: string };
  readonly target: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Arguments that are named, and not set. */
  readonly unsetArgs: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly platform: string;
  readonly noCache: boolean;
  /** Stages. */
  readonly noCacheFor: readonly string[];
  readonly pull: boolean;
  readonly network: string;
  readonly entitlements: readonly string[];
  readonly addHosts: readonly string[];
  readonly ulimits: readonly BuildUlimit[];
  /** 0: the default. */
  readonly shmSize: number;
  readonly cgroupParent: string;
  readonly limits?: BuildLimits;
  readonly cacheFrom: readonly RemoteCache[];
  readonly cacheTo: readonly RemoteCache[];
  readonly exporters: readonly RemoteExporter[];
  readonly provenance?: ProvenanceWish;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly classic: boolean;
  readonly secrets: boolean;
  readonly ssh: boolean;
  readonly credentials: boolean;
  readonly events: boolean;
}

/** A local one lies with the client; one to read from has the manifest's digest as `digest`. */
export interface RemoteCache {
  readonly type: 'inline' | 'registry' | 'local';
  readonly attributes: Readonly<Record<string, string>>;
}

export interface RemoteExporter {
  readonly type: 'image' | 'oci' | 'docker' | 'tar' | 'local' | 'cacheonly';
  readonly names: readonly string[];
  readonly push: boolean;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface RemoteFailure {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly detail?: unknown;
}

export type RemoteReport =
  | { readonly event: BuildEvent }
  | { readonly result: Omit<BuildResult, 'provenance'> & { readonly provenance?: Provenance | undefined } }
  | { readonly description: BuildDescription }
  | { readonly failure: RemoteFailure };

/** Bytes that may be on their way: one answer that nobody reads just now does not hold up the others. */
export const REMOTE_WINDOWS = { stream: 2 * 1024 * 1024, connection: 64 * 1024 * 1024 } as const;
export const REMOTE_FAILURE = 'kobako-failure';
