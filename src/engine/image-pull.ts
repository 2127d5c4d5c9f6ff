/** Use case: an image from a registry, its layers in parallel, each ready to run when it has come. */
import { rm } from 'node:fs/promises';
import { digestHex, type Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { forEach } from '../base/for-each.ts';
import { letGo } from '../base/memory.ts';
import type { Descriptor, ImageConfig, Manifest, Reference, Repository } from '../image/contract.ts';
import { parseImageConfig, selectImage } from '../image/manifest.ts';
import { digestName, tagName } from '../image/names.ts';
import { choosePlatform, hostPlatform, parsePlatform, platformMatches } from '../image/platform.ts';
import { familiarName, familiarReference, parseReference, withDefaultTag } from '../image/reference.ts';
import type { LayerRequest } from '../snapshot/contract.ts';
import { fetchBlob, readBlob } from './blob-fetch.ts';
import { tell } from './image-events.ts';
import { wrongPlatform } from './image-list.ts';
import type { ImageParts } from './image-parts.ts';
import { machinePlatform } from './machine-platform.ts';
import type { OnProgress, PulledImage, PullOptions } from './images-contract.ts';

/** As dockerd's max-concurrent-downloads. */
const PARALLEL = 3;
/** The plain tar may be so many times as long as what arrives: deflate's own limit is 1,032. */
const MAX_RATIO = 1032;
const SMALL = 64 << 20;

interface WantedPull extends PullOptions {
  /** Also what no container here can be made of: a build may copy from it. */
  readonly anySystem?: boolean;
}

export async function pullImage(parts: ImageParts, name: string, options: WantedPull): Promise<readonly PulledImage[]> {
  const { tag, ...untagged } = parseReference(name);
  // a tag beside a digest says nothing: the registry may have moved it since
  const reference: Reference = untagged.digest === undefined && tag !== undefined ? { ...untagged, tag } : untagged;
  if (options.allTags && (tag ?? untagged.digest) !== undefined) throw invalid("tag can't be used with --all-tags/-a");
  if (options.platform !== undefined) parsePlatform(options.platform); // before anybody is asked
  const wanted = options.allTags ? reference : withDefaultTag(reference);
  const repository = await parts.registry.open(wanted, { actions: ['pull'], credentials: options.credentials, signal: options.signal });
  using _hold = await parts.store.hold(options.signal);
  const out: PulledImage[] = [];
  const tags = options.allTags ? await repository.tags(options.signal) : undefined;
  for (const one of tags?.map((tag) => ({ ...reference, tag })) ?? [wanted]) out.push(await pullOne(parts, repository, one, options));
  const status = out.every(({ upToDate }) => upToDate) ? 'Image is up to date for' : 'Downloaded newer image for';
  options.onProgress?.({ status: `Status: ${status} ${familiarReference(wanted)}` });
  warnOfPlatform(parts, wanted, out, options);
  tell(parts, 'pull', familiarReference(wanted), familiarName(wanted), out.at(-1)?.id);
  return out;
}

/** What a registry has for one platform only comes, whatever was asked for: as dockerd, with a warning. */
function warnOfPlatform({ store }: ImageParts, reference: Reference, pulled: readonly PulledImage[], { platform, onProgress }: PullOptions): void {
  if (platform === undefined) return;
  const wanted = parsePlatform(platform);
  for (const { id } of pulled) {
    const has = store.entriesOf(id)[0]?.facts.platform;
    if (has === undefined || platformMatches(has, wanted)) continue;
    onProgress?.({ status: `WARNING: ${wrongPlatform(familiarReference(reference), has, wanted).message}` });
  }
}

async function pullOne(parts: ImageParts, repository: Repository, reference: Reference, options: WantedPull): Promise<PulledImage> {
  const { store, driver } = parts;
  const { signal } = options;
  const say: OnProgress = options.onProgress ?? (() => {});
  const wanted = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const top = await repository.manifest(reference.digest ?? reference.tag!, signal);
  say({ status: `Pulling from ${familiarPath(reference)}`, id: reference.digest === undefined ? reference.tag : familiarReference(reference) });
  const choose = (entries: readonly Descriptor[]) => choosePlatform(entries, wanted ?? machinePlatform(), wanted ?? hostPlatform());
  const fetch = ({ digest }: Descriptor) => repository.manifest(digest, signal);
  const { raw, manifest } = await selectImage(top, choose, fetch, familiarReference(reference));
  const configBytes = await fetchConfig(parts, repository, manifest.config, signal);
  const config = parseImageConfig(configBytes, manifest.layers.length);
  if (config.os !== 'linux' && config.os !== '' && options.anySystem !== true)
    throw invalid(`image operating system ${JSON.stringify(config.os)} cannot be used on this platform: operating system is not supported`);
  await pullLayers(parts, repository, manifest, config, say, signal);
  await store.blobs.write(configBytes, manifest.config.digest);
  await store.blobs.write(raw.bytes, raw.descriptor.digest);
  const index = top === raw ? undefined : await store.blobs.write(top.bytes, top.descriptor.digest);
  const digest = top.descriptor.digest;
  const names = [digestName(reference, digest), ...(reference.digest === undefined ? [tagName(reference)] : [])];
  const facts = store.factsOf(manifest, config, (diffId) => driver.contentSize(diffId));
  // as dockerd: the same image under the same name is nothing new, however the registry packs it
  const upToDate = store.entriesOf(facts.id).some((entry) => entry.name === names.at(-1));
  await store.name({ target: raw.descriptor, facts, index }, names);
  say({ status: `Digest: ${digest}` });
  return { id: facts.id, digest, upToDate };
}

function familiarPath(reference: Reference): string {
  return reference.domain === 'docker.io' ? reference.path : `${reference.domain}/${reference.path}`.replace(/^[^/]+\//, '');
}

/** A small blob, verified: a config. */
async function fetchConfig(parts: ImageParts, repository: Repository, descriptor: Descriptor, signal: AbortSignal | undefined): Promise<Buffer> {
  const { blobs } = parts.store;
  if (blobs.has(descriptor.digest)) {
    try {
      return blobs.read(descriptor.digest);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error; // it has rotted
    }
  }
  const bytes = await readBlob(repository, descriptor, signal);
  await blobs.write(bytes, descriptor.digest);
  return bytes;
}

async function pullLayers(
  parts: ImageParts,
  repository: Repository,
  manifest: Manifest,
  config: ImageConfig,
  say: OnProgress,
  signal: AbortSignal | undefined,
): Promise<void> {
  const jobs = new Map(manifest.layers.map((descriptor, index) => [descriptor.digest, { descriptor, diffId: config.rootfs.diff_ids[index]! }]));
  const ready = ({ descriptor, diffId }: Job) => parts.driver.has(diffId) && parts.store.blobs.has(descriptor.digest);
  const todo = largestFirst([...jobs.values()].filter((job) => !ready(job)));
  // of an image that is here dockerd does not look at the layers
  const isKnown = todo.length === 0 && parts.store.entriesOf(manifest.config.digest).length > 0;
  for (const job of isKnown ? [] : jobs.values())
    say({ status: todo.includes(job) ? 'Pulling fs layer' : 'Already exists', id: shortId(job.descriptor.digest) });
  todo.slice(PARALLEL).forEach(({ descriptor }) => say({ status: 'Waiting', id: shortId(descriptor.digest) }));
  await forEach(
    todo,
    async (job, all) => {
      await parts.once(job.descriptor.digest, () => pullLayer(parts, repository, job, say, all), all);
      say({ status: 'Pull complete', id: shortId(job.descriptor.digest) });
    },
    { limit: PARALLEL, signal },
  );
}

interface Job {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

/** What takes longest must not be what begins last: then nothing else would be left to do meanwhile. */
export function largestFirst<T extends { readonly descriptor: Pick<Descriptor, 'size'> }>(jobs: readonly T[]): T[] {
  return jobs.toSorted((a, b) => b.descriptor.size - a.descriptor.size);
}

/** A registry's limit is `exhausted` too. */
export function isFullDisk(error: unknown): boolean {
  return error instanceof EngineError && error.kind === 'exhausted' && error.message.includes('no space left on device');
}

/** A full disk does not get emptier by what is kept to go on from. */
async function pullLayer(...args: Parameters<typeof takeLayer>): Promise<void> {
  try {
    await takeLayer(...args);
  } catch (error) {
    const [{ store }, , { descriptor }] = args;
    if (isFullDisk(error)) await rm(store.blobs.partial(descriptor.digest), { force: true });
    throw error;
  }
}

async function takeLayer(parts: ImageParts, repository: Repository, { descriptor, diffId }: Job, say: OnProgress, signal: AbortSignal): Promise<void> {
  const { driver, store } = parts;
  const { blobs } = store;
  const { digest, size } = descriptor;
  const id = shortId(digest);
  const blob = { partial: blobs.partial(digest), path: blobs.path(digest) };
  if (driver.has(diffId) && blobs.has(digest)) return; // another process was quicker
  if (driver.has(diffId)) {
    await fetchBlob(repository, descriptor, blob, (current) => say({ status: 'Downloading', id, current, total: size }), signal);
    return say({ status: 'Download complete', id });
  }
  const request: LayerRequest = { compression: 'auto', digest, size, diffId, maxPlainSize: plainBound(size) };
  const extracting = (current: number) => say({ status: 'Extracting', id, current, total: size });
  if (blobs.has(digest)) {
    try {
      await driver.ingestFile(request, { path: blobs.path(digest) }, { progress: extracting, signal });
      return;
    } catch (error) {
      if (!(error instanceof EngineError) || error.kind !== 'invalid') throw error;
      await blobs.delete(digest); // it has rotted
    }
  }
  let received = 0;
  await using ingest = await driver.ingest({ ...request, blob }, { signal, progress: (taken) => received >= size && extracting(taken) });
  received = ingest.resumeAt;
  const stream = await repository.blob(descriptor, { offset: ingest.resumeAt, signal });
  for await (const chunk of stream) {
    received += chunk.length;
    say({ status: 'Downloading', id, current: received, total: size });
    await ingest.write(chunk);
    letGo(chunk);
  }
  say({ status: 'Verifying Checksum', id });
  say({ status: 'Download complete', id });
  await ingest.finish();
}

/** How long a layer's plain tar may get, in bytes. */
export function plainBound(size: number): number {
  return Math.max(size * MAX_RATIO, SMALL);
}

/** As Docker names a layer in its progress. */
export function shortId(digest: Digest): string {
  return digestHex(digest).slice(0, 12);
}
