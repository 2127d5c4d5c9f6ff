/**
 * What images an archive has: `docker save`'s of any age, or an OCI layout in a tar. Each document is read once, however
 * often the archive names it, and all of them together have a bound: they are kept until the last image is stored.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { digestHex, isDigest, type Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { ArchiveFile, ArchiveIndex } from '../image/archive-scan.ts';
import type { Descriptor, Manifest, Platform } from '../image/contract.ts';
import {
  checkDepth,
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
import { tagName } from '../image/names.ts';
import { choosePlatform, platformOf } from '../image/platform.ts';
import { parseReference } from '../image/reference.ts';
import { detect } from '../snapshot/decompress.ts';

const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
/** Bytes of all manifests and configs of an archive: a thousand usual images have a tenth of it. */
const MAX_DOCUMENTS = 128 << 20;

/** An image found in an archive; its documents have been checked. */
export interface Found {
  readonly mediaType: string;
  readonly manifestBytes: Buffer;
  readonly manifestDigest: Digest;
  readonly configBytes: Buffer;
  readonly configDigest: Digest;
  /** What its config says. */
  readonly platform: Platform;
  /** Where each layer of the manifest lies. */
  readonly layers: readonly ArchiveFile[];
  /** Full names. */
  readonly names: ReadonlySet<string>;
}

type FoundImage = Omit<Found, 'names'>;

/** Each image once, with all names that it has. */
class FoundImages {
  readonly #found = new Map<Digest, FoundImage & { readonly names: Set<string> }>();

  add(image: FoundImage, names: readonly string[]): void {
    let known = this.#found.get(image.manifestDigest);
    if (known === undefined) this.#found.set(image.manifestDigest, (known = { ...image, names: new Set() }));
    for (const name of names) known.names.add(name);
  }

  all(): readonly Found[] {
    return [...this.#found.values()];
  }
}

/** Throws `invalid` for an archive without any, or with one that is damaged. */
export async function imagesIn(archive: ArchiveIndex, platform: Platform, signal: AbortSignal | undefined): Promise<readonly Found[]> {
  const documents = new Documents(archive, signal);
  const images = archive.find('manifest.json') === undefined ? await ociImages(documents, platform) : await dockerImages(documents, platform);
  if (images.length === 0) throw invalid('the archive has no image in it');
  return images;
}

/** By its first bytes. Throws `invalid` for what kobako cannot unpack. */
export function packingOf(archive: ArchiveIndex, file: ArchiveFile): 'none' | 'gzip' | 'zstd' {
  return detect(archive.head(file, 4));
}

interface LegacyConfig {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly platform: Platform;
  readonly diffIds: readonly Digest[];
}

/** The documents of an archive. By where they lie, for an archive may have many names for one. */
class Documents {
  readonly archive: ArchiveIndex;
  readonly signal: AbortSignal | undefined;
  readonly #bytes = new Map<number, Buffer>();
  readonly #configs = new Map<Buffer, LegacyConfig>();
  readonly #layers = new Map<number, Descriptor>();
  #size = 0;

  constructor(archive: ArchiveIndex, signal: AbortSignal | undefined) {
    this.archive = archive;
    this.signal = signal;
  }

  /** Throws `invalid` where it is missing, or too much. */
  read(path: string): Buffer {
    const file = this.archive.find(path);
    const known = file === undefined ? undefined : this.#bytes.get(file.offset);
    if (known !== undefined) return known;
    this.#keep(file?.size ?? 0);
    const bytes = this.archive.read(path, MAX_CONFIG);
    this.#bytes.set(file!.offset, bytes);
    return bytes;
  }

  /** What was made of them is kept, too. */
  made(document: Buffer): Buffer {
    this.#keep(document.length);
    return document;
  }

  #keep(bytes: number): void {
    if (bytes <= MAX_CONFIG && (this.#size += bytes) > MAX_DOCUMENTS)
      throw invalid(`invalid archive: the manifests and configurations of its images have more than ${MAX_DOCUMENTS} bytes`);
  }

  config(path: string): LegacyConfig {
    const bytes = this.read(path);
    let known = this.#configs.get(bytes);
    if (known === undefined) {
      const config = parseImageConfig(bytes);
      const diffIds = config.rootfs.diff_ids;
      checkDepth(diffIds.length);
      this.#configs.set(bytes, (known = { bytes, digest: digestOf(bytes), platform: platformOf(config), diffIds }));
    }
    return known;
  }

  /** A plain tar's digest is its diff id; a packed one must be read to know it. */
  async layer(file: ArchiveFile, diffId: Digest): Promise<Descriptor> {
    const { offset, size } = file;
    const known = this.#layers.get(offset);
    if (known !== undefined) return known.mediaType === LAYER_TYPE ? { ...known, digest: diffId } : known;
    const packing = packingOf(this.archive, file);
    const mediaType = packing === 'none' ? LAYER_TYPE : `${LAYER_TYPE}+${packing}`;
    const found = { mediaType, digest: packing === 'none' ? diffId : await this.#hash(file), size };
    this.#layers.set(offset, found);
    return found;
  }

  async #hash({ offset, size }: ArchiveFile): Promise<Digest> {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(this.archive.path, { start: offset, end: offset + size - 1, highWaterMark: 1 << 20 })) {
      this.#check();
      hash.update(chunk as Buffer);
    }
    return `sha256:${hash.digest('hex')}`;
  }

  /** Between two images: whoever else waits has his turn, and who gave up is heard. */
  async next(): Promise<void> {
    await turn();
    this.#check();
  }

  #check(): void {
    if (this.signal?.aborted === true) throw new EngineError('cancelled', 'the archive was given up', { cause: this.signal.reason });
  }
}

/** `manifest.json`: a list of `{Config, RepoTags, Layers}`, paths in the archive. */
async function dockerImages(documents: Documents, platform: Platform): Promise<readonly Found[]> {
  const { archive } = documents;
  const list = parseJson(archive.read('manifest.json', MAX_CONFIG), 'manifest.json');
  if (!Array.isArray(list)) throw invalid('invalid archive: manifest.json is not a list');
  const layouts = archive.find('index.json') === undefined ? [] : await ociImages(documents, platform).catch(orNothing);
  const known = new Map(layouts.toReversed().map((image) => [image.configDigest, image]));
  const out = new FoundImages();
  for (const item of list as unknown[]) {
    await documents.next();
    const { Config, RepoTags, Layers } = (item ?? {}) as { Config?: unknown; RepoTags?: unknown; Layers?: unknown };
    if (typeof Config !== 'string') throw invalid('invalid archive: an image in manifest.json has no Config');
    const names = strings(RepoTags, 'RepoTags').map(tagOf);
    const config = documents.config(Config);
    // the same image may lie there as an OCI layout too: then its manifest is kept as it is
    const image = known.get(config.digest) ?? (await legacyImage(documents, config, strings(Layers, 'Layers')));
    out.add(image, names);
  }
  return out.all();
}

/** What is wrong with a layout is no matter where the archive is of the older kind, too. */
function orNothing(error: unknown): readonly Found[] {
  if (error instanceof EngineError && error.kind === 'cancelled') throw error;
  return [];
}

function strings(value: unknown, what: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string'))
    throw invalid(`invalid archive: ${what} in manifest.json is not a list of strings`);
  return value;
}

function tagOf(text: string): string {
  const reference = parseReference(text);
  // a name by digest comes from a registry and from nowhere else
  if (reference.tag === undefined || reference.digest !== undefined) throw invalid(`invalid tag ${JSON.stringify(text)}`);
  return tagName(reference);
}

/** An image without a manifest of its own: one is written for it. */
async function legacyImage(documents: Documents, config: LegacyConfig, paths: readonly string[]): Promise<FoundImage> {
  const { bytes, digest, platform, diffIds } = config;
  if (diffIds.length !== paths.length) throw invalid(`invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${paths.length}`);
  const layers = paths.map((path) => {
    const file = documents.archive.find(path);
    if (file === undefined) throw invalid(`invalid archive: layer ${path} is missing`);
    return file;
  });
  const descriptors: Descriptor[] = [];
  for (const [index, file] of layers.entries()) descriptors.push(await documents.layer(file, diffIds[index]!));
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest, size: bytes.length },
    layers: descriptors,
  };
  const manifestBytes = documents.made(Buffer.from(JSON.stringify(manifest)));
  return { mediaType: OCI_MANIFEST, manifestBytes, manifestDigest: digestOf(manifestBytes), configBytes: bytes, configDigest: digest, platform, layers };
}

/** `index.json` of an OCI layout: each of its manifests, of an index the one for the platform. */
async function ociImages(documents: Documents, platform: Platform): Promise<readonly Found[]> {
  const { archive } = documents;
  if (archive.find('index.json') === undefined) throw invalid('unrecognized image format: the archive has neither manifest.json nor index.json');
  const top = parseManifest(archive.read('index.json', MAX_CONFIG), OCI_INDEX);
  if (top.kind !== 'index') throw invalid('invalid archive: index.json is no index');
  const seen = new Map<Digest, FoundImage | undefined>();
  const out = new FoundImages();
  for (const descriptor of top.index.manifests) {
    const { digest } = descriptor;
    if (!seen.has(digest)) {
      await documents.next();
      seen.set(digest, await ociImage(documents, descriptor, platform));
    }
    const found = seen.get(digest);
    if (found !== undefined) out.add(found, namesOf(descriptor));
  }
  return out.all();
}

async function ociImage(documents: Documents, descriptor: Descriptor, platform: Platform): Promise<FoundImage | undefined> {
  const { archive } = documents;
  const raw = (one: Descriptor) => ({ descriptor: one, bytes: verified(documents.read(blobPath(one.digest)), one.digest) });
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
  return {
    mediaType: manifest.mediaType,
    manifestBytes: chosen.bytes,
    manifestDigest: chosen.descriptor.digest,
    configBytes,
    configDigest: manifest.config.digest,
    platform: platformOf(config),
    layers,
  };
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
