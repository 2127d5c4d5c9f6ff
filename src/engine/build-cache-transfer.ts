/**
 * `--cache-to` and `--cache-from`: records of the cache with their layers, elsewhere. What is written is an OCI image
 * manifest whose config has the records (a local folder is an OCI layout); inline they are in the image's own config.
 */
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { digestHex, isDigest, type Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { StepRecord } from '../build/cache.ts';
import type { BuildRequest, CachePlace } from '../build/contract.ts';
import type { Descriptor, Manifest, Repository } from '../image/contract.ts';
import { digestOf, OCI_MANIFEST, selectImage } from '../image/manifest.ts';
import { choosePlatform, hostPlatform } from '../image/platform.ts';
import { familiarReference, parseReference, withDefaultTag } from '../image/reference.ts';
import { fetchBlob, readBlob } from './blob-fetch.ts';
import type { BuildParts } from './build-parts.ts';
import { plainBound } from './image-pull.ts';
import type { ImageParts } from './image-parts.ts';

const RECORDS = 'application/vnd.kobako.buildcache.v1+json';
/** In an image's config. */
export const INLINE = 'kobako.buildcache.v1';
const MAX_RECORDS = 10_000;
const MAX_DOCUMENT = 16 << 20;

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
    const folder = required(place, 'src');
    const blob = (digest: Digest) => `${folder}/blobs/sha256/${digestHex(digest)}`;
    const index = parse(readDocument(`${folder}/index.json`)) as { manifests?: readonly Descriptor[] };
    const [top] = index.manifests ?? [];
    if (top === undefined || !isDigest(top.digest)) throw invalid(`${folder} has no cache`);
    const manifest = parse(readDocument(blob(top.digest))) as Manifest;
    const records = readRecords(parse(readDocument(blob(manifest.config.digest))));
    return imported(records, async (record, stop) => {
      await ingest(images, record.layer.descriptor, record.layer.diffId, stop, async (path) => copyFile(blob(record.layer.descriptor.digest), path));
      return record;
    });
  }
  const { repository, tag } = await openRepository(images, required(place, 'ref'), ['pull'], request, signal);
  const raw = await repository.manifest(tag, signal);
  const fetch = ({ digest }: Descriptor) => repository.manifest(digest, signal);
  const own = parse(raw.bytes) as Manifest;
  const { manifest } =
    own.config?.mediaType === RECORDS ? { manifest: own } : await selectImage(raw, (entries) => choosePlatform(entries, hostPlatform()), fetch, tag);
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

/** Throws what stands in the way. Inline records are the image's own. */
export async function exportCache(
  parts: BuildParts,
  place: CachePlace,
  records: readonly StepRecord[],
  request: BuildRequest,
  signal: AbortSignal,
): Promise<void> {
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
    const folder = required(place, 'dest');
    const blobs = `${folder}/blobs/sha256`;
    mkdirSync(blobs, { recursive: true });
    for (const { digest } of layers) {
      if (signal.aborted) throw signal.reason;
      const path = `${blobs}/${digestHex(digest)}`;
      if (existsSync(path)) continue;
      await copyFile(store.blobs.path(digest), `${path}.new`);
      renameSync(`${path}.new`, path);
    }
    writeFileSync(`${blobs}/${digestHex(digestOf(config))}`, config);
    writeFileSync(`${blobs}/${digestHex(digestOf(bytes))}`, bytes);
    writeFileSync(`${folder}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
    const index = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.length }],
    };
    writeFileSync(`${folder}/index.json.new`, JSON.stringify(index));
    renameSync(`${folder}/index.json.new`, `${folder}/index.json`);
    return;
  }
  const { repository, tag } = await openRepository(parts.engine.images(), required(place, 'ref'), ['pull', 'push'], request, signal);
  for (const descriptor of layers) {
    const read = (start: number) => createReadStream(store.blobs.path(descriptor.digest), { start, highWaterMark: 256 << 10 }) as AsyncIterable<Buffer>;
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

function readDocument(path: string): Buffer {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > MAX_DOCUMENT) throw invalid(`${path} is no document of a cache`);
    return bytes;
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError('not-found', `could not read ${path}: ${(error as Error).message}`, { cause: error });
  }
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
