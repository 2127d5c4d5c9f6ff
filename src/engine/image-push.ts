/** Use case: an image to a registry. What is there already is not sent, what another repository there has is mounted. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { forEach } from '../base/for-each.ts';
import { letGo } from '../base/memory.ts';
import type { Descriptor, Manifest, Reference, Repository } from '../image/contract.ts';
import { digestName } from '../image/names.ts';
import { familiarName, familiarReference, parseReference, repositoryName, withDefaultTag } from '../image/reference.ts';
import { digestOf } from '../image/manifest.ts';
import type { StoredImage } from '../image/store/store.ts';
import { tell } from './image-events.ts';
import { openImage } from './image-list.ts';
import type { ImageParts } from './image-parts.ts';
import { shortId } from './image-pull.ts';
import type { OnProgress, PushOptions } from './images-contract.ts';

/** As dockerd's max-concurrent-uploads. */
const PARALLEL = 5;
/** Layers that came unpacked are packed to be sent: speed counts more than the last few percent. */
const GZIP_LEVEL = 3;
/** Bytes. Larger ones pile up as garbage, five layers at once. */
const CHUNK = 256 << 10;
/** Layers that are packed at once: the work is the processors'. */
const PACKERS = 2;

const PLAIN_TYPES = new Set(['application/vnd.oci.image.layer.v1.tar', 'application/vnd.docker.image.rootfs.diff.tar']);

/** What goes to a registry with an image: an index that names it and more. All of it is in the store. */
export interface Companions {
  readonly index: Descriptor;
  /** Those of the index's manifests that are not the image's, and their configs and layers. */
  readonly manifests: readonly Descriptor[];
  readonly blobs: readonly Descriptor[];
}

/** Made when it is known how the registry gets the image's manifest. */
export type MakeCompanions = (image: Descriptor, manifest: Manifest) => Promise<Companions>;

/** Gives what the registry has under the name: of several, under the last. */
export async function pushImage(parts: ImageParts, name: string, options: PushOptions, companions?: MakeCompanions): Promise<Descriptor> {
  const reference = parseReference(name);
  if (reference.digest !== undefined) throw invalid('cannot push a digest reference');
  if (options.allTags && reference.tag !== undefined) throw invalid("tag can't be used with --all-tags/-a");
  const tags = options.allTags ? parts.store.tagsOf(reference) : [withDefaultTag(reference).tag!];
  if (options.platform !== undefined) for (const tag of tags) openImage(parts, familiarReference({ ...reference, tag }), options.platform);
  const say: OnProgress = options.onProgress ?? (() => {});
  say({ status: `The push refers to repository [${repositoryName(reference)}]` });
  if (tags.length === 0) throw noImage(reference);
  using _hold = await parts.store.hold(options.signal);
  // what is not there is said before anybody is asked for a password
  const images = tags.map((tag) => ({ tag, image: imageFor(parts, { ...reference, tag }) }));
  const repository = await parts.registry.open(reference, { actions: ['pull', 'push'], credentials: options.credentials, signal: options.signal });
  let pushed: Descriptor | undefined;
  for (const { tag, image } of images) {
    pushed = await pushOne(parts, repository, { ...reference, tag }, image, { say, companions, signal: options.signal });
  }
  const asked = options.allTags ? reference : withDefaultTag(reference);
  tell(parts, 'push', familiarReference(asked), familiarName(asked), images.at(-1)?.image.id);
  return pushed!;
}

function noImage(reference: Reference): EngineError {
  return new EngineError('not-found', `An image does not exist locally with the tag: ${familiarName(reference)}`);
}

function imageFor(parts: ImageParts, reference: Reference): StoredImage {
  try {
    const { entry, name } = parts.store.find(familiarReference(reference));
    // `sha256:…` may be an id, and an image without that name
    if (name === undefined) throw noImage(reference);
    return parts.store.open(entry);
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'not-found') {
      if (parts.store.tagsOf(reference).length === 0) throw noImage(reference);
      throw new EngineError('not-found', `tag does not exist: ${familiarReference(reference)}`);
    }
    throw error;
  }
}

async function pushOne(
  parts: ImageParts,
  repository: Repository,
  reference: Reference,
  image: StoredImage,
  { say, companions, signal }: { readonly say: OnProgress; readonly companions: MakeCompanions | undefined; readonly signal: AbortSignal | undefined },
): Promise<Descriptor> {
  const { store } = parts;
  const { manifest, bytes, digest } = await sendable(parts, image, signal);
  const mountFrom = store.repositoriesOf(image.id, reference.domain).filter((path) => path !== reference.path);
  const layers = new Map(manifest.layers.map((layer, index) => [layer.digest, { layer, id: shortId(image.config.rootfs.diff_ids[index] ?? layer.digest) }]));
  // as dockerd: the newest first
  const todo = [...layers.values()].toReversed();
  for (const { id } of todo) say({ status: 'Preparing', id });
  todo.slice(PARALLEL).forEach(({ id }) => say({ status: 'Waiting', id }));
  const send = async (descriptor: Descriptor, id: string | undefined, until = signal) => {
    const told = (status: string, rest: object = {}) => id !== undefined && say({ status, id, ...rest });
    const how = await repository.pushBlob(descriptor, (offset) => pieces(store.blobs.path(descriptor.digest), offset), {
      mountFrom,
      progress: (current) => told('Pushing', { current, total: descriptor.size }),
      ...(until === undefined ? {} : { signal: until }),
    });
    told({ exists: 'Layer already exists', mounted: `Mounted from ${mountFrom[0] ?? 'another repository'}`, uploaded: 'Pushed' }[how]);
  };
  await forEach(todo, (job, until) => send(job.layer, job.id, until), { limit: PARALLEL, signal });
  await send(manifest.config, undefined);
  const target: Descriptor = { mediaType: manifest.mediaType, digest, size: bytes.length };
  const others = await companions?.(target, manifest);
  const put = ({ mediaType, digest: named }: Descriptor, as: string) => repository.pushManifest(as, { mediaType, bytes: store.blobs.read(named) }, signal);
  for (const blob of others?.blobs ?? []) await send(blob, undefined);
  for (const each of others === undefined ? [] : [target, ...others.manifests]) await put(each, each.digest);
  const top = others?.index ?? target;
  await put(top, reference.tag!);
  const { index: _, ...entry } = image.entry;
  await store.name({ ...entry, target, ...(others === undefined ? {} : { index: top.digest }) }, [digestName(reference, top.digest)]);
  say({ status: `${reference.tag}: digest: ${top.digest} size: ${top.size}` });
  say({ status: '', aux: { Tag: reference.tag, Digest: top.digest, Size: top.size } });
  return top;
}

/** The image's manifest as it is, or one whose layers are packed where they were plain. */
async function sendable(
  parts: ImageParts,
  image: StoredImage,
  signal: AbortSignal | undefined,
): Promise<{ manifest: Manifest; bytes: Buffer; digest: Digest }> {
  const { store } = parts;
  const isPlain = (manifest: Manifest) => manifest.layers.some(({ mediaType }) => PLAIN_TYPES.has(mediaType));
  // one that was packed for an earlier push is known by the digest that it got there
  for (const { target } of store.entriesOf(image.id)) {
    const { manifest } = store.documents(target.digest);
    if (!isPlain(manifest)) return { manifest, bytes: store.blobs.read(target.digest), digest: target.digest };
  }
  const layers = await forEach(image.manifest.layers, async (layer, until) => (PLAIN_TYPES.has(layer.mediaType) ? pack(parts, layer, until) : layer), {
    limit: PACKERS,
    signal,
  });
  const manifest: Manifest = { ...image.manifest, layers };
  const bytes = Buffer.from(JSON.stringify(manifest));
  return { manifest, bytes, digest: await store.blobs.write(bytes, digestOf(bytes)) };
}

/**
 * A file in pieces. Who asks for the next one is done with the last: a whole piece is more than a socket or gzip takes
 * without saying that it must be waited for. The rest of a file may be on its way still.
 */
async function* pieces(path: string, start = 0): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(path, { start, highWaterMark: CHUNK }) as AsyncIterable<Buffer>) {
    yield chunk;
    if (chunk.length === CHUNK) letGo(chunk);
  }
}

async function pack({ store: { blobs } }: ImageParts, layer: Descriptor, signal: AbortSignal | undefined): Promise<Descriptor> {
  const scratch = blobs.scratch();
  const hash = createHash('sha256');
  let size = 0;
  const write = async (packed: AsyncIterable<Buffer>) => {
    await using file = await open(scratch, 'wx', 0o644);
    for await (const piece of packed) {
      hash.update(piece);
      size += piece.length;
      await file.writeFile(piece);
      letGo(piece);
    }
    await file.sync();
  };
  try {
    await pipeline(pieces(blobs.path(layer.digest)), createGzip({ level: GZIP_LEVEL, chunkSize: CHUNK }), write, signal === undefined ? {} : { signal });
    const digest: Digest = `sha256:${hash.digest('hex')}`;
    await rename(scratch, blobs.path(digest));
    return { ...layer, mediaType: `${layer.mediaType}${layer.mediaType.includes('.docker.') ? '.gzip' : '+gzip'}`, digest, size };
  } catch (error) {
    await rm(scratch, { force: true });
    throw error;
  }
}
