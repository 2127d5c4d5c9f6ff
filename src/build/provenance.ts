/**
 * Where a result comes from, as SLSA's provenance says it with BuildKit's additions
 * (moby/buildkit docs/attestations/slsa-definitions.md), and the in-toto statement around it. Documents only.
 */
import type { ProvenanceWish } from '../base/attestations.ts';
import { digestHex, type Digest } from '../base/digest.ts';
import { withoutCredentials } from '../base/url-credentials.ts';
import type { Provenance, SourceFile } from './contract.ts';
import type { Descriptor } from '../image/contract.ts';

/** Something from elsewhere that the build used. */
export interface Material {
  readonly kind: 'image' | 'git' | 'http';
  /** An image's is a package URL; names and passwords in URLs are struck out. */
  readonly uri: string;
  readonly algorithm: 'sha256' | 'sha1';
  readonly hex: string;
}

export interface MountedId {
  readonly id: string;
  readonly optional: boolean;
}

/** A step in the words of BuildKit's low-level definitions. */
export interface OriginStep {
  readonly op: Readonly<Record<string, unknown>>;
  /** Indexes of steps. */
  readonly inputs: readonly number[];
  /** Of the Dockerfile. */
  readonly location: readonly { readonly start: number; readonly end: number }[];
  /** What the result's layers are up to this step. */
  readonly layers: readonly Descriptor[];
}

/** What is known of a build. No secret's value is in it. */
export interface BuildOrigin {
  readonly invocation: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Of the machine that built: `linux/amd64`. */
  readonly builderPlatform: string;
  /** `build-arg:V`, `label:k`, `target`, `filename`, `context` of a remote one, `vcs:revision`. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly materials: readonly Material[];
  /** Names of the client's folders. */
  readonly locals: readonly string[];
  readonly secrets: readonly MountedId[];
  readonly ssh: readonly MountedId[];
  /** A step had a network. */
  readonly network: boolean;
  readonly steps: readonly OriginStep[];
  readonly source: SourceFile;
}

/** The same with other layers, by the digests of those that it has: packed, or rewritten. */
export function withLayers(origin: BuildOrigin, others: ReadonlyMap<Digest, Descriptor>): BuildOrigin {
  const steps = origin.steps.map((step) => ({ ...step, layers: step.layers.map((layer) => others.get(layer.digest) ?? layer) }));
  return { ...origin, steps };
}

export interface Subject {
  readonly name: string;
  readonly digest: Readonly<Record<string, string>>;
}

const FRONTEND = 'dockerfile.v0';
const TYPES = { 'v0.2': 'https://mobyproject.org/buildkit@v1', v1: 'https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md' };
const EXTENSION = 'https://mobyproject.org/buildkit@v1';
/** What says something of this machine only, or is said elsewhere. */
const LEFT_OUT = new Set(['cgroup-parent', 'image-resolve-mode', 'platform', 'cache-imports', 'filename', 'context', 'contextkey', 'dockerfilekey']);
const ORDER = ['image', 'git', 'http'];

export function provenanceOf(origin: BuildOrigin, wish: Pick<ProvenanceWish, 'mode' | 'version' | 'builderId' | 'reproducible'>): Provenance {
  const { mode, version, builderId, reproducible } = wish;
  const { parameters } = origin;
  const most = mode === 'max';
  const all = Object.entries(parameters).filter(([name]) => !LEFT_OUT.has(name) && !/^(?:attest|vcs|local-sessionid):/.test(name));
  const shown = most ? all : all.filter(([name]) => !/^(?:build-arg|label):/.test(name));
  const request = {
    frontend: FRONTEND,
    ...(shown.length === 0 ? {} : { args: Object.fromEntries(shown.map(([name, value]) => [name, withoutCredentials(value)])) }),
    ...(most && origin.secrets.length > 0 ? { secrets: origin.secrets.map(mounted) } : {}),
    ...(most && origin.ssh.length > 0 ? { ssh: origin.ssh.map(mounted) } : {}),
    ...(origin.locals.length === 0 ? {} : { locals: origin.locals.toSorted().map((name) => ({ name })) }),
  };
  const known = { parameters: shown.length === all.length, materials: origin.locals.length === 0 };
  const hermetic = known.materials && !origin.network;
  const materials = sorted(origin.materials).map(({ uri, algorithm, hex }) => ({ uri, digest: { [algorithm]: hex } }));
  const buildConfig = most ? { buildConfig: stepsOf(origin) } : {};
  const [startedOn, finishedOn] = [origin.startedAt, origin.finishedAt].map((time) => new Date(time).toISOString());
  const source = sourceOf(origin);
  const type = `https://slsa.dev/provenance/${version}`;
  if (version === 'v0.2') {
    const predicate = {
      builder: { id: builderId },
      buildType: TYPES[version],
      materials,
      invocation: {
        configSource: { ...source.from, ...(source.path === undefined ? {} : { entryPoint: source.path }) },
        parameters: request,
        environment: { platform: origin.builderPlatform },
      },
      ...buildConfig,
      metadata: {
        buildInvocationID: origin.invocation,
        buildStartedOn: startedOn,
        buildFinishedOn: finishedOn,
        completeness: { parameters: known.parameters, environment: true, materials: known.materials },
        reproducible,
        [`${EXTENSION}#metadata`]: more(origin, most),
        ...(hermetic ? { [`${EXTENSION}#hermetic`]: true } : {}),
      },
    };
    return { type, predicate };
  }
  const predicate = {
    buildDefinition: {
      buildType: TYPES[version],
      resolvedDependencies: materials,
      externalParameters: { configSource: { ...source.from, ...(source.path === undefined ? {} : { path: source.path }) }, request },
      internalParameters: { builderPlatform: origin.builderPlatform, ...buildConfig },
    },
    runDetails: {
      builder: { id: builderId },
      metadata: {
        invocationId: origin.invocation,
        startedOn,
        finishedOn,
        buildkit_metadata: more(origin, most),
        ...(hermetic ? { buildkit_hermetic: true } : {}),
        buildkit_completeness: { request: known.parameters, resolvedDependencies: known.materials },
        ...(reproducible ? { buildkit_reproducible: true } : {}),
      },
    },
  };
  return { type, predicate };
}

/** github.com/in-toto/attestation, spec/README.md#statement */
export function statementOf({ type, predicate }: Provenance, subject: readonly Subject[]): object {
  return { _type: 'https://in-toto.io/Statement/v0.1', predicateType: type, subject, predicate };
}

export function digestSet(digest: Digest): Readonly<Record<string, string>> {
  return { sha256: digestHex(digest) };
}

function mounted({ id, optional }: MountedId): object {
  return { id, ...(optional ? { optional } : {}) };
}

function sorted(materials: readonly Material[]): Material[] {
  const unique = new Map(materials.map((each) => [`${each.kind} ${each.uri}`, each]));
  return [...unique.values()].toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || (a.uri < b.uri ? -1 : 1));
}

/** Where the Dockerfile was: in the client's folder, or in what the context's URL leads to. */
function sourceOf({ parameters, materials }: BuildOrigin): { readonly from: object; readonly path: string | undefined } {
  const path = parameters['filename'] || undefined;
  const context = parameters['context'];
  if (!context) return { from: {}, path };
  const uri = withoutCredentials(context);
  const found = materials.find((each) => each.kind !== 'image' && each.uri === uri);
  return { from: { uri, ...(found === undefined ? {} : { digest: { [found.algorithm]: found.hex } }) }, path };
}

function stepsOf({ steps }: BuildOrigin): object {
  return {
    llbDefinition: steps.map(({ op, inputs }, index) => ({
      id: `step${index}`,
      op,
      ...(inputs.length === 0 ? {} : { inputs: inputs.map((input) => `step${input}:0`) }),
    })),
  };
}

function more({ parameters, steps, source }: BuildOrigin, most: boolean): object {
  const vcs = Object.entries(parameters).flatMap(([name, value]) => {
    return name.startsWith('vcs:') && value !== '' ? [[name.slice('vcs:'.length), withoutCredentials(value)]] : [];
  });
  const said = vcs.length === 0 ? {} : { vcs: Object.fromEntries(vcs) as object };
  if (!most) return said;
  const locations = steps.map(({ location }, index) => [`step${index}`, location.length === 0 ? {} : { locations: [{ ranges: location.map(rangeOf) }] }]);
  const layers = steps.flatMap((step, index) => (step.layers.length === 0 ? [] : [[`step${index}:0`, [step.layers]]]));
  return {
    ...said,
    source: {
      locations: Object.fromEntries(locations) as object,
      infos: [{ filename: source.filename, language: 'Dockerfile', data: source.data.toString('base64') }],
    },
    ...(layers.length === 0 ? {} : { layers: Object.fromEntries(layers) as object }),
  };
}

function rangeOf({ start, end }: { readonly start: number; readonly end: number }): object {
  return { start: { line: start }, end: { line: end } };
}
