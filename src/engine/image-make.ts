/** Images that are made here: a layer of a plain tar, and the documents around it. */
import { createHash } from 'node:crypto';
import { createReadStream, rmSync, statSync } from 'node:fs';
import type { Digest } from '../base/digest.ts';
import type { Descriptor, ImageConfig, Manifest } from '../image/contract.ts';
import { digestOf, OCI_CONFIG, OCI_MANIFEST } from '../image/manifest.ts';
import { familiar } from '../image/names.ts';
import { tell } from './image-events.ts';
import type { ImageParts } from './image-parts.ts';
import { plainBound } from './image-pull.ts';

const PLAIN_LAYER = 'application/vnd.oci.image.layer.v1.tar';

export interface KeepOptions {
  readonly progress?: (current: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Keeps a plain tar as a blob and as a layer to run. Throws as `SnapshotDriver.ingestFile`. */
export async function keepLayer(parts: ImageParts, path: string, { progress = () => {}, signal }: KeepOptions = {}): Promise<Descriptor> {
  const { store, driver } = parts;
  const diffId = await hashOf(path);
  const { size } = statSync(path);
  await parts.once(
    diffId,
    async () => {
      if (driver.has(diffId) && store.blobs.has(diffId)) return;
      const blob = store.blobs.has(diffId) ? undefined : { partial: store.blobs.scratch(), path: store.blobs.path(diffId) };
      const request = { compression: 'none', digest: diffId, diffId, size, maxPlainSize: plainBound(size), blob } as const;
      await driver.ingestFile(request, { path }, { progress: (current) => progress(current, size), ...(signal === undefined ? {} : { signal }) });
    },
    signal,
  );
  return { mediaType: PLAIN_LAYER, digest: diffId, size };
}

/** Keeps a plain tar as it comes. Throws what the tar throws, and as `SnapshotDriver.ingest`. */
export async function keepComing({ store: { blobs }, driver }: ImageParts, tar: AsyncIterable<Buffer>, signal?: AbortSignal): Promise<Descriptor> {
  const partial = blobs.scratch();
  try {
    await using ingest = await driver.ingest(
      { compression: 'none', blob: { partial, path: (digest) => blobs.path(digest) } },
      signal === undefined ? {} : { signal },
    );
    for await (const chunk of tar) await ingest.write(chunk);
    const { digest, size } = await ingest.finish();
    return { mediaType: PLAIN_LAYER, digest, size };
  } finally {
    rmSync(partial, { force: true });
  }
}

/**
 * Writes the documents of an image whose layers are all there, and names it (full names; none: it is dangling). Gives its
 * id. `event`: what is told of it before its names are.
 */
export async function keepImage(
  parts: ImageParts,
  config: ImageConfig,
  layers: readonly Descriptor[],
  names: readonly string[],
  event?: 'create',
): Promise<Digest> {
  const { store, driver } = parts;
  const { id, manifest, target } = await writeDocuments(parts, config, layers);
  const facts = store.factsOf(manifest, config, (layer) => driver.contentSize(layer));
  await store.name({ target, facts, tagged: names.length === 0 ? undefined : config.created }, names);
  if (event !== undefined) tell(parts, event, id, id, id);
  for (const name of names) tell(parts, 'tag', id, familiar(name), id);
  return id;
}

/** The documents of an image, as blobs: its config and its manifest. */
export async function writeDocuments(
  { store }: ImageParts,
  config: ImageConfig,
  layers: readonly Descriptor[],
  annotations?: Readonly<Record<string, string>>,
): Promise<{ readonly id: Digest; readonly manifest: Manifest; readonly target: Descriptor }> {
  const configBytes = Buffer.from(JSON.stringify(config));
  const id = await store.blobs.write(configBytes);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest: id, size: configBytes.length },
    layers,
    ...(annotations === undefined ? {} : { annotations }),
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  await store.blobs.write(bytes);
  return { id, manifest, target: { mediaType: manifest.mediaType, digest: digestOf(bytes), size: bytes.length } };
}

async function hashOf(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}
