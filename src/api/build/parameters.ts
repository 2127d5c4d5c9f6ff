/** What `POST /build` asks for (Docker's API 1.51, ImageBuild), as a request of the engine's. */
import { invalid } from '../../base/errors.ts';
import { letGo } from '../../base/memory.ts';
import type { BuildLimits, BuildRequest, BuildUlimit } from '../../engine/builds-contract.ts';
import type { Credentials } from '../../engine/images-contract.ts';
import type { ApiRequest } from '../contract.ts';
import { decode, int64, list, partial, text, textMap } from '../decode.ts';
import { registryAuth } from '../registry-auth.ts';

const ULIMITS = list(partial('container.Ulimit', { Name: text(), Soft: int64, Hard: int64 }));

/** Without what is told, and where the result goes. Throws `invalid`. */
export function buildParameters(request: ApiRequest): Omit<BuildRequest, 'exporters'> {
  const { query } = request;
  const remote = query.text('remote') ?? '';
  const shmSize = query.integer('shmsize');
  const network = query.text('networkmode');
  if (query.text('version') === '2') throw invalid('a build with BuildKit comes over a session', 'set DOCKER_BUILDKIT=1 with buildx, or DOCKER_BUILDKIT=0');
  return {
    id: query.text('buildid') || undefined,
    contexts: { context: remote === '' ? { kind: 'tar', bytes: used(request.body) } : { kind: 'remote', url: remote } },
    dockerfile: { path: query.text('dockerfile') || 'Dockerfile' },
    target: query.text('target') || undefined,
    buildArgs: buildArgs(query.text('buildargs')),
    labels: { ...json(query.text('labels'), textMap, 'labels') },
    platform: query.text('platform') || undefined,
    noCache: query.flag('nocache'),
    pull: query.flag('pull'),
    ...(network === undefined || network === '' ? {} : { network }),
    entitlements: ['network.host'],
    addHosts: (query.text('extrahosts') ?? '').split(',').filter((host) => host !== ''),
    ulimits: ulimits(query.text('ulimits')),
    ...(shmSize === undefined || shmSize <= 0 ? {} : { shmSize }),
    cgroupParent: query.text('cgroupparent') || undefined,
    limits: limits(query),
    credentials: credentials(request.headers['x-registry-config']),
    classic: true,
    signal: request.signal,
  };
}

/** Each piece is there until the next one is asked for: V8 would let them pile up, and then stop to collect them. */
async function* used(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of body) {
    yield piece;
    letGo(piece);
  }
}

/** The names of `t`. */
export function buildNames({ query }: ApiRequest): readonly string[] {
  return query.list('t').filter((name) => name !== '');
}

function json<T>(value: string | undefined, shape: Parameters<typeof decode<T>>[0], what: string): T | undefined {
  if (value === undefined || value === '') return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    throw invalid(`invalid ${what}: ${JSON.stringify(value)} is no JSON`);
  }
  return decode(shape, parsed);
}

/** A value that is null is of an argument that the client does not have. */
function buildArgs(value: string | undefined): Record<string, string | undefined> {
  const texts = json(value, textMap, 'build args') ?? {};
  const raw = (value === undefined || value === '' ? {} : (JSON.parse(value) ?? {})) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, raw[name] === null ? undefined : text]));
}

/** Zero, and nothing, are no limit. */
function limits(query: ApiRequest['query']): BuildLimits {
  const [memory, memorySwap] = [query.integer('memory'), query.integer('memswap')];
  const [cpuShares, cpuQuota, cpuPeriod] = [query.integer('cpushares'), query.integer('cpuquota'), query.integer('cpuperiod')];
  const [cpusetCpus, cpusetMems] = [query.text('cpusetcpus'), query.text('cpusetmems')];
  return {
    ...(memory ? { memory } : {}),
    ...(memorySwap ? { memorySwap } : {}),
    ...(cpuShares ? { cpuShares } : {}),
    ...(cpuQuota ? { cpuQuota } : {}),
    ...(cpuPeriod ? { cpuPeriod } : {}),
    ...(cpusetCpus ? { cpusetCpus } : {}),
    ...(cpusetMems ? { cpusetMems } : {}),
  };
}

function ulimits(value: string | undefined): BuildUlimit[] {
  return (json(value, ULIMITS, 'ulimits') ?? []).map(({ Name = '', Soft = 0, Hard = 0 }) => ({ type: Name, soft: Soft, hard: Hard }));
}

/** `X-Registry-Config`: base64 of `{"host": {"username": …}}`. */
function credentials(header: string | undefined): BuildRequest['credentials'] {
  const known = new Map<string, Credentials>();
  try {
    const parsed = JSON.parse(Buffer.from(header ?? '', 'base64').toString() || '{}') as Record<string, unknown>;
    for (const [host, auth] of Object.entries(parsed)) {
      const name = host.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
      known.set(name === 'index.docker.io' ? 'docker.io' : name, registryAuth(Buffer.from(JSON.stringify(auth)).toString('base64')));
    }
  } catch {
    // as dockerd: nobody
  }
  return async (host) => known.get(host) ?? {};
}
