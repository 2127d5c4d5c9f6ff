/** How much a container has written, and how much its whole root file system has, as Docker counts: lengths of files. */
import type { ContainerRecord } from './container-record.ts';
import { OWN_MARKS } from './own-places.ts';
import type { EngineParts } from './parts.ts';

export interface ContainerSizes {
  /** Bytes in its writable layer. */
  readonly rw: number;
  /** With its image's layers. */
  readonly rootFs: number;
}

/** Both are 0 where the root file system is a folder of the host, which nobody walks over for this. */
export async function containerSizes(parts: EngineParts, { id, image }: Pick<ContainerRecord, 'id' | 'image'>): Promise<ContainerSizes> {
  if (image === undefined) return { rw: 0, rootFs: 0 };
  const { driver } = parts.images();
  const rw = (await driver.writableUsage(id, { without: OWN_MARKS })).contentSize;
  return { rw, rootFs: image.layers.reduce((sum, layer) => sum + driver.contentSize(layer), rw) };
}
