/** The document of a build for a client elsewhere (`src/engine/types/remote-build.ts`), and the engine's request that it stands for. */
import { invalid } from '../../base/errors.ts';
import type { BuildEvent, BuildRequest, CachePlace, ContextSource, Exporter } from '../../engine/builds-contract.ts';
import type { RemoteBuild } from '../../engine/types/remote-build.ts';
import { choice, decode, flag, int64, list, map, optional, partial, struct, text, textMap, texts, uint64 } from '../decode.ts';
import type { ClientAnswers } from './client-answers.ts';

const oneOf = <const V extends string>(what: string, values: readonly V[]) => choice('string', values, (value) => `unknown ${what} ${JSON.stringify(value)}`);
const CACHES = list(struct('RemoteCache', { type: oneOf('cache type', ['inline', 'registry', 'local']), attributes: textMap }));

const REMOTE_BUILD = struct('RemoteBuild', {
  describe: oneOf('description', ['', 'targets', 'outline', 'lint']),
  id: text(),
  contexts: map(struct('RemoteContext', { kind: oneOf('kind of context', ['tar', 'remote', 'image']), from: text() })),
  dockerfile: struct('RemoteDockerfile', { text: optional(text()), name: text(), path: text(), context: text() }),
  target: text(),
  buildArgs: textMap,
  unsetArgs: texts,
  labels: textMap,
  annotations: textMap,
  platform: text(),
  noCache: flag,
  noCacheFor: texts,
  pull: flag,
  network: text(),
  entitlements: texts,
  addHosts: texts,
  ulimits: list(struct('Ulimit', { type: text(), soft: int64, hard: int64 })),
  shmSize: uint64,
  cgroupParent: text(),
  limits: optional(
    partial('Limits', { memory: int64, memorySwap: int64, cpuShares: int64, cpuQuota: int64, cpuPeriod: int64, cpusetCpus: text(), cpusetMems: text() }),
  ),
  cacheFrom: CACHES,
  cacheTo: CACHES,
  exporters: list(
    struct('RemoteExporter', {
      type: oneOf('exporter', ['image', 'oci', 'docker', 'tar', 'local', 'cacheonly']),
      names: texts,
      push: flag,
      attributes: textMap,
    }),
  ),
  provenance: optional(
    struct('Provenance', {
      mode: oneOf('mode', ['min', 'max']),
      version: oneOf('version', ['v0.2', 'v1']),
      builderId: text(),
      reproducible: flag,
      inlineOnly: flag,
      filename: text(),
    }),
  ),
  parameters: optional(textMap),
  classic: flag,
  secrets: flag,
  ssh: flag,
  credentials: flag,
  events: flag,
});

/** Throws `invalid`. */
export function decodeRemoteBuild(document: unknown): RemoteBuild {
  return decode(REMOTE_BUILD, document);
}

export interface RemoteParts {
  readonly client: ClientAnswers;
  /** For sockets: a folder with a short path. */
  readonly run: string;
  readonly onEvent: (event: BuildEvent) => void;
  readonly signal: AbortSignal;
}

/** What only the client has is asked of it when it is needed. */
export function remoteRequest(document: RemoteBuild, { client, run, onEvent, signal }: RemoteParts): BuildRequest {
  const { dockerfile, buildArgs, unsetArgs, noCache, noCacheFor, provenance, parameters } = document;
  const caches = (use: 'from' | 'to', places: RemoteBuild['cacheFrom']) => places.map((place, index) => cachePlace(client, use, index, place));
  return {
    id: document.id || undefined,
    contexts: Object.fromEntries(Object.entries(document.contexts).map(([name, context]) => [name, contextSource(client, name, context, signal)])),
    dockerfile:
      dockerfile.text === undefined
        ? { path: dockerfile.path || 'Dockerfile', context: dockerfile.context || 'context' }
        : { text: dockerfile.text, name: dockerfile.name || 'Dockerfile' },
    target: document.target || undefined,
    buildArgs: { ...buildArgs, ...Object.fromEntries(unsetArgs.map((name) => [name, undefined])) },
    labels: document.labels,
    annotations: document.annotations,
    platform: document.platform || undefined,
    noCache: noCacheFor.length > 0 ? noCacheFor : noCache || undefined,
    pull: document.pull,
    network: document.network || undefined,
    entitlements: document.entitlements,
    addHosts: document.addHosts,
    ulimits: document.ulimits,
    shmSize: document.shmSize || undefined,
    cgroupParent: document.cgroupParent || undefined,
    limits: document.limits,
    cacheFrom: caches('from', document.cacheFrom),
    cacheTo: caches('to', document.cacheTo),
    exporters: document.exporters.map((exporter, index) => exporterOf(client, exporter, index)),
    provenance,
    parameters,
    classic: document.classic,
    secret: document.secrets ? (id, aborted) => client.ask('secret', { id }, aborted) : undefined,
    ssh: document.ssh ? async (id, aborted) => ((await client.ask('agent', { id }, aborted)) === undefined ? undefined : client.agent(id, run)) : undefined,
    // who asks over a socket has his own, or none
    credentials: async (host, aborted) => (document.credentials ? client.credentials(host, aborted) : {}),
    onEvent: document.events ? onEvent : undefined,
    signal,
  };
}

function contextSource(client: ClientAnswers, name: string, { kind, from }: RemoteBuild['contexts'][string], signal: AbortSignal): ContextSource {
  if (kind === 'tar') return { kind, bytes: client.read('context', { name }, signal, { fleeting: true }) };
  if (from === '') throw invalid(`the context ${JSON.stringify(name)} is from nowhere`);
  return kind === 'image' ? { kind, name: from } : { kind, url: from };
}

function cachePlace(client: ClientAnswers, use: 'from' | 'to', index: number, { type, attributes }: RemoteBuild['cacheFrom'][number]): CachePlace {
  if (type !== 'local') return { type, attributes };
  return {
    type,
    attributes,
    store: {
      read: (digest, signal) => client.read('cache-read', { use, index, digest }, signal),
      write: ({ digest, size }, bytes, signal) => client.write('cache-write', { use, index, digest, size }, bytes, signal),
      named: async (manifest, signal) => void (await client.ask('cache-named', { use, index, manifest }, signal)),
    },
  };
}

function exporterOf(client: ClientAnswers, { type, names, push, attributes }: RemoteBuild['exporters'][number], index: number): Exporter {
  if (type === 'cacheonly') return { type };
  if (type === 'image') return { type, names, push, attributes };
  return {
    type,
    names,
    attributes,
    receive: (archive, metadata, signal) => client.write('export', { index, metadata }, archive, signal),
  };
}
