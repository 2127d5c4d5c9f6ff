/** Caches that lie in a folder: an OCI layout of this machine's, or blobs that a client keeps in one of its own. */
import { createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { digestHex, isDigest, type Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { BlobPlace, CachePlace } from '../build/contract.ts';
import type { Descriptor } from '../image/contract.ts';
import { digestOf, OCI_INDEX } from '../image/manifest.ts';

/** A folder's blobs, and which of them is the cache's manifest. */
export interface LocalCache extends BlobPlace {
  /** Throws `invalid` and `not-found` where there is none. */
  top(): Digest;
  /** Names the manifest, whose blob has been written. Gives what the client has to know to do so. */
  name(manifest: Descriptor): Readonly<Record<string, string>>;
}

const CHUNK = 256 << 10;

export function localCache(place: CachePlace, use: 'src' | 'dest'): LocalCache {
  const path = place.attributes[use];
  if (path === undefined || path === '') throw invalid(`${use} is required for the ${place.type} cache`);
  if (place.store === undefined) return folderCache(path);
  return {
    ...place.store,
    top: () => {
      const digest = place.attributes['digest'] ?? '';
      if (!isDigest(digest)) throw invalid('local cache importer requires explicit digest');
      return digest;
    },
    // the client keeps the index
    name: (manifest) => ({ 'cache.manifest': JSON.stringify(manifest) }),
  };
}

function folderCache(folder: string): LocalCache {
  const blobs = `${folder}/blobs/sha256`;
  const pathOf = (digest: Digest): string => `${blobs}/${digestHex(digest)}`;
  return {
    top: () => {
      const { manifests } = indexOf(`${folder}/index.json`);
      const digest = manifests?.[0]?.digest ?? '';
      if (!isDigest(digest)) throw invalid(`${folder} has no cache`);
      return digest;
    },
    read: (digest) => createReadStream(pathOf(digest), { highWaterMark: CHUNK }) as AsyncIterable<Buffer>,
    write: async ({ digest }, bytes, signal) => {
      mkdirSync(blobs, { recursive: true });
      const path = pathOf(digest);
      if (existsSync(path)) return;
      try {
        await pipeline(bytes, createWriteStream(`${path}.new`), { signal });
        renameSync(`${path}.new`, path);
      } finally {
        rmSync(`${path}.new`, { force: true });
      }
    },
    name: (manifest) => {
      writeFileSync(`${folder}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
      writeFileSync(`${folder}/index.json.new`, JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [manifest] }));
      renameSync(`${folder}/index.json.new`, `${folder}/index.json`);
      return {};
    },
  };
}

function indexOf(path: string): { readonly manifests?: readonly { readonly digest?: string }[] } {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as object;
  } catch (error) {
    throw new EngineError('not-found', `could not read ${path}: ${(error as Error).message}`, { cause: error });
  }
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
