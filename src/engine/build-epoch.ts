/** SOURCE_DATE_EPOCH: what is made is no younger than it says (reproducible-builds.org/specs/source-date-epoch). */
import { nanoOf } from '../base/time.ts';
import { createReadStream } from 'node:fs';
import { invalid } from '../base/errors.ts';
import type { BuildRequest, LayerRef } from '../build/contract.ts';
import { copyTar } from '../tar/copy.ts';
import { plainArchive } from './archive-input.ts';
import type { BuiltImage } from './build-image.ts';
import type { BuildParts } from './build-parts.ts';
import { keepComing } from './image-make.ts';

const CHUNK = 1 << 20;
/** Seconds until the end of the year 9999: RFC 3339 knows no later time. */
const LATEST = 253_402_300_799;

/** Milliseconds since 1970: as an exporter's attribute says, else as the build argument does. Throws `invalid`. */
export function epochOf({ buildArgs, exporters }: BuildRequest): number | undefined {
  const text = exporters
    ?.map((exporter) => ('attributes' in exporter ? exporter.attributes?.['source-date-epoch'] : undefined))
    .find((each) => each !== undefined);
  const epoch = text ?? buildArgs?.['SOURCE_DATE_EPOCH'];
  if (epoch === undefined || epoch === '') return undefined;
  if (!/^\d{1,12}$/.test(epoch) || Number(epoch) > LATEST) throw invalid(`invalid SOURCE_DATE_EPOCH: ${epoch}`);
  return Number(epoch) * 1000;
}

/**
 * `rewrite-timestamp`: the image with layers whose files are no younger than the epoch. Those of its base stay as they
 * are, so that they are shared.
 */
export async function rewrittenImage(parts: BuildParts, built: BuiltImage, epoch: number, signal: AbortSignal): Promise<BuiltImage> {
  const latest = nanoOf(epoch);
  const layers: LayerRef[] = [];
  for (const [index, layer] of built.layers.entries()) {
    layers.push(index < built.baseLayers ? layer : await rewrittenLayer(parts, layer, latest, signal));
  }
  const { config } = built;
  return { ...built, layers, config: { ...config, rootfs: { ...config.rootfs, diff_ids: layers.map(({ diffId }) => diffId) } } };
}

async function rewrittenLayer(parts: BuildParts, { descriptor }: LayerRef, latest: bigint, signal: AbortSignal): Promise<LayerRef> {
  const images = parts.engine.images();
  const { blobs } = images.store;
  // one that came with a cache from elsewhere may be packed
  await using plain = await plainArchive(blobs, blobs.path(descriptor.digest), signal);
  const bytes = createReadStream(plain.path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>;
  const changed = copyTar(bytes, { mtime: (time) => (time > latest ? latest : time) });
  const kept = await keepComing(images, changed, signal);
  return { diffId: kept.digest, descriptor: kept };
}
