/** What becomes of a build's result. */
import { platformOf } from '../image/platform.ts';
import { nanoOf } from '../base/time.ts';
import { parseBool } from '../base/parse-bool.ts';
import { basename } from 'node:path/posix';
import { EngineError } from '../base/errors.ts';
import type { BuildRequest, BuildResult, Exporter, Provenance } from '../build/contract.ts';
import type { Digest } from '../base/digest.ts';
import type { Descriptor, Manifest } from '../image/contract.ts';
import { familiar, tagName } from '../image/names.ts';
import { parseReference } from '../image/reference.ts';
import type { Vertex } from '../build/progress.ts';
import { copyTar } from '../tar/copy.ts';
import { AttestedFiles, attestedImage } from './build-attest.ts';
import { rewrittenImage } from './build-epoch.ts';
import type { BuiltImage } from './build-image.ts';
import { mountable, viewOf } from './build-layer.ts';
import type { BuildParts } from './build-parts.ts';
import { keepImage, writeDocuments } from './image-make.ts';
import type { OnProgress } from './images-contract.ts';
import { pushImage, type MakeCompanions } from './image-push.ts';
import { imageArchive } from './image-save.ts';

type Result = Pick<BuildResult, 'imageId' | 'descriptor' | 'metadata'>;

/** One result after the other. */
export async function exportBuilt(parts: BuildParts, built: BuiltImage, input: ExportInput): Promise<Result> {
  let result: Result = { metadata: {} };
  for (const exporter of input.request.exporters ?? []) {
    if (input.signal.aborted) throw input.signal.reason;
    const one = await exportOne(parts, built, exporter, input);
    result = { ...result, ...one, metadata: { ...result.metadata, ...one.metadata } };
  }
  return result;
}

type ImageExporter = Extract<Exporter, { type: 'image' }>;
type Attest = (layers: Manifest['layers']) => Provenance;
type ImageInput = ExportInput & { readonly attest: Attest | undefined };
type Receiving = Exclude<Exporter, ImageExporter | { readonly type: 'cacheonly' }>;

export interface ExportInput {
  readonly request: BuildRequest;
  /** SOURCE_DATE_EPOCH, in milliseconds. */
  readonly epoch: number | undefined;
  /** Makes what is told of where it comes from, with the layers that a result has instead of those that were made; undefined: nothing is told. */
  readonly provenance: ((layers: ReadonlyMap<Digest, Descriptor>) => Provenance) | undefined;
  /** Gets what is told of a result. */
  readonly vertex: (name: string) => Vertex;
  readonly signal: AbortSignal;
}

async function exportOne(parts: BuildParts, image: BuiltImage, exporter: Exporter, input: ExportInput): Promise<Result> {
  const { epoch, provenance, signal } = input;
  const rewrite = epoch !== undefined && 'attributes' in exporter && isOn(exporter.attributes, 'rewrite-timestamp');
  const built = rewrite && exporter.type !== 'local' && exporter.type !== 'tar' ? await rewrittenImage(parts, image, epoch, signal) : image;
  // an exporter says it of the layers of its manifest: those that were made may be packed there, or rewritten
  const attest: Attest | undefined =
    provenance && ((layers) => provenance(new Map(image.layers.map(({ descriptor }, at) => [descriptor.digest, layers[at]!]))));
  const told = { ...input, attest };
  switch (exporter.type) {
    case 'image': {
      const shown = input.vertex('exporting to image');
      return shown.run(() => exportImage(parts, built, exporter, told, shown));
    }
    case 'oci':
    case 'docker':
      return input.vertex(`exporting to ${exporter.type} image format`).run(() => exportArchive(parts, built, exporter, told));
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
  { request, attest, signal }: ImageInput,
  vertex: Vertex,
): Promise<Result> {
  const images = engine.images();
  const full = fullNames(names);
  const descriptors = layers.map(({ descriptor }) => descriptor);
  const id = await keepImage(images, config, descriptors, full);
  const [entry] = images.store.entriesOf(id);
  if (entry === undefined) throw new EngineError('internal', `image ${id} is gone`);
  let { target } = entry;
  const platform = platformOf(config);
  const companions: MakeCompanions | undefined =
    attest && ((image, manifest) => attestedImage(images, image, { platform, names: full, provenance: attest(manifest.layers) }));
  for (const name of push ? full : []) {
    const credentials = await request.credentials?.(parseReference(name).domain, signal);
    const onProgress: OnProgress = ({ id, current, total = 0 }) => {
      if (id !== undefined && current !== undefined) vertex.note({ kind: 'status', id: `pushing layer ${id}`, current, total, done: current === total });
    };
    target = await pushImage(images, familiar(name), { credentials, signal, onProgress }, companions).catch((error: unknown) => {
      if (!(error instanceof EngineError) || error.kind === 'cancelled') throw error;
      throw new EngineError(error.kind, `failed to push ${familiar(name)}: ${error.message}`, { cause: error });
    });
  }
  return { imageId: id, descriptor: target, metadata: metadataOf(id, target, full) };
}

async function exportArchive({ engine }: BuildParts, { config, layers }: BuiltImage, exporter: Receiving, input: ImageInput): Promise<Result> {
  const { request, attest, signal } = input;
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
  const platform = platformOf(config);
  // what loads Docker's form knows no index
  const provenance = exporter.type === 'oci' ? attest?.(manifest.layers) : undefined;
  const companions = provenance && (await attestedImage(images, target, { platform, names, provenance }));
  const top = companions?.index ?? target;
  const image = { id, manifest, manifestDigest: target.digest, config, platform, entry: { target } };
  const metadata = metadataOf(id, top, names);
  await exporter.receive(imageArchive(images.store, [{ image, names, companions }], signal), metadata, signal);
  return { imageId: id, descriptor: top, metadata };
}

async function exportFiles(
  parts: BuildParts,
  { layers }: BuiltImage,
  exporter: Receiving,
  { request, epoch, provenance, signal }: ExportInput,
): Promise<Result> {
  const { rooted } = parts.engine.images().driver;
  const below = await mountable(
    parts,
    layers.map(({ diffId }) => diffId),
  );
  const wish = request.provenance;
  const told = provenance !== undefined && wish?.inlineOnly === false ? new AttestedFiles() : undefined;
  const name = `${exporter.attributes?.['attestation-prefix'] ?? ''}${basename(wish?.filename ?? '')}`;
  const files = (root: string): AsyncIterable<Buffer> => {
    const archive = rooted.archive(root, '/', { contentOnly: true });
    if (epoch === undefined && told === undefined) return archive;
    return copyTar(archive, {
      ...(epoch === undefined ? {} : { mtime: () => nanoOf(epoch) }),
      watch: told,
      more: () => (told === undefined ? [] : [told.document(name, provenance!(new Map()), epoch ?? Date.now())]),
    });
  };
  await viewOf(parts, below, undefined, (root) => exporter.receive(files(root), {}, signal));
  return { metadata: {} };
}

/** As Go reads it; what is neither is off. */
function isOn(attributes: Readonly<Record<string, string>> | undefined, name: string): boolean {
  return parseBool((attributes?.[name] ?? '').toLowerCase()) === true;
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
