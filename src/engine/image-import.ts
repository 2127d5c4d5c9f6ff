/** Use case: an image of one layer from the tar of a file system. */
import type { Digest } from '../base/digest.ts';
import { invalid } from '../base/errors.ts';
import { withoutCredentials } from '../base/url-credentials.ts';
import { applyChanges } from '../build/dockerfile/changes.ts';
import type { ImageConfig } from '../image/contract.ts';
import { tagName } from '../image/names.ts';
import { hostPlatform, parsePlatform, platformOf } from '../image/platform.ts';
import { parseReference } from '../image/reference.ts';
import { plainArchive } from './archive-input.ts';
import { download } from './image-download.ts';
import { tell } from './image-events.ts';
import type { ImageParts } from './image-parts.ts';
import { keepImage, keepLayer } from './image-make.ts';
import type { ImportInput, ImportOptions } from './images-contract.ts';

export async function importImage(parts: ImageParts, input: ImportInput, options: ImportOptions): Promise<Digest> {
  const { store } = parts;
  const { signal } = options;
  const reference = options.name === undefined ? undefined : parseReference(options.name);
  if (reference?.digest !== undefined) throw invalid('cannot import digest reference');
  const names = reference === undefined ? [] : [tagName(reference)];
  const platform = options.platform === undefined ? hostPlatform() : parsePlatform(options.platform);
  if (platform.os !== 'linux') throw invalid('operating system is not supported');
  const container = applyChanges({}, options.changes ?? []);
  using _hold = await store.hold(signal);
  await using file = await plainArchive(store.blobs, input instanceof URL ? await download(input, options.onProgress, signal) : input, signal);
  const layer = await keepLayer(parts, file.path, { progress: (current, total) => options.onProgress?.({ status: 'Importing', current, total }), signal });
  const message = options.message ?? `Imported from ${input instanceof URL ? withoutCredentials(input.href) : '-'}`;
  const created = new Date().toISOString();
  const config: ImageConfig = {
    ...platformOf(platform),
    created,
    comment: message,
    config: container,
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
    history: [{ created, comment: message }],
  };
  const id = await keepImage(parts, config, [layer], names);
  tell(parts, 'import', id, id, id);
  options.onProgress?.({ status: id });
  return id;
}
