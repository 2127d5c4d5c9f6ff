/** Use case: what takes how much room. */
import { invalid } from '../base/errors.ts';
import type { CacheRecord } from '../build/contract.ts';
import { cacheUsage } from './build-gc.ts';
import { listContainers } from './container-list.ts';
import { listImages } from './image-list.ts';
import type { EngineParts } from './parts.ts';
import { imageSummary } from './types/image-document.ts';
import type { DiskUsage } from './types/system-answers.ts';
import { volumeUsage } from './volume-list.ts';

const TYPES = ['container', 'image', 'volume', 'build-cache'];

/** Of the types that are named, or of all. Throws `invalid` for another type. */
export async function diskUsage(parts: EngineParts, types: readonly string[] = []): Promise<DiskUsage> {
  for (const type of types) if (!TYPES.includes(type)) throw invalid(`unknown object type: ${type}`);
  const wants = (type: string) => types.length === 0 || types.includes(type);
  const images = parts.images();
  return {
    LayersSize: wants('image') ? images.driver.list().reduce((sum, layer) => sum + images.driver.contentSize(layer), 0) : 0,
    Images: wants('image') ? listImages(images, { sharedSize: true }).map((line) => imageSummary(line, line.containers)) : null,
    Containers: wants('container') ? await listContainers(parts, { all: true, size: true }) : null,
    Volumes: wants('volume') ? await volumeUsage(parts) : null,
    BuildCache: wants('build-cache') ? (await cacheUsage(parts.builds())).map(cacheDocument) : null,
  };
}

/** As Docker's API has it (build.CacheRecord). */
export function cacheDocument({ id, parents, type, description, inUse, shared, size, createdAt, lastUsedAt, usageCount }: CacheRecord): object {
  return {
    ID: id,
    ...(parents.length === 0 ? {} : { Parents: parents }),
    Type: type,
    Description: description,
    InUse: inUse,
    Shared: shared,
    Size: size,
    CreatedAt: new Date(createdAt).toISOString(),
    LastUsedAt: lastUsedAt === undefined ? null : new Date(lastUsedAt).toISOString(),
    UsageCount: usageCount,
  };
}
