/**
 * `--cache-to` and `--cache-from`: records of the cache with their layers, elsewhere. What is written is an OCI image
 * manifest whose config has the records (a local folder is an OCI layout); inline they are in the image's own config.
 */
import { createReadStream, createWriteStream, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { isDigest, type Digest } from '../base/digest.ts';
import { invalid } from '../base/errors.ts';
import type { StepRecord } from '../build/cache.ts';
import type { BuildRequest, CachePlace } from '../build/contract.ts';
import type { Descriptor, Manifest, Repository } from '../image/contract.ts';
import { digestOf, OCI_MANIFEST, parseManifest, selectImage } from '../image/manifest.ts';
import { choosePlatform, hostPlatform } from '../image/platform.ts';
import { familiarReference, parseReference, withDefaultTag } from '../image/reference.ts';
import { fetchBlob, readBlob } from './blob-fetch.ts';
import { bounded, localCache, readDocument } from './build-cache-local.ts';
import type { BuildParts } from './build-parts.ts';
import { plainBound } from './image-pull.ts';
import type { ImageParts } from './image-parts.ts';

const RECORDS = 'application/vnd.kobako.buildcache.v1+json';
/** In an image's config. */
export const INLINE = 'kobako.buildcache.v1';
const MAX_RECORDS = 10_000;
const MAX_DOCUMENT = 16 << 20;
const CHUNK = 256 << 10;

/** A record from elsewhere. */
export interface ImportedRecord {
  /** Brings its layer here, and gives the record as it is here. */
  take(signal: AbortSignal): Promise<StepRecord>;
}

export function recordsDocument(records: readonly StepRecord[]): { readonly records: readonly StepRecord[] } {
  return { records };
}

/** By their keys. Throws what stands in the way; nothing is fetched but the records. */
export async function importCache(
  parts: BuildParts,
  place: CachePlace,
  request: BuildRequest,
  signal: AbortSignal,
): Promise<ReadonlyMap<Digest, ImportedRecord>> {
  const images = parts.engine.images();
  if (place.type === 'local') {
    const cache = localCache(place, 'src');
    const document = async (digest: Digest) => parse(await readDocument(cache, digest, MAX_DOCUMENT, signal));
    const { config } = (await document(cache.top())) as Partial<Manifest>;
    if (config === undefined || !isDigest(config.digest)) throw invalid('the cache has no records');
    const records = readRecords(await document(config.digest));
    return imported(records, async (record, stop) => {
      const { digest, size } = record.layer.descriptor;
      const fetch = (path: string) => pipeline(bounded(cache.read(digest, stop), size), createWriteStream(path, { mode: 0o600 }), { signal: stop });
      await ingest(images, record.layer.descriptor, record.layer.diffId, stop, fetch);
      return record;
    });
  }
  const { repository, tag } = await openRepository(images, required(place, 'ref'), ['pull'], request, signal);
  const raw = await repository.manifest(tag, signal);
  const fetch = ({ digest }: Descriptor) => repository.manifest(digest, signal);
  const parsed = parseManifest(raw.bytes, raw.descriptor.mediaType);
  const own = parsed.kind === 'manifest' && parsed.manifest.config.mediaType === RECORDS;
  const { manifest } = own ? parsed : await selectImage(raw, (entries) => choosePlatform(entries, hostPlatform()), fetch, tag);
  if (manifest.config.size > MAX_DOCUMENT) throw invalid(`the cache has records of more than ${MAX_DOCUMENT} bytes`);
  const config = parse(await readBlob(repository, manifest.config, signal)) as Record<string, unknown> & { rootfs?: { diff_ids?: readonly string[] } };
  const records = readRecords(manifest.config.mediaType === RECORDS ? config : config[INLINE]);
  // an image may be packed otherwise in its registry
  const diffIds = config.rootfs?.diff_ids ?? [];
  return imported(records, async (record, stop) => {
    const at = diffIds.indexOf(record.layer.diffId);
    const descriptor = manifest.layers[at] ?? record.layer.descriptor;
    await ingest(images, descriptor, record.layer.diffId, stop, (path) =>
      fetchBlob(repository, descriptor, { partial: images.store.blobs.partial(descriptor.digest), path }, () => {}, stop),
    );
    return { ...record, layer: { diffId: record.layer.diffId, descriptor } };
  });
}

function imported(records: readonly StepRecord[], take: (record: StepRecord, signal: AbortSignal) => Promise<StepRecord>): Map<Digest, ImportedRecord> {
  return new Map(records.map((record) => [record.key, { take: (signal: AbortSignal) => take(record, signal) }]));
}

async function ingest(
  images: ImageParts,
  { digest, size }: Descriptor,
  diffId: Digest,
  signal: AbortSignal,
  fetch: (path: string) => Promise<unknown>,
): Promise<void> {
  const { store, driver } = images;
  await images.once(
    digest,
    async () => {
      if (driver.has(diffId) && store.blobs.has(digest)) return;
      const scratch = store.blobs.scratch();
      try {
        if (!store.blobs.has(digest)) await fetch(scratch);
        const path = store.blobs.has(digest) ? store.blobs.path(digest) : scratch;
        const blob = store.blobs.has(digest) ? undefined : { partial: store.blobs.scratch(), path: store.blobs.path(digest) };
        await driver.ingestFile({ compression: 'auto', digest, size, diffId, maxPlainSize: plainBound(size), blob }, { path }, { signal });
      } finally {
        rmSync(scratch, { force: true });
      }
    },
    signal,
  );
}

/** Gives what the client has to know of it. Throws what stands in the way. Inline records are the image's own. */
export async function exportCache(
  parts: BuildParts,
  place: CachePlace,
  records: readonly StepRecord[],
  request: BuildRequest,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const { store } = parts.engine.images();
  const whole = records.filter(({ layer }) => store.blobs.has(layer.descriptor.digest));
  const config = Buffer.from(JSON.stringify(recordsDocument(whole)));
  const layers = [...new Map(whole.map(({ layer }) => [layer.descriptor.digest, layer.descriptor])).values()];
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: RECORDS, digest: digestOf(config), size: config.length },
    layers,
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  if (place.type === 'local') {
    const cache = localCache(place, 'dest');
    const write = (blob: Descriptor, from: AsyncIterable<Buffer>) => cache.write(blob, from, signal);
    for (const layer of layers) await write(layer, createReadStream(store.blobs.path(layer.digest), { highWaterMark: CHUNK }) as AsyncIterable<Buffer>);
    const top: Descriptor = { mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.length };
    await write(manifest.config, once(config));
    await write(top, once(bytes));
    return cache.name(top, signal);
  }
  const { repository, tag } = await openRepository(parts.engine.images(), required(place, 'ref'), ['pull', 'push'], request, signal);
  for (const descriptor of layers) {
    const read = (start: number) => createReadStream(store.blobs.path(descriptor.digest), { start, highWaterMark: CHUNK }) as AsyncIterable<Buffer>;
    await repository.pushBlob(descriptor, read, { signal });
  }
  await repository.pushBlob(
    manifest.config,
    async function* (start) {
      yield config.subarray(start);
    },
    { signal },
  );
  await repository.pushManifest(tag, { mediaType: OCI_MANIFEST, bytes }, signal);
  return {};
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function openRepository(
  images: ImageParts,
  name: string,
  actions: readonly ('pull' | 'push')[],
  request: BuildRequest,
  signal: AbortSignal,
): Promise<{ readonly repository: Repository; readonly tag: string }> {
  const reference = withDefaultTag(parseReference(name));
  const credentials = await request.credentials?.(reference.domain, signal);
  const repository = await images.registry.open(reference, { actions, credentials, signal });
  return { repository, tag: reference.digest ?? reference.tag ?? familiarReference(reference) };
}

function required({ type, attributes }: CachePlace, name: string): string {
  const value = attributes[name];
  if (value === undefined || value === '') throw invalid(`${name} is required for the ${type} cache`);
  return value;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (error) {
    throw invalid(`a document of the cache is no JSON: ${(error as Error).message}`);
  }
}

/** What came from elsewhere is looked at before anything believes it. */
function readRecords(document: unknown): StepRecord[] {
  const { records } = (typeof document === 'object' && document !== null ? document : {}) as { records?: unknown };
  if (!Array.isArray(records)) return [];
  return records.slice(0, MAX_RECORDS).flatMap((each: unknown): StepRecord[] => {
    const { key, description, layer, size, createdAt } = (each ?? {}) as Partial<StepRecord>;
    const { diffId, descriptor } = layer ?? {};
    const whole =
      typeof key === 'string' &&
      isDigest(key) &&
      typeof diffId === 'string' &&
      isDigest(diffId) &&
      typeof descriptor?.digest === 'string' &&
      isDigest(descriptor.digest);
    if (!whole || !Number.isSafeInteger(descriptor.size) || descriptor.size < 0 || !Number.isSafeInteger(createdAt) || !Number.isSafeInteger(size)) return [];
    const mediaType = typeof descriptor.mediaType === 'string' ? descriptor.mediaType : '';
    const kept = { mediaType, digest: descriptor.digest, size: descriptor.size };
    return [{ key, description: String(description).slice(0, 4096), layer: { diffId, descriptor: kept }, size: size!, createdAt: createdAt!, usageCount: 0 }];
  });
}
