/** What a client wants built, from the attributes that BuildKit's Dockerfile frontend has. */
import { readProvenance, refuseSbom, type ProvenanceWish } from '../base/attestations.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { BlobPlace, BuildRequest, BuildUlimit, CachePlace } from '../build/contract.ts';

export type Attributes = Readonly<Record<string, string>>;

/** What attributes say by themselves, without contexts and what the session gives. Throws `invalid`. */
export function requestOf(attributes: Attributes): Partial<BuildRequest> {
  const text = (name: string): string | undefined => attributes[name] || undefined;
  return {
    target: text('target'),
    buildArgs: prefixed(attributes, 'build-arg:'),
    labels: prefixed(attributes, 'label:'),
    platform: platform(attributes),
    noCache: attributes['no-cache'] === undefined ? undefined : attributes['no-cache'] === '' ? true : list(attributes['no-cache']),
    pull: attributes['image-resolve-mode'] === 'pull' ? true : undefined,
    network: network(attributes['force-network-mode']),
    addHosts: list(attributes['add-hosts']).map(host),
    ulimits: list(attributes['ulimit']).map(ulimit),
    shmSize: integer('shm-size', attributes['shm-size']),
    cgroupParent: text('cgroup-parent'),
    provenance: provenance(attributes),
  };
}

function prefixed(attributes: Attributes, prefix: string): Record<string, string> {
  const found = Object.entries(attributes).filter(([name]) => name.startsWith(prefix) && name.length > prefix.length);
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), value]));
}

function list(value: string | undefined): string[] {
  return value === undefined || value === '' ? [] : value.split(',').map((each) => each.trim());
}

function platform(attributes: Attributes): string | undefined {
  const platforms = list(attributes['platform']);
  if (platforms.length > 1) throw invalid('one build makes an image of one platform: several platforms at once are not supported');
  return platforms[0];
}

/** BuildKit's `sandbox` and `unset` are the usual. */
function network(mode: string | undefined): string | undefined {
  return mode === undefined || mode === '' || mode === 'sandbox' || mode === 'unset' ? undefined : mode;
}

function host(value: string): string {
  const at = value.indexOf('=');
  if (at < 1) throw invalid(`invalid host ${value}`);
  return `${value.slice(0, at)}:${value.slice(at + 1)}`;
}

function ulimit(value: string): BuildUlimit {
  const parts = /^([a-z]+)=(-?\d{1,15})(?::(-?\d{1,15}))?$/.exec(value);
  if (parts === null) throw invalid(`invalid ulimit argument: ${value}`);
  return { type: parts[1]!, soft: Number(parts[2]), hard: Number(parts[3] ?? parts[2]) };
}

function integer(name: string, value: string | undefined): number | undefined {
  if (value === undefined || value === '') return undefined;
  if (!/^\d{1,15}$/.test(value)) throw invalid(`invalid ${name}: ${value}`);
  return Number(value);
}

function provenance(attributes: Attributes): ProvenanceWish | undefined {
  if (attributes['attest:sbom'] !== undefined) refuseSbom(attributes['attest:sbom']);
  const wish = attributes['attest:provenance'];
  return wish === undefined ? undefined : readProvenance(wish);
}

interface CacheEntry {
  readonly Type: string;
  readonly Attrs: Attributes;
}

/**
 * Places of caches; `store` gives the client's own, by the name of its folder. Those of kinds that are not here are left
 * out where they are read, and refused where they are written.
 */
export function cachePlaces(entries: readonly CacheEntry[], use: 'read' | 'write', store: (folder: string) => BlobPlace): readonly CachePlace[] {
  return entries.flatMap(({ Type, Attrs }): CachePlace[] => {
    if (Type === 'inline' || Type === 'registry') return [{ type: Type, attributes: Attrs }];
    const folder = Attrs[use === 'read' ? 'src' : 'dest'] ?? '';
    if (Type === 'local' && folder !== '') return [{ type: 'local', attributes: Attrs, store: store(folder) }];
    if (use === 'read') return [];
    throw new EngineError('invalid', `unsupported cache exporter: ${JSON.stringify(Type)}`);
  });
}
