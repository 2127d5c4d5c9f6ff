/** Use case: images from an archive: `docker save`'s of any age, or an OCI layout in a tar. */
import { EngineError, invalid } from '../base/errors.ts';
import { forEach } from '../base/for-each.ts';
import { ArchiveIndex } from '../image/archive-scan.ts';
import { parseImageConfig, parseManifest, requireImage } from '../image/manifest.ts';
import { familiar } from '../image/names.ts';
import { formatPlatform, parsePlatform, platformMatches } from '../image/platform.ts';
import { imagesIn, packingOf, type Found } from './archive-images.ts';
import { plainArchive } from './archive-input.ts';
import { tell } from './image-events.ts';
import type { ImageParts } from './image-parts.ts';
import { plainBound, shortId } from './image-pull.ts';
import { machinePlatform } from './machine-platform.ts';
import type { ArchiveInput, Images, LoadedImage, OnProgress } from './images-contract.ts';

export async function loadImages(parts: ImageParts, input: ArchiveInput, options: NonNullable<Parameters<Images['load']>[1]>): Promise<readonly LoadedImage[]> {
  using _hold = await parts.store.hold(options.signal);
  await using file = await plainArchive(parts.store.blobs, input, options.signal);
  const archive = await ArchiveIndex.read(file.path, options.signal);
  const wanted = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const all = await imagesIn(archive, wanted ?? machinePlatform(), options.signal);
  const images = wanted === undefined ? all : all.filter(({ platform }) => platformMatches(platform, wanted));
  if (images.length === 0) throw new EngineError('not-found', `the archive has no image for the platform ${formatPlatform(wanted!)}`);
  const say: OnProgress = options.onProgress ?? (() => {});
  if (images.some(({ platform }) => platform.os === 'windows')) throw invalid('cannot load windows image on linux');
  const out: LoadedImage[] = [];
  for (const image of images) out.push(await store(parts, archive, image, say, options.signal));
  return out;
}

async function store(parts: ImageParts, archive: ArchiveIndex, image: Found, say: OnProgress, signal: AbortSignal | undefined): Promise<LoadedImage> {
  const { store: images, driver } = parts;
  const { blobs } = images;
  const manifest = requireImage(parseManifest(image.manifestBytes, image.mediaType));
  const config = parseImageConfig(image.configBytes, manifest.layers.length);
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
  await images.name({ target: { mediaType: manifest.mediaType, digest, size: image.manifestBytes.length }, facts }, [...image.names]);
  const names = Array.from(image.names, familiar);
  for (const name of names) say({ status: `Loaded image: ${name}` });
  if (names.length === 0) say({ status: `Loaded image ID: ${facts.id}` });
  tell(parts, 'load', facts.id, facts.id, facts.id);
  return { id: facts.id, names };
}
