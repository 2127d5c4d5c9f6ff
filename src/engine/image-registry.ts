/** Use cases that ask registries and change nothing here: what is under a name, who may log in, what can be found. */
import { invalid } from '../base/errors.ts';
import { digestOf, DOCKER_CONFIG, MAX_CONFIG, OCI_CONFIG, parseImageConfig, parseManifest } from '../image/manifest.ts';
import type { Manifest, Platform, Repository, SearchHit } from '../image/contract.ts';
import { parseReference, withDefaultTag } from '../image/reference.ts';
import { readBlob } from './blob-fetch.ts';
import { flagOf } from './image-list.ts';
import type { ImageParts } from './image-parts.ts';
import type { DistributionInfo, Images, SearchOptions } from './images-contract.ts';

type Options = NonNullable<Parameters<Images['distribution']>[1]>;

export async function distribution({ registry }: ImageParts, name: string, { credentials, signal }: Options): Promise<DistributionInfo> {
  if (/^[0-9a-f]{64}$/.test(name)) throw invalid('no manifest found for full image ID');
  const reference = withDefaultTag(parseReference(name));
  const repository = await registry.open(reference, { actions: ['pull'], credentials, signal });
  const { descriptor, bytes } = await repository.manifest(reference.digest ?? reference.tag!, signal);
  const { mediaType, digest, size } = descriptor;
  const parsed = parseManifest(bytes, mediaType);
  const platforms =
    parsed.kind === 'index'
      ? parsed.index.manifests.flatMap(({ platform }) => platform ?? [])
      : parsed.kind === 'manifest'
        ? await platformOf(repository, parsed.manifest, signal)
        : [];
  return { descriptor: { mediaType, digest, size }, platforms };
}

async function platformOf(repository: Repository, { config, layers }: Manifest, signal: AbortSignal | undefined): Promise<Platform[]> {
  if (config.mediaType !== OCI_CONFIG && config.mediaType !== DOCKER_CONFIG) return []; // an artifact
  if (config.size > MAX_CONFIG) throw invalid(`image configuration is too large: more than ${MAX_CONFIG} bytes`);
  const bytes = await readBlob(repository, config, signal);
  if (digestOf(bytes) !== config.digest) throw invalid(`config verification failed for digest ${config.digest}`);
  const { os, architecture, variant, 'os.version': version } = parseImageConfig(bytes, layers.length);
  return [{ os, architecture, ...(variant ? { variant } : {}), ...(version ? { 'os.version': version } : {}) }];
}

const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 100;

export async function searchImages({ registry }: ImageParts, term: string, options: SearchOptions): Promise<readonly SearchHit[]> {
  const { limit = DEFAULT_LIMIT, filters = {}, credentials, signal } = options;
  if (limit < 1 || limit > MAX_LIMIT) throw invalid(`limit ${limit} is outside the range of [1, ${MAX_LIMIT}]`);
  for (const key of Object.keys(filters)) if (!['is-official', 'is-automated', 'stars'].includes(key)) throw invalid(`invalid filter '${key}'`);
  const stars = (filters['stars'] ?? []).map((value) => {
    if (!/^\d+$/.test(value)) throw invalid(`invalid filter 'stars=[${value}]'`);
    return Number(value);
  });
  const official = flagOf(filters, 'is-official');
  // Docker has no such thing any more
  if (flagOf(filters, 'is-automated') === true) return [];
  const hits = await registry.search(term, { limit, credentials, signal });
  return hits.filter((hit) => (official === undefined || hit.official === official) && stars.every((least) => hit.stars >= least));
}
