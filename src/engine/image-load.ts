/** Use case: images from an archive: `docker save`'s of any age, or an OCI layout in a tar. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { digestHex, isDigest, type Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { forEach } from '../base/for-each.ts';
import { ArchiveIndex, type ArchiveFile } from '../image/archive-scan.ts';
import type { Descriptor, ImageConfig, Manifest, Platform } from '../image/contract.ts';
import {
  digestOf,
  MAX_CONFIG,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
  parseImageConfig,
  parseJson,
  parseManifest,
  requireImage,
  selectImage,
  type ParsedManifest,
} from '../image/manifest.ts';
import { familiar, tagName } from '../image/names.ts';
import { choosePlatform, formatPlatform, parsePlatform, platformMatches } from '../image/platform.ts';
import { parseReference } from '../image/reference.ts';
import { detect } from '../snapshot/decompress.ts';
import { plainArchive } from './archive-input.ts';
import { tell } from './image-events.ts';
import type { ImageParts } from './image-parts.ts';
import { plainBound, shortId } from './image-pull.ts';
import { machinePlatform } from './machine-platform.ts';
import type { ArchiveInput, Images, LoadedImage, OnProgress } from './images-contract.ts';

const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';

/** An image found in an archive. */
interface Found {
  readonly manifest: Manifest;
  readonly manifestBytes: Buffer;
  readonly config: ImageConfig;
  readonly configBytes: Buffer;
  /** Where each layer of the manifest lies. */
  readonly layers: readonly ArchiveFile[];
  /** Full names. */
  readonly names: readonly string[];
}

export async function loadImages(parts: ImageParts, input: ArchiveInput, options: NonNullable<Parameters<Images['load']>[1]>): Promise<readonly LoadedImage[]> {
  using _hold = await parts.store.hold(options.signal);
  await using file = await plainArchive(parts.store.blobs, input, options.signal);
  const archive = new ArchiveIndex(file.path);
  const wanted = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const platform = wanted ?? machinePlatform();
  const all = archive.find('manifest.json') === undefined ? await ociImages(archive, platform) : await dockerImages(archive, platform);
  if (all.length === 0) throw invalid('the archive has no image in it');
  const images = wanted === undefined ? all : all.filter(({ config }) => platformMatches(config, wanted));
  if (images.length === 0) throw new EngineError('not-found', `the archive has no image for the platform ${formatPlatform(platform)}`);
  const say: OnProgress = options.onProgress ?? (() => {});
  if (images.some(({ config }) => config.os === 'windows')) throw invalid('cannot load windows image on linux');
  const out: LoadedImage[] = [];
  for (const image of images) out.push(await store(parts, archive, image, say, options.signal));
  return out;
}

async function store(parts: ImageParts, archive: ArchiveIndex, image: Found, say: OnProgress, signal: AbortSignal | undefined): Promise<LoadedImage> {
  const { store: images, driver } = parts;
  const { blobs } = images;
  const { manifest, config } = image;
  const jobs = new Map(manifest.layers.map((descriptor, index) => [descriptor.digest, { descriptor, index }]));
  // none goes on when this has failed: who has the store for himself then would remove what it works on
  await forEach(
    jobs.values(),
    ({ descriptor, index }, until) =>
      parts.once(
        descriptor.digest,
        async () => {
          const { digest, size } = descriptor;
          const diffId = config.rootfs.diff_ids[index]!;
          if (driver.has(diffId) && blobs.has(digest)) return;
          const blob = blobs.has(digest) ? undefined : { partial: blobs.scratch(), path: blobs.path(digest) };
          const progress = (current: number) => say({ status: 'Loading layer', id: shortId(diffId), current, total: size });
          const { offset, size: length } = image.layers[index]!;
          // told that it is plain, a driver need not keep the same bytes twice
          const compression = packingOf(archive, image.layers[index]!);
          const request = { compression, digest, size, diffId, maxPlainSize: plainBound(size), blob } as const;
          await driver.ingestFile(request, { path: archive.path, offset, length }, { progress, signal: until });
        },
        until,
      ),
    { signal },
  );
  await blobs.write(image.configBytes, manifest.config.digest);
  const digest = await blobs.write(image.manifestBytes);
  const facts = images.factsOf(manifest, config, (diffId) => driver.contentSize(diffId));
  await images.name({ target: { mediaType: manifest.mediaType, digest, size: image.manifestBytes.length }, facts }, image.names);
  const names = image.names.map(familiar);
  for (const name of names) say({ status: `Loaded image: ${name}` });
  if (names.length === 0) say({ status: `Loaded image ID: ${facts.id}` });
  tell(parts, 'load', facts.id, facts.id, facts.id);
  return { id: facts.id, names };
}

/** `manifest.json`: a list of `{Config, RepoTags, Layers}`, paths in the archive. */
async function dockerImages(archive: ArchiveIndex, platform: Platform): Promise<Found[]> {
  const list = parseJson(archive.read('manifest.json', MAX_CONFIG), 'manifest.json');
  if (!Array.isArray(list)) throw invalid('invalid archive: manifest.json is not a list');
  const known = archive.find('index.json') === undefined ? [] : await ociImages(archive, platform).catch(() => []);
  const out: Found[] = [];
  for (const item of list as unknown[]) {
    const { Config, RepoTags, Layers } = (item ?? {}) as { Config?: unknown; RepoTags?: unknown; Layers?: unknown };
    const strings = (value: unknown, what: string): readonly string[] => {
      if (value === undefined || value === null) return [];
      if (!Array.isArray(value) || !value.every((one) => typeof one === 'string'))
        throw invalid(`invalid archive: ${what} in manifest.json is not a list of strings`);
      return value;
    };
    if (typeof Config !== 'string') throw invalid('invalid archive: an image in manifest.json has no Config');
    const names = strings(RepoTags, 'RepoTags').map(tagOf);
    const configBytes = archive.read(Config, MAX_CONFIG);
    // the same image may lie there as an OCI layout too: then its manifest is kept as it is
    const same = known.find((image) => image.manifest.config.digest === digestOf(configBytes));
    out.push(same === undefined ? await legacyImage(archive, configBytes, strings(Layers, 'Layers'), names) : { ...same, names });
  }
  return out;
}

function tagOf(text: string): string {
  const reference = parseReference(text);
  // a name by digest comes from a registry and from nowhere else
  if (reference.tag === undefined || reference.digest !== undefined) throw invalid(`invalid tag ${JSON.stringify(text)}`);
  return tagName(reference);
}

/** An image without a manifest of its own: one is written for it. */
async function legacyImage(archive: ArchiveIndex, configBytes: Buffer, paths: readonly string[], names: readonly string[]): Promise<Found> {
  const config = parseImageConfig(configBytes);
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== paths.length) throw invalid(`invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${paths.length}`);
  const layers = paths.map((path) => {
    const file = archive.find(path);
    if (file === undefined) throw invalid(`invalid archive: layer ${path} is missing`);
    return file;
  });
  const descriptors = await Promise.all(layers.map((file, index) => describeLayer(archive, file, diffIds[index]!)));
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest: digestOf(configBytes), size: configBytes.length },
    layers: descriptors,
  };
  return { manifest, manifestBytes: Buffer.from(JSON.stringify(manifest)), config, configBytes, layers, names };
}

/** A plain tar's digest is its diff id; a packed one must be read to know it. */
async function describeLayer(archive: ArchiveIndex, file: ArchiveFile, diffId: Digest): Promise<Descriptor> {
  const { offset, size } = file;
  const packing = packingOf(archive, file);
  if (packing === 'none') return { mediaType: LAYER_TYPE, digest: diffId, size };
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(archive.path, { start: offset, end: offset + size - 1, highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return { mediaType: `${LAYER_TYPE}+${packing}`, digest: `sha256:${hash.digest('hex')}`, size };
}

/** By its first bytes. Throws `invalid` for what kobako cannot unpack. */
function packingOf(archive: ArchiveIndex, file: ArchiveFile): 'none' | 'gzip' | 'zstd' {
  return detect(archive.head(file, 4));
}

/** `index.json` of an OCI layout: each of its manifests, of an index the one for the platform. */
async function ociImages(archive: ArchiveIndex, platform: Platform): Promise<Found[]> {
  if (archive.find('index.json') === undefined) throw invalid('unrecognized image format: the archive has neither manifest.json nor index.json');
  const top = parseManifest(archive.read('index.json', MAX_CONFIG), OCI_INDEX);
  if (top.kind !== 'index') throw invalid('invalid archive: index.json is no index');
  const byDigest = new Map<Digest, Found>();
  for (const descriptor of top.index.manifests) {
    const found = await ociImage(archive, descriptor, platform);
    if (found === undefined) continue;
    const key = digestOf(found.manifestBytes);
    byDigest.set(key, { ...found, names: [...new Set([...(byDigest.get(key)?.names ?? []), ...namesOf(descriptor)])] });
  }
  return [...byDigest.values()];
}

async function ociImage(archive: ArchiveIndex, descriptor: Descriptor, platform: Platform): Promise<Omit<Found, 'names'> | undefined> {
  const raw = (one: Descriptor) => ({ descriptor: one, bytes: verified(archive.read(blobPath(one.digest), MAX_CONFIG), one.digest) });
  // an archive may have a part of what an index names
  const choose = (entries: readonly Descriptor[]) => {
    return choosePlatform(
      entries.filter(({ digest }) => archive.find(blobPath(digest)) !== undefined),
      platform,
    );
  };
  const top = raw(descriptor);
  const parsed = parseManifest(top.bytes, descriptor.mediaType);
  if (parsed.kind === 'other') return undefined;
  // what is kept beside an image (a signature, an attestation) is no image
  if (parsed.kind === 'manifest' && !isImage(parsed)) return undefined;
  const { raw: chosen, manifest } = await selectImage(top, choose, async (one) => raw(one));
  const configBytes = raw(manifest.config).bytes;
  const config = parseImageConfig(configBytes, manifest.layers.length);
  const layers = manifest.layers.map(({ digest }) => {
    const file = archive.find(blobPath(digest));
    if (file === undefined) throw invalid(`invalid archive: layer ${digest} is missing`);
    return file;
  });
  return { manifest, manifestBytes: chosen.bytes, config, configBytes, layers };
}

function isImage(parsed: ParsedManifest): boolean {
  try {
    requireImage(parsed);
    return true;
  } catch {
    return false;
  }
}

function namesOf({ annotations = {} }: Descriptor): string[] {
  const name = annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name'];
  // a bare tag (`latest`) names nothing by itself
  if (name === undefined || !/[/:]/.test(name)) return [];
  try {
    return [tagOf(name)];
  } catch {
    return [];
  }
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${digestHex(digest)}`;
}

function verified(bytes: Buffer, digest: Digest): Buffer {
  if (!isDigest(digest) || digestOf(bytes) !== digest) throw invalid(`invalid archive: the content of ${digest} has another digest`);
  return bytes;
}
