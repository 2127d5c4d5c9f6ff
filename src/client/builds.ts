/** Builds behind a socket: kobako's own way, or over the older builder's API, which every daemon with Docker's API has. */
import type { Digest } from '../base/digest.ts';
import { EngineError } from '../base/errors.ts';
import type { BuildRequest, BuildResult, Builds, CacheRecord, PruneOptions } from '../engine/builds-contract.ts';
import type { JsonMessage } from '../engine/types/image.ts';
import type { Credentials } from '../engine/images-contract.ts';
import { BuildSteps } from './build-steps.ts';
import type { HttpClient } from './http.ts';
import { kindOf, type HttpErrorDetail } from './http-error.ts';

export function buildsClient(http: HttpClient, credentials?: (domain: string) => Promise<Credentials | undefined>): Builds {
  return {
    build: async (request) => {
      const { remoteBuild } = await remote();
      return remoteBuild(http, request, credentials).catch((error: unknown) => {
        if (isUnknown(error)) return build(http, request, credentials);
        throw error;
      });
    },
    describe: async (request, what) => {
      const { remoteDescription } = await remote();
      return remoteDescription(http, request, what, credentials).catch((error: unknown) => {
        throw isUnknown(error) ? refusal('a Dockerfile that is to be read only') : error;
      });
    },
    cancel: async (id) => void (await http.status({ method: 'POST', path: '/build/cancel', query: { id } })),
    usage: async () => {
      const { BuildCache } = await http.json<{ BuildCache: readonly CacheDocument[] | null }>({
        method: 'GET',
        path: '/system/df',
        query: { type: 'build-cache' },
      });
      return (BuildCache ?? []).map(recordOf);
    },
    // nobody asks for them over this API
    gcRules: async () => [],
    prune: (options) => prune(http, options),
  };
}

/** HTTP/2 is loaded for builds only. */
const remote = () => import('./remote-build.ts');

/** The daemon is another than kobako. */
function isUnknown(error: unknown): boolean {
  return error instanceof EngineError && (error.detail as HttpErrorDetail | undefined)?.status === 404;
}

function refusal(what: string): EngineError {
  return new EngineError('unavailable', `${what} cannot be sent to a daemon that is not kobako's`, {
    hint: 'use docker buildx, or the engine in this process',
  });
}

/** Over the older builder's API: what it cannot say is refused. */
async function build(
  http: HttpClient,
  request: BuildRequest,
  credentials: ((domain: string) => Promise<Credentials | undefined>) | undefined,
): Promise<BuildResult> {
  const { context } = request.contexts;
  const { dockerfile, buildArgs = {}, labels = {}, limits = {}, onEvent, signal } = request;
  const [exporter] = request.exporters ?? [];
  for (const [what, asked] of Object.entries(unspeakable(request))) if (asked) throw refusal(what);
  if (exporter?.type !== 'image') throw refusal('this output');
  if (dockerfile !== undefined && 'text' in dockerfile) throw refusal('a Dockerfile outside of the context');
  if (context?.kind !== 'tar' && context?.kind !== 'remote') throw refusal('this context');
  const query = {
    t: exporter.names,
    dockerfile: dockerfile?.path,
    remote: context.kind === 'remote' ? context.url : undefined,
    buildargs: JSON.stringify(Object.fromEntries(Object.entries(buildArgs).map(([key, value]) => [key, value ?? null]))),
    labels: JSON.stringify(labels),
    target: request.target,
    platform: request.platform,
    nocache: request.noCache === true ? '1' : undefined,
    pull: request.pull === true ? '1' : undefined,
    networkmode: request.network,
    extrahosts: (request.addHosts ?? []).join(',') || undefined,
    shmsize: request.shmSize,
    cgroupparent: request.cgroupParent,
    memory: limits.memory,
    memswap: limits.memorySwap,
    cpushares: limits.cpuShares,
    cpuquota: limits.cpuQuota,
    cpuperiod: limits.cpuPeriod,
    cpusetcpus: limits.cpusetCpus,
    cpusetmems: limits.cpusetMems,
    ulimits: JSON.stringify((request.ulimits ?? []).map(({ type, soft, hard }) => ({ Name: type, Soft: soft, Hard: hard }))),
    version: '1',
  };
  const headers = await registryConfig(credentials);
  const body = context.kind === 'tar' ? { type: 'application/x-tar', bytes: context.bytes as AsyncIterable<Buffer> } : undefined;
  let imageId: Digest | undefined;
  const messages = http.documents({ method: 'POST', path: '/build', query, headers, signal, ...(body === undefined ? {} : { body }) });
  const steps = new BuildSteps(onEvent ?? (() => {}));
  try {
    for await (const document of messages) {
      const { stream, status, errorDetail, error, aux } = (document ?? {}) as JsonMessage;
      const text = errorDetail?.message ?? error;
      if (text !== undefined) throw new EngineError(kindOf(errorDetail?.code ?? 500), text);
      if (typeof aux?.['ID'] === 'string') imageId = aux['ID'] as Digest;
      const said = stream ?? (status === undefined ? '' : `${status}\n`);
      if (said !== '') steps.said(said);
    }
    steps.end();
  } catch (error) {
    steps.end(signal?.aborted === true ? 'context canceled' : (error as Error).message);
    throw error;
  }
  return { ...(imageId === undefined ? {} : { imageId }), metadata: {}, warnings: [] };
}

/** What there is no parameter for, and whether it is asked for. */
function unspeakable(request: BuildRequest): Readonly<Record<string, boolean>> {
  const { exporters = [], entitlements = [], dockerfile } = request;
  const [exporter] = exporters;
  return {
    'further build contexts': Object.keys(request.contexts).length > 1,
    'more than one output': exporters.length > 1,
    'an image to be pushed': exporter?.type === 'image' && exporter.push === true,
    'attributes of the image': exporter?.type === 'image' && Object.keys(exporter.attributes ?? {}).length > 0,
    'a cache destination': (request.cacheTo ?? []).length > 0,
    'a cache source': (request.cacheFrom ?? []).length > 0,
    'stages that are not cached': Array.isArray(request.noCache),
    secrets: request.secret !== undefined,
    'agents of ssh': request.ssh !== undefined,
    'a wish for provenance': request.provenance !== undefined,
    annotations: Object.keys(request.annotations ?? {}).length > 0,
    entitlements: entitlements.some((each) => each !== 'network.host'),
    'a Dockerfile of another context': dockerfile !== undefined && 'context' in dockerfile && (dockerfile.context ?? 'context') !== 'context',
  };
}

async function registryConfig(credentials: ((domain: string) => Promise<Credentials | undefined>) | undefined): Promise<Record<string, string>> {
  const hub = await credentials?.('docker.io');
  if (hub === undefined) return {};
  const { username, password, identityToken, registryToken } = hub;
  const config = { 'https://index.docker.io/v1/': { username, password, identitytoken: identityToken, registrytoken: registryToken } };
  return { 'x-registry-config': Buffer.from(JSON.stringify(config)).toString('base64url') };
}

async function prune(
  http: HttpClient,
  { all, filters = {}, keepDuration = 0, reservedSpace, maxUsedSpace, minFreeSpace }: PruneOptions = {},
): ReturnType<Builds['prune']> {
  if (keepDuration > 0 && (filters['until'] ?? filters['unused-for']) !== undefined) throw refusal('an age besides the one of the filters');
  const query = {
    all,
    filters: keepDuration > 0 ? { ...filters, 'unused-for': [`${Math.ceil(keepDuration)}ms`] } : filters,
    'reserved-space': reservedSpace,
    'keep-storage': reservedSpace,
    'max-used-space': maxUsedSpace,
    'min-free-space': minFreeSpace,
  };
  const { CachesDeleted, SpaceReclaimed } = await http.json<{ CachesDeleted: readonly string[] | null; SpaceReclaimed: number }>({
    method: 'POST',
    path: '/build/prune',
    query,
  });
  return { removed: CachesDeleted ?? [], bytes: SpaceReclaimed, records: [] };
}

interface CacheDocument {
  readonly ID: string;
  readonly Parents?: readonly string[] | null;
  readonly Type: string;
  readonly Description: string;
  readonly InUse: boolean;
  readonly Shared: boolean;
  readonly Size: number;
  readonly CreatedAt: string;
  readonly LastUsedAt: string | null;
  readonly UsageCount: number;
}

function recordOf(item: CacheDocument): CacheRecord {
  return {
    id: item.ID,
    parents: item.Parents ?? [],
    type: item.Type,
    description: item.Description,
    inUse: item.InUse,
    shared: item.Shared,
    size: item.Size,
    createdAt: Date.parse(item.CreatedAt),
    lastUsedAt: item.LastUsedAt === null ? undefined : Date.parse(item.LastUsedAt),
    usageCount: item.UsageCount,
  };
}
