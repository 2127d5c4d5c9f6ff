/** What a build used, noted while it goes on: for its provenance. */
import { randomUUID } from 'node:crypto';
import type { Digest } from '../base/digest.ts';
import { withoutCredentials } from '../base/url-credentials.ts';
import type { BuildRequest, LayerRef, SourceFile } from '../build/contract.ts';
import type { BuildPlan, PlannedStage, RunStep, Step } from '../build/dockerfile/plan.ts';
import type { BuildOrigin, Material, MountedId, OriginStep } from '../build/provenance.ts';
import type { Platform } from '../image/contract.ts';
import { formatPlatform, hostPlatform } from '../image/platform.ts';
import { familiarName, parseReference, withDefaultTag } from '../image/reference.ts';
import { originSteps } from './build-origin-steps.ts';

export class OriginNotes {
  readonly startedAt = Date.now();
  readonly materials: Material[] = [];
  /** Names of contexts that were the client's folders. */
  readonly locals = new Set<string>();
  /** Of images, by the names of FROM and --from. */
  readonly digests = new Map<string, Digest>();
  /** What a stage has begun with, and what it has after each of its steps. */
  readonly layers = new Map<PlannedStage | Step, readonly LayerRef[]>();

  image(name: string, platform: Platform, digest: Digest): void {
    this.digests.set(name, digest);
    this.materials.push({ kind: 'image', uri: packageUrl(name, platform), algorithm: 'sha256', hex: digest.slice('sha256:'.length) });
  }

  git(url: string, commit: string): void {
    this.materials.push({ kind: 'git', uri: withoutCredentials(url), algorithm: 'sha1', hex: commit });
  }

  http(url: string, hex: string): void {
    this.materials.push({ kind: 'http', uri: withoutCredentials(url), algorithm: 'sha256', hex });
  }
}

export function originOf(notes: OriginNotes, request: BuildRequest, plan: BuildPlan, source: SourceFile): BuildOrigin {
  const runs = plan.stages.flatMap(({ steps }) => steps.filter((step): step is RunStep => step.kind === 'run'));
  const { materials, locals, startedAt } = notes;
  let steps: readonly OriginStep[] | undefined;
  return {
    invocation: randomUUID().replaceAll('-', ''),
    startedAt,
    finishedAt: Date.now(),
    builderPlatform: formatPlatform(hostPlatform()),
    parameters: request.parameters ?? parametersOf(request, source.filename),
    materials,
    locals: [...locals],
    secrets: mountsOf(runs, 'secret'),
    ssh: mountsOf(runs, 'ssh'),
    network: runs.some(({ network }) => network !== 'none' && request.network !== 'none'),
    get steps() {
      return (steps ??= originSteps(plan, notes));
    },
    source,
  };
}

/** Of a secret that is wanted in several places: it is optional where it is so everywhere. */
function mountsOf(runs: readonly RunStep[], type: 'secret' | 'ssh'): MountedId[] {
  const known = new Map<string, boolean>();
  for (const { mounts } of runs) {
    for (const mount of mounts) {
      if (mount.type !== type) continue;
      const id = mount.id || (type === 'ssh' ? 'default' : mount.target.replace(/^.*\//, ''));
      known.set(id, (known.get(id) ?? true) && !mount.required);
    }
  }
  return [...known].map(([id, optional]) => ({ id, optional })).toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** As buildx would say them to BuildKit's frontend. */
function parametersOf(request: BuildRequest, filename: string): Record<string, string> {
  const { contexts, dockerfile = {}, target, buildArgs = {}, labels = {}, noCache, network, addHosts = [], ulimits = [], shmSize } = request;
  const out: Record<string, string> = { filename: 'path' in dockerfile ? dockerfile.path || filename : filename };
  for (const [name, value] of Object.entries(buildArgs)) if (value !== undefined) out[`build-arg:${name}`] = value;
  for (const [name, value] of Object.entries(labels)) out[`label:${name}`] = value;
  if (contexts['context']?.kind === 'remote') out['context'] = contexts['context'].url;
  for (const [name, context] of Object.entries(contexts)) {
    if (name === 'context' || name === 'dockerfile') continue;
    out[`context:${name}`] = context.kind === 'image' ? `docker-image://${context.name}` : context.kind === 'remote' ? context.url : `local:${name}`;
  }
  if (target !== undefined) out['target'] = target;
  if (noCache !== undefined && noCache !== false) out['no-cache'] = noCache === true ? '' : noCache.join(',');
  if (network !== undefined && network !== 'default') out['force-network-mode'] = network;
  if (addHosts.length > 0) out['add-hosts'] = addHosts.map((host) => host.replace(':', '=')).join(',');
  if (ulimits.length > 0) out['ulimit'] = ulimits.map(({ type, soft, hard }) => `${type}=${soft}:${hard}`).join(',');
  if (shmSize !== undefined) out['shm-size'] = String(shmSize);
  return out;
}

/** github.com/package-url/purl-spec: `pkg:docker/alpine@3.17?platform=linux%2Famd64`. */
export function packageUrl(name: string, platform: Platform): string {
  const reference = withDefaultTag(parseReference(name));
  const path = familiarName(reference).split('/').map(escaped).join('/');
  const version = reference.tag === undefined ? '' : `@${escaped(reference.tag)}`;
  const digest = reference.digest === undefined ? '' : `digest=${reference.digest}&`;
  return `pkg:docker/${path}${version}?${digest}platform=${encodeURIComponent(formatPlatform(platform))}`;
}

/** As BuildKit: the colon of a port stays. */
function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':');
}
