/** Builds by a kobako daemon, with all that the engine's interface has: what only this side has, the daemon asks for. */
import { connect } from 'node:net';
import { cacheFolder } from '../build/cache-folder.ts';
import { folderContext } from '../build/folder-context.ts';
import { pack } from '../build/pack-folder.ts';
import { bytesToJson } from '../base/bytes-json.ts';
import { isDigest, type Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { BlobPlace, BuildDescription, BuildRequest, BuildResult, CachePlace, ContextSource, Exporter, SshSocket } from '../engine/builds-contract.ts';
import type { Credentials } from '../engine/images-contract.ts';
import type { Descriptor } from '../image/contract.ts';
import type { RemoteBuild, RemoteCache } from '../engine/types/remote-build.ts';
import { answerBuild, type BuildAnswers, type BuildEnd } from './build-answers.ts';
import type { HttpClient } from './http.ts';

type CredentialsOf = (domain: string) => Promise<Credentials | undefined>;

/** Throws as `Builds.build`; `not-found` with the status 404 in its detail where the daemon has no such builds. */
export async function remoteBuild(http: HttpClient, request: BuildRequest, credentials: CredentialsOf | undefined): Promise<BuildResult> {
  const end = await exchange(http, request, '', credentials);
  if (!('result' in end)) throw unexpected();
  const { provenance, ...result } = end.result;
  return { ...result, provenance: provenance && (() => provenance) };
}

/** Throws as `Builds.describe`, and as `remoteBuild`. */
export async function remoteDescription(
  http: HttpClient,
  request: BuildRequest,
  what: 'targets' | 'outline' | 'lint',
  credentials: CredentialsOf | undefined,
): Promise<BuildDescription> {
  const end = await exchange(http, request, what, credentials);
  if (!('description' in end)) throw unexpected();
  return end.description;
}

async function exchange(http: HttpClient, request: BuildRequest, describe: RemoteBuild['describe'], credentials: CredentialsOf | undefined): Promise<BuildEnd> {
  const { onEvent = () => {}, signal = new AbortController().signal } = request;
  await using agents = new Agents(request.ssh);
  const document = documentOf({ credentials, ...request }, describe);
  // once it is taken over, the build is cancelled in words: the daemon has something to clean up
  const connecting = new AbortController();
  const abort = (): void => connecting.abort(signal.reason);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  const body = { type: 'application/json', bytes: Buffer.from(bytesToJson(document)) };
  const { stream } = await http
    .hijack({ method: 'POST', path: '/kobako/builds', body, signal: connecting.signal })
    .finally(() => signal.removeEventListener('abort', abort));
  const end = await answerBuild(stream, answersOf({ credentials, ...request }, agents), onEvent, signal);
  if (!('failure' in end)) return end;
  const { kind, message, hint, detail } = end.failure;
  throw new EngineError(kind, message, { detail, ...(hint === undefined ? {} : { hint }) });
}

/** Agents' sockets, each for as long as the build. */
class Agents implements AsyncDisposable {
  readonly #of: BuildRequest['ssh'];
  readonly #known = new Map<string, Promise<SshSocket | undefined>>();

  constructor(of: BuildRequest['ssh']) {
    this.#of = of;
  }

  get(id: string, signal: AbortSignal): Promise<SshSocket | undefined> {
    let found = this.#known.get(id);
    if (found === undefined) this.#known.set(id, (found = this.#of?.(id, signal) ?? Promise.resolve(undefined)));
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#known.values()) await (await each.catch(() => undefined))?.[Symbol.asyncDispose]();
  }
}

function documentOf(request: BuildRequest, describe: RemoteBuild['describe']): RemoteBuild {
  const { dockerfile, buildArgs = {}, noCache, provenance, parameters } = request;
  const text = dockerfile !== undefined && 'text' in dockerfile ? dockerfile : undefined;
  const place = dockerfile !== undefined && !('text' in dockerfile) ? dockerfile : {};
  return {
    describe,
    id: request.id ?? '',
    contexts: Object.fromEntries(
      Object.entries(request.contexts).map(([name, context]) => {
        const from = context.kind === 'image' ? context.name : context.kind === 'remote' ? context.url : '';
        // a folder is sent as a tar
        return [name, { kind: context.kind === 'local' ? 'tar' : context.kind, from }];
      }),
    ),
    dockerfile: {
      ...(text === undefined ? {} : { text: text.text }),
      name: text?.name ?? '',
      path: place.path ?? '',
      context: place.context ?? '',
    },
    target: request.target ?? '',
    buildArgs: Object.fromEntries(Object.entries(buildArgs).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
    unsetArgs: Object.keys(buildArgs).filter((name) => buildArgs[name] === undefined),
    labels: request.labels ?? {},
    annotations: request.annotations ?? {},
    platform: request.platform ?? '',
    noCache: noCache === true,
    noCacheFor: Array.isArray(noCache) ? noCache : [],
    pull: request.pull === true,
    network: request.network ?? '',
    entitlements: request.entitlements ?? [],
    addHosts: request.addHosts ?? [],
    ulimits: request.ulimits ?? [],
    shmSize: request.shmSize ?? 0,
    cgroupParent: request.cgroupParent ?? '',
    ...(request.limits === undefined ? {} : { limits: request.limits }),
    cacheFrom: (request.cacheFrom ?? []).map((place) => cacheDocument(place, 'from')),
    cacheTo: (request.cacheTo ?? []).map((place) => cacheDocument(place, 'to')),
    exporters: (request.exporters ?? []).map(exporterDocument),
    ...(provenance === undefined ? {} : { provenance }),
    ...(parameters === undefined ? {} : { parameters }),
    classic: request.classic === true,
    secrets: request.secret !== undefined,
    ssh: request.ssh !== undefined,
    credentials: request.credentials !== undefined,
    events: request.onEvent !== undefined,
  };
}

function cacheDocument(place: CachePlace, use: 'from' | 'to'): RemoteCache {
  const { type, attributes, store } = place;
  if (type !== 'local' || store !== undefined || use === 'to') return { type, attributes };
  try {
    return { type, attributes: { digest: cacheFolder(attributes['src'] ?? '').top(), ...attributes } };
  } catch {
    return { type, attributes }; // as in one process: the build takes longer
  }
}

function exporterDocument(exporter: Exporter): RemoteBuild['exporters'][number] {
  const { type } = exporter;
  if (type === 'cacheonly') return { type, names: [], push: false, attributes: {} };
  const names = 'names' in exporter ? (exporter.names ?? []) : [];
  return { type, names, push: type === 'image' && exporter.push === true, attributes: exporter.attributes ?? {} };
}

/** The daemon gets what the request speaks of, and nothing else. */
function answersOf(request: BuildRequest, agents: Agents): BuildAnswers {
  const { contexts, exporters = [], secret, credentials } = request;
  const given = new Set<string>();
  const place = ({ use, index }: Readonly<Record<string, unknown>>): BlobPlace => {
    const found = (use === 'to' ? request.cacheTo : request.cacheFrom)?.[index as number];
    if (found?.type !== 'local') throw invalid('there is no such cache');
    return found.store ?? cacheFolder(found.attributes[use === 'to' ? 'dest' : 'src'] ?? '');
  };
  const text = (value: unknown): string => String(value);
  return {
    ask: {
      secret: async ({ id }, signal) => secret?.(text(id), signal),
      agent: async ({ id }, signal) => ((await agents.get(text(id), signal)) === undefined ? undefined : Buffer.alloc(0)),
      credentials: async ({ host }, signal) => {
        const found = await credentials?.(text(host), signal);
        return found === undefined ? undefined : Buffer.from(JSON.stringify(found));
      },
      'cache-named': async ({ manifest, ...args }, signal) => {
        await place(args).named?.(manifest as Descriptor, signal);
        return undefined;
      },
    },
    read: {
      context: ({ name }, signal) => {
        const context = Object.hasOwn(contexts, text(name)) ? contexts[text(name)] : undefined;
        if (context === undefined || !('bytes' in context || 'open' in context) || given.has(text(name)))
          throw invalid(`there is no context ${JSON.stringify(name)} to send`);
        given.add(text(name));
        return 'bytes' in context ? context.bytes : folderBytes(context, text(name), request, signal);
      },
      'cache-read': ({ digest, ...args }, signal) => place(args).read(digestOf(digest), signal),
    },
    take: {
      export: async ({ index, metadata }, bytes, signal) => {
        const exporter = exporters[index as number];
        if (exporter === undefined || !('receive' in exporter)) throw invalid('there is no such exporter');
        await exporter.receive(bytes, metadata as Readonly<Record<string, string>>, signal);
      },
      'cache-write': ({ digest, size, ...args }, bytes, signal) => place(args).write({ digest: digestOf(digest), size: size as number }, bytes, signal),
    },
    join: {
      ssh: async ({ id }) => {
        const agent = await agents.get(text(id), new AbortController().signal);
        if (agent === undefined) throw invalid(`there is no agent ${JSON.stringify(id)}`);
        return connect({ path: agent.path, allowHalfOpen: true });
      },
    },
  };
}

/** All of a folder; of the Dockerfile's, what its .dockerignore leaves out does not go on the way. */
async function* folderBytes(
  context: Extract<ContextSource, { readonly kind: 'local' }>,
  name: string,
  { dockerfile = {} }: BuildRequest,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  await using folder = await context.open({ name: '[internal] load build context' }, signal);
  const its = !('text' in dockerfile) && (dockerfile.context ?? 'context') === name;
  yield* its ? folderContext(folder.path, dockerfile.path) : pack(folder.path, '.');
}

function digestOf(value: unknown): Digest {
  if (typeof value !== 'string' || !isDigest(value)) throw invalid('that is no digest');
  return value;
}

function unexpected(): EngineError {
  return new EngineError('unavailable', 'the daemon did something else than what it was asked for');
}
