/** A cache that lies in a folder of this machine: an OCI layout, whose index names the cache's manifest. */
import { createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { digestHex, isDigest, type Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { Descriptor } from '../image/contract.ts';
import type { BlobPlace } from './contract.ts';

const CHUNK = 256 << 10;

export interface CacheFolder extends BlobPlace {
  /** Of the cache's manifest. Throws `invalid` and `not-found` where there is none. */
  top(): Digest;
  named(manifest: Descriptor): Promise<void>;
}

/** Touches nothing before it is asked. */
export function cacheFolder(folder: string): CacheFolder {
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
    named: async (manifest) => {
      writeFileSync(`${folder}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
      const index = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [manifest] };
      writeFileSync(`${folder}/index.json.new`, JSON.stringify(index));
      renameSync(`${folder}/index.json.new`, `${folder}/index.json`);
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
