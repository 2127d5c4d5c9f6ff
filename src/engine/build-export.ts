/** What becomes of a build's result. */
import { EngineError } from '../base/errors.ts';
import type { BuildRequest, BuildResult, Exporter } from '../build/contract.ts';
import { familiar, tagName } from '../image/names.ts';
import { parseReference } from '../image/reference.ts';
import type { Vertex } from '../build/progress.ts';
import type { BuiltImage } from './build-image.ts';
import { mountable, viewOf } from './build-layer.ts';
import type { BuildParts } from './build-parts.ts';
import { keepImage, writeDocuments } from './image-make.ts';
import { pushImage } from './image-push.ts';
import { imageArchive } from './image-save.ts';

type Result = Pick<BuildResult, 'imageId' | 'descriptor' | 'metadata'>;

/** One result after the other; `vertex` gets what is told of each. */
export async function exportBuilt(
  parts: BuildParts,
  built: BuiltImage,
  request: BuildRequest,
  vertex: (name: string) => Vertex,
  signal: AbortSignal,
): Promise<Result> {
  let result: Result = { metadata: {} };
  for (const exporter of request.exporters ?? []) {
    if (signal.aborted) throw signal.reason;
    const one = await exportOne(parts, built, exporter, { request, vertex, signal });
    result = { ...result, ...one, metadata: { ...result.metadata, ...one.metadata } };
  }
  return result;
}

type ImageExporter = Extract<Exporter, { type: 'image' }>;
type Receiving = Exclude<Exporter, ImageExporter | { readonly type: 'cacheonly' }>;

interface ExportInput {
  readonly request: BuildRequest;
  readonly vertex: (name: string) => Vertex;
  readonly signal: AbortSignal;
}

async function exportOne(parts: BuildParts, built: BuiltImage, exporter: Exporter, input: ExportInput): Promise<Result> {
  switch (exporter.type) {
    case 'image':
      return input.vertex('exporting to image').run(() => exportImage(parts, built, exporter, input));
    case 'oci':
    case 'docker':
      return input.vertex(`exporting to ${exporter.type} image format`).run(() => exportArchive(parts, built, exporter, input));
    case 'tar':
    case 'local':
      return input
        .vertex(exporter.type === 'tar' ? 'exporting to client tarball' : 'exporting to client directory')
        .run(() => exportFiles(parts, built, exporter, input));
    default:
      return { metadata: {} };
  }
}

function fullNames(names: readonly string[]): string[] {
  return names.flatMap((name) => (name === '' ? [] : [tagName(parseReference(name))]));
}

async function exportImage(
  { engine }: BuildParts,
  { config, layers }: BuiltImage,
  { names, push = false }: ImageExporter,
  { request, signal }: ExportInput,
): Promise<Result> {
  const images = engine.images();
  const full = fullNames(names);
  const descriptors = layers.map(({ descriptor }) => descriptor);
  const id = await keepImage(images, config, descriptors, full);
  const [entry] = images.store.entriesOf(id);
  if (entry === undefined) throw new EngineError('internal', `image ${id} is gone`);
  for (const name of push ? full : []) {
    const credentials = await request.credentials?.(parseReference(name).domain, signal);
    await pushImage(images, familiar(name), { signal, ...(credentials === undefined ? {} : { credentials }) });
  }
  return { imageId: id, descriptor: entry.target, metadata: metadataOf(id, entry.target, full) };
}

async function exportArchive({ engine }: BuildParts, { config, layers }: BuiltImage, exporter: Receiving, { request, signal }: ExportInput): Promise<Result> {
  const images = engine.images();
  const names = fullNames(('names' in exporter ? exporter.names : undefined) ?? []);
  const { id, manifest, target } = await writeDocuments(
    images,
    config,
    layers.map(({ descriptor }) => descriptor),
    request.annotations,
  );
  // what no image needs is garbage from here on
  images.store.wantCollect();
  const { architecture, os, variant } = config;
  const platform = { architecture, os, ...(variant === undefined ? {} : { variant }) };
  const image = { id, manifest, manifestDigest: target.digest, config, platform, entry: { target } };
  const metadata = metadataOf(id, target, names);
  await exporter.receive(imageArchive(images.store, [{ image, names }], signal), metadata, signal);
  return { imageId: id, descriptor: target, metadata };
}

async function exportFiles(parts: BuildParts, { layers }: BuiltImage, exporter: Receiving, { signal }: ExportInput): Promise<Result> {
  const { rooted } = parts.engine.images().driver;
  const below = await mountable(
    parts,
    layers.map(({ diffId }) => diffId),
  );
  await viewOf(parts, below, undefined, (root) => exporter.receive(rooted.archive(root, '/', { contentOnly: true }), {}, signal));
  return { metadata: {} };
}

function metadataOf(
  id: string,
  target: { readonly digest: string; readonly size: number; readonly mediaType: string },
  names: readonly string[],
): Record<string, string> {
  return {
    'containerimage.config.digest': id,
    'containerimage.digest': target.digest,
    'containerimage.descriptor': Buffer.from(JSON.stringify(target)).toString('base64'),
    ...(names.length === 0 ? {} : { 'image.name': names.join(',') }),
  };
}
