/**
 * Use case: images as one archive. As docker 25 and later write it, it is both: an OCI image layout, and the
 * `manifest.json` that older ones read. Blobs go in as they are, so digests survive the way out and in again.
 */
import { createReadStream } from 'node:fs';
import { digestHex, type Digest } from '../base/digest.ts';
import { EngineError } from '../base/errors.ts';
import { familiar } from '../image/names.ts';
import { formatPlatform, parsePlatform, platformMatches } from '../image/platform.ts';
import { familiarReference, parseReference } from '../image/reference.ts';
import type { FoundImage, StoredImage } from '../image/store/store.ts';
import { TarWriter } from '../tar/writer.ts';
import { tell } from './image-events.ts';
import type { ImageParts } from './image-parts.ts';
import type { Companions } from './image-push.ts';
import type { Images } from './images-contract.ts';

const CHUNK = 1 << 20;

type SaveOptions = NonNullable<Parameters<Images['save']>[1]>;

/** An image on its way into an archive. */
export interface Saved {
  readonly image: Pick<StoredImage, 'id' | 'manifest' | 'manifestDigest' | 'config' | 'platform'> & { readonly entry: Pick<StoredImage['entry'], 'target'> };
  /** Full names, of tags. */
  readonly names: readonly string[];
  /** The layout names their index instead of the image's manifest. */
  readonly companions?: Companions | undefined;
}

export async function* saveImages(parts: ImageParts, names: readonly string[], { platform, signal }: SaveOptions): AsyncGenerator<Buffer> {
  const { store } = parts;
  using _hold = await store.hold(signal);
  const images = selected(parts, names);
  if (platform !== undefined) for (const { image } of images) checkPlatform(image, platform);
  yield* imageArchive(store, images, signal);
  for (const { image } of images) tell(parts, 'save', image.id, image.id, image.id);
}

/** Of images whose blobs are all in the store, and stay there meanwhile. */
export async function* imageArchive(store: ImageParts['store'], images: readonly Saved[], signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const blobs = new Map<Digest, number>();
  const add = (digest: Digest) => {
    const size = store.blobs.size(digest);
    if (size === undefined) throw new EngineError('internal', `blob ${digest} is not in the store`);
    blobs.set(digest, size);
  };
  for (const { image, companions } of images) {
    if (companions !== undefined) for (const { digest } of [companions.index, ...companions.manifests, ...companions.blobs]) add(digest);
    add(image.manifestDigest);
    for (const { digest } of [image.manifest.config, ...image.manifest.layers]) add(digest);
  }
  let out: Buffer[] = [];
  const tar = new TarWriter((piece) => out.push(piece));
  const flush = () => {
    const pieces = out;
    out = [];
    return pieces;
  };
  const file = (name: string, size: number) => tar.entry({ type: 'file', name: Buffer.from(name), mode: 0o644, size });
  for (const name of ['blobs/', 'blobs/sha256/']) tar.entry({ type: 'dir', name: Buffer.from(name), mode: 0o755 });
  for (const [digest, size] of [...blobs].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    file(blobName(digest), size);
    for await (const chunk of createReadStream(store.blobs.path(digest), { highWaterMark: CHUNK })) {
      signal?.throwIfAborted();
      tar.data(chunk as Buffer);
      yield* flush();
    }
  }
  const documents = {
    'index.json': ociIndex(images),
    'manifest.json': dockerManifest(images),
    'oci-layout': { imageLayoutVersion: '1.0.0' },
    repositories: repositories(images),
  };
  for (const [name, value] of Object.entries(documents)) {
    const bytes = Buffer.from(JSON.stringify(value));
    file(name, bytes.length);
    tar.data(bytes);
  }
  tar.end();
  yield* flush();
}

function checkPlatform({ platform: has }: Pick<StoredImage, 'platform'>, platform: string): void {
  const wanted = parsePlatform(platform);
  if (!platformMatches(has, wanted)) throw new EngineError('not-found', `no suitable export target found for platform ${formatPlatform(wanted)}`);
}

/** By tag, by repository (all its tags), or by id (without a name). Each image once, with all names that were asked for. */
function selected({ store }: ImageParts, wanted: readonly string[]): Saved[] {
  const out = new Map<Digest, { image: Saved['image']; names: Set<string> }>();
  for (const text of wanted) {
    const found = tagsBehind(store, text);
    for (const name of found.length > 0 ? found : [text]) {
      const { entry, name: full } = found.length > 0 ? store.find(name) : findFor(store, text);
      const known = out.get(entry.facts.id) ?? { image: store.open(entry), names: new Set<string>() };
      if (full !== undefined && !full.includes('@')) known.names.add(full);
      out.set(entry.facts.id, known);
    }
  }
  return [...out.values()].map(({ image, names }) => ({ image, names: [...names] }));
}

function findFor(store: ImageParts['store'], text: string): FoundImage {
  try {
    return store.find(text);
  } catch (error) {
    // Docker says the name as it was given
    if (error instanceof EngineError && error.kind === 'not-found') throw new EngineError('not-found', `No such image: ${text}`, { cause: error });
    throw error;
  }
}

/** A name without a tag stands for all tags of its repository. */
function tagsBehind(store: ImageParts['store'], text: string): readonly string[] {
  if (/^(sha256:)?[0-9a-f]{64}$/.test(text)) return [];
  const reference = parseReference(text);
  if (reference.tag !== undefined || reference.digest !== undefined) return [];
  return store.tagsOf(reference).map((tag) => familiarReference({ ...reference, tag }));
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${digestHex(digest)}`;
}

function ociIndex(images: readonly Saved[]): object {
  const manifests = images.flatMap(({ image, names, companions }) => {
    const { mediaType, digest, size } = companions?.index ?? image.entry.target;
    const one = { mediaType, digest, size, ...(companions === undefined ? { platform: image.platform } : {}) };
    if (names.length === 0) return [one];
    return names.map((name) => ({ ...one, annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': parseReference(name).tag } }));
  });
  return { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests };
}

function dockerManifest(images: readonly Saved[]): object {
  return images.map(({ image, names }) => ({
    Config: blobName(image.manifest.config.digest),
    RepoTags: names.length === 0 ? null : names.map(familiar),
    Layers: image.manifest.layers.map(({ digest }) => blobName(digest)),
  }));
}

function repositories(images: readonly Saved[]): object {
  const out: Record<string, Record<string, string>> = {};
  for (const { image, names } of images) {
    for (const name of names) {
      const { tag = 'latest' } = parseReference(name);
      const repository = familiar(name).slice(0, -tag.length - 1);
      out[repository] = { ...out[repository], [tag]: digestHex(image.config.rootfs.diff_ids.at(-1) ?? image.id) };
    }
  }
  return out;
}
