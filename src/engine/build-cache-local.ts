/** Caches that lie in a folder: an OCI layout of this machine's, or blobs that a client keeps in one of its own. */
import { isDigest, type Digest } from '../base/digest.ts';
import { invalid } from '../base/errors.ts';
import { cacheFolder } from '../build/cache-folder.ts';
import type { BlobPlace, CachePlace } from '../build/contract.ts';
import type { Descriptor } from '../image/contract.ts';
import { digestOf } from '../image/manifest.ts';

/** A folder's blobs, and which of them is the cache's manifest. */
export interface LocalCache extends BlobPlace {
  /** Throws `invalid` and `not-found` where there is none. */
  top(): Digest;
  /** Names the manifest, whose blob has been written. Gives what the client has to know to do so. */
  name(manifest: Descriptor, signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
}

export function localCache(place: CachePlace, use: 'src' | 'dest'): LocalCache {
  const path = place.attributes[use];
  if (path === undefined || path === '') throw invalid(`${use} is required for the ${place.type} cache`);
  const folder = place.store === undefined ? cacheFolder(path) : undefined;
  const store: BlobPlace = place.store ?? folder!;
  return {
    ...store,
    top: () => {
      if (folder !== undefined) return folder.top();
      const digest = place.attributes['digest'] ?? '';
      if (!isDigest(digest)) throw invalid('local cache importer requires explicit digest');
      return digest;
    },
    name: async (manifest, signal): Promise<Readonly<Record<string, string>>> => {
      if (store.named === undefined) return { 'cache.manifest': JSON.stringify(manifest) };
      await store.named(manifest, signal);
      return {};
    },
  };
}

/** A blob that is a document: no longer than `most` bytes, and of the digest. Throws `invalid`. */
export async function readDocument(place: BlobPlace, digest: Digest, most: number, signal: AbortSignal): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of bounded(place.read(digest, signal), most)) pieces.push(Buffer.from(piece));
  const bytes = Buffer.concat(pieces);
  if (digestOf(bytes) !== digest) throw invalid(`the cache has something else as ${digest}`);
  return bytes;
}

/** Throws `invalid` where more comes than may. */
export async function* bounded(bytes: AsyncIterable<Buffer>, most: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const piece of bytes) {
    size += piece.length;
    if (size > most) throw invalid(`the cache has a blob of more than ${most} bytes`);
    yield piece;
  }
}
