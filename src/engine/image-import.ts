/** Use case: an image of one layer from the tar of a file system. */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import type { Digest } from '../base/digest.ts';
import { invalid } from '../base/errors.ts';
import { applyChanges } from '../image/change.ts';
import type { ImageConfig, Manifest } from '../image/contract.ts';
import { digestOf, OCI_CONFIG, OCI_MANIFEST } from '../image/manifest.ts';
import { familiar, tagName } from '../image/names.ts';
import { hostPlatform, parsePlatform } from '../image/platform.ts';
import { parseReference } from '../image/reference.ts';
import { plainArchive } from './archive-input.ts';
import { tell } from './image-events.ts';
import type { ImageParts } from './image-parts.ts';
import { plainBound } from './image-pull.ts';
import type { ArchiveInput, ImportOptions } from './images-contract.ts';

export async function importImage(parts: ImageParts, input: ArchiveInput, options: ImportOptions): Promise<Digest> {
  const { store, driver } = parts;
  const { signal } = options;
  const reference = options.name === undefined ? undefined : parseReference(options.name);
  if (reference?.digest !== undefined) throw invalid('cannot import digest reference');
  const names = reference === undefined ? [] : [tagName(reference)];
  const platform = options.platform === undefined ? hostPlatform() : parsePlatform(options.platform);
  if (platform.os !== 'linux') throw invalid('operating system is not supported');
  const container = applyChanges({}, options.changes ?? []);
  using _hold = await store.hold(signal);
  await using file = await plainArchive(store.blobs, input, signal);
  const diffId = await hashOf(file.path);
  const { size } = statSync(file.path);
  await parts.once(
    diffId,
    async () => {
      if (driver.has(diffId) && store.blobs.has(diffId)) return;
      const blob = store.blobs.has(diffId) ? undefined : { partial: store.blobs.scratch(), path: store.blobs.path(diffId) };
      const request = { compression: 'none', digest: diffId, diffId, size, maxPlainSize: plainBound(size), blob } as const;
      const progress = (current: number) => options.onProgress?.({ status: 'Importing', current, total: size });
      await driver.ingestFile(request, { path: file.path }, { progress, ...(signal === undefined ? {} : { signal }) });
    },
    signal,
  );
  const created = new Date().toISOString();
  const config: ImageConfig = {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    created,
    comment: options.message ?? 'Imported from -',
    config: container,
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created, comment: options.message ?? 'Imported from -' }],
  };
  const configBytes = Buffer.from(JSON.stringify(config));
  const id = await store.blobs.write(configBytes);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest: id, size: configBytes.length },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: diffId, size }],
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  await store.blobs.write(bytes);
  const facts = store.factsOf(manifest, config, (layer) => driver.contentSize(layer));
  const target = { mediaType: manifest.mediaType, digest: digestOf(bytes), size: bytes.length };
  await store.name({ target, facts, tagged: names.length === 0 ? undefined : created }, names);
  for (const name of names) tell(parts, 'tag', id, familiar(name), id);
  tell(parts, 'import', id, id, id);
  options.onProgress?.({ status: id });
  return id;
}

async function hashOf(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}
