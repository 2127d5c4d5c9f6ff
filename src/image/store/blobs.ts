/** Blobs of an OCI image layout (image-layout.md, "Blobs"): each named by its digest, and whole because it has that name. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { digestHex, type Digest } from '../../base/digest.ts';
import { EngineError, invalid } from '../../base/errors.ts';
import { fileStamp } from '../../base/file-stamp.ts';
import { uniqueName } from '../../base/unique-name.ts';
import { digestOf, MAX_CONFIG } from '../manifest.ts';

export class BlobStore {
  /** The layout's folder. */
  readonly root: string;
  readonly #blobs: string;
  readonly #ingest: string;

  /** `ingest` is where what is not whole yet lies; on the same file system. Makes what is missing. */
  constructor(root: string, ingest: string) {
    this.root = root;
    this.#blobs = `${root}/blobs/sha256`;
    this.#ingest = ingest;
    mkdirSync(this.#blobs, { recursive: true, mode: 0o711 });
    mkdirSync(ingest, { recursive: true, mode: 0o700 });
    if (existsSync(`${root}/oci-layout`)) return;
    const scratch = this.scratch();
    writeFileSync(scratch, '{"imageLayoutVersion":"1.0.0"}');
    renameSync(scratch, `${root}/oci-layout`);
  }

  path(digest: Digest): string {
    return `${this.#blobs}/${digestHex(digest)}`;
  }

  /** Where a blob grows until it is whole. */
  partial(digest: Digest): string {
    return `${this.#ingest}/${digestHex(digest)}`;
  }

  /** Locked by whoever writes to `partial`. */
  lock(digest: Digest): string {
    return `${this.partial(digest)}.lock`;
  }

  /** A name for something on its way whose digest is not known yet. */
  scratch(): string {
    return `${this.#ingest}/new-${uniqueName()}`;
  }

  has(digest: Digest): boolean {
    return existsSync(this.path(digest));
  }

  size(digest: Digest): number | undefined {
    return statSync(this.path(digest), { throwIfNoEntry: false })?.size;
  }

  /** Changes with the file, and is '' where there is none: as a whole file has its name, what was read of it is still true. */
  stamp(digest: Digest): string {
    return fileStamp(this.path(digest)) ?? '';
  }

  /** A document, verified: what lies on a disk may have rotted. Throws `not-found`, or `internal` for a damaged one. */
  read(digest: Digest): Buffer {
    const size = this.size(digest);
    if (size === undefined) throw new EngineError('not-found', `blob ${digest} is not in the store`);
    if (size > MAX_CONFIG) throw invalid(`blob ${digest} is no document: it has ${size} bytes`);
    const bytes = readFileSync(this.path(digest));
    if (digestOf(bytes) !== digest)
      throw new EngineError('internal', `blob ${digest} is damaged`, { hint: `remove ${this.path(digest)} and pull the image again` });
    return bytes;
  }

  /** Keeps a document, also in place of one that has rotted. Throws `invalid` where it is not what `expected` says. */
  async write(bytes: Uint8Array, expected?: Digest): Promise<Digest> {
    const digest = digestOf(bytes);
    if (expected !== undefined && digest !== expected) throw invalid(`digest ${expected} was expected, but the content has ${digest}`);
    if (!this.#isWhole(digest, bytes)) await writeWhole(this.path(digest), bytes, `${this.scratch()}.json`);
    return digest;
  }

  #isWhole(digest: Digest, bytes: Uint8Array): boolean {
    return this.size(digest) === bytes.length && readFileSync(this.path(digest)).equals(bytes);
  }

  /** Not synchronous: the system takes its time for a gigabyte. */
  async delete(digest: Digest): Promise<void> {
    await rm(this.path(digest), { force: true });
  }

  list(): Digest[] {
    return readdirSync(this.#blobs)
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .map((name): Digest => `sha256:${name}`);
  }

  /**
   * Removes what is left in `ingest`, but not partial downloads younger than the age in milliseconds. Only while nothing
   * is on its way in.
   */
  sweep(maxAge: number): void {
    for (const name of readdirSync(this.#ingest)) {
      if (!/^[0-9a-f]{64}$/.test(name)) rmSync(`${this.#ingest}/${name}`, { force: true, recursive: true });
      const stat = statSync(`${this.#ingest}/${name}`, { throwIfNoEntry: false });
      if (stat !== undefined && Date.now() - stat.mtimeMs > maxAge) rmSync(`${this.#ingest}/${name}`, { force: true });
    }
  }
}

/**
 * Write, fsync, rename, and fsync of the folder: after a crash the file is the old one or the new one. Not synchronous:
 * a busy disk takes its time for an fsync. Throws `exhausted` for a full disk.
 */
export async function writeWhole(path: string, bytes: Uint8Array, temporary = `${path}.new-${uniqueName()}`): Promise<void> {
  try {
    await withFile(temporary, 'w', async (file) => {
      await file.writeFile(bytes);
      await file.sync();
    });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC' ? new EngineError('exhausted', `no space left on device: ${path}`, { cause: error }) : error;
  }
  await withFile(path.slice(0, path.lastIndexOf('/')), 'r', (folder) => folder.sync());
}

async function withFile(path: string, flags: string, use: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, flags, 0o644);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
