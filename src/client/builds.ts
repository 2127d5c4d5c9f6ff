/** Builds behind a socket, over the older builder's API, which every daemon with Docker's API has. */
import type { Digest } from '../base/digest.ts';
import { EngineError } from '../base/errors.ts';
import type { BuildRequest, BuildResult, Builds, CacheRecord, PruneOptions } from '../engine/builds-contract.ts';
import type { JsonMessage } from '../engine/types/image.ts';
import type { Credentials } from '../engine/images-contract.ts';
import { BuildSteps } from './build-steps.ts';
import type { HttpClient } from './http.ts';
import { kindOf } from './http-error.ts';

/** What that API cannot say needs the engine in this process. */
export function buildsClient(http: HttpClient, credentials?: (domain: string) => Promise<Credentials | undefined>): Builds {
  return {
    build: (request) => build(http, request, credentials),
    describe: async () => {
      throw new EngineError('unavailable', 'a Dockerfile cannot be described by a daemon this way', {
        hint: 'use docker buildx, or the engine in this process',
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

async function build(
  http: HttpClient,
  request: BuildRequest,
  credentials: ((domain: string) => Promise<Credentials | undefined>) | undefined,
): Promise<BuildResult> {
  const { context, ...others } = request.contexts;
  const { dockerfile, buildArgs = {}, labels = {}, onEvent, signal } = request;
  const [exporter] = request.exporters ?? [];
  const refuse = (what: string) =>
    new EngineError('unavailable', `${what} cannot be sent to a daemon this way`, { hint: 'use docker buildx, or the engine in this process' });
  if (Object.keys(others).length > 0) throw refuse('further build contexts');
  if (exporter?.type !== 'image' || exporter.push === true || (request.exporters ?? []).length > 1) throw refuse('this output');
  if ((request.cacheTo ?? []).length > 0) throw refuse('a cache destination');
  if (Array.isArray(request.noCache)) throw refuse('stages that are not cached');
  if (dockerfile !== undefined && 'text' in dockerfile) throw refuse('a Dockerfile outside of the context');
  if (context?.kind !== 'tar' && context?.kind !== 'remote') throw refuse('this context');
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

async function registryConfig(credentials: ((domain: string) => Promise<Credentials | undefined>) | undefined): Promise<Record<string, string>> {
  const hub = await credentials?.('docker.io');
  if (hub === undefined) return {};
  const { username, password, identityToken, registryToken } = hub;
  const config = { 'https://index.docker.io/v1/': { username, password, identitytoken: identityToken, registrytoken: registryToken } };
  return { 'x-registry-config': Buffer.from(JSON.stringify(config)).toString('base64url') };
}

async function prune(http: HttpClient, { all, filters, reservedSpace, maxUsedSpace, minFreeSpace }: PruneOptions = {}): ReturnType<Builds['prune']> {
  const query = {
    all,
    filters,
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
