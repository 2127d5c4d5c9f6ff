/** Use case: what a container has changed on its image. */
import { EngineError } from '../base/errors.ts';
import type { ContainerImage } from './container-root.ts';
import type { ContainerRecord } from './container-record.ts';
import { withoutOwnPlaces } from './own-places.ts';
import type { EngineParts } from './parts.ts';
import type { FilesystemChange } from './types/container-answers.ts';

const KINDS = { modified: 0, added: 1, deleted: 2 } as const;

export async function containerChanges(parts: EngineParts, record: ContainerRecord): Promise<readonly FilesystemChange[]> {
  const { layers } = imageLayers(record);
  const changes = await parts.images().driver.changes(layers, record.id);
  return withoutOwnPlaces(changes.map(({ kind, path }) => ({ Path: path.toString(), Kind: KINDS[kind] })));
}

/** Throws `conflict` for a container on a folder: there is nothing to compare it with. */
export function imageLayers({ name, image, rootfs }: ContainerRecord): ContainerImage {
  if (image !== undefined) return image;
  throw new EngineError('conflict', `container ${name} has no image: its root file system is the folder ${rootfs}`, {
    hint: 'its export gives its files, and an import of that an image',
  });
}
