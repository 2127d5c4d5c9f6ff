/** The store of images: blobs and references in one OCI image layout, and what Docker's image commands ask of them. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { digestHex, isDigest, type Digest } from '../../base/digest.ts';
import { EngineError } from '../../base/errors.ts';
import type { FileLock, FileLocks } from '../../kernel/contract.ts';
import type { ImageConfig, Manifest, Reference } from '../contract.ts';
import { parseImageConfig, parseManifest, requireImage } from '../manifest.ts';
import { chainIds } from '../chain-id.ts';
import { digestName, familiar, repositoryOf, tagName } from '../names.ts';
import { familiarReference, parseReference, repositoryName, withDefaultTag } from '../reference.ts';
import { BlobStore } from './blobs.ts';
import { removeImage, setNames, type ImageUser, type Removal } from './naming.ts';
import { ReferenceTable, type ImageFacts, type NamedEntry } from './references.ts';

/** How long a download that was broken off is kept, to be taken up again: a day. */
const PARTIAL_AGE_MS = 24 * 3600_000;

/** How many images' documents are kept in memory. */
const MOST_DOCUMENTS = 64;

/** What a list shows of an image; names are familiar ones. */
export interface ImageSummary extends ImageFacts {
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly manifestDigest: Digest;
}

/** An image that was looked for: `name` is the full name where it was found by one, and not by its id. */
export interface FoundImage {
  readonly entry: NamedEntry;
  readonly name: string | undefined;
}

/** What the images that are there have of layers: each, and each on top of those below it. */
export interface NeededLayers {
  readonly layers: ReadonlySet<Digest>;
  readonly chains: ReadonlySet<Digest>;
}

export interface RemoveOptions {
  readonly force: boolean;
  /** The containers that there are. Asked while no other process can change names. */
  readonly users: () => readonly ImageUser[];
  /** The chains of layers below containers: they stay. */
  readonly usedChains?: () => ReadonlySet<Digest>;
}

/** What one manifest keeps. */
interface Needs {
  readonly blobs: readonly Digest[];
  readonly layers: readonly Digest[];
  readonly chains: readonly Digest[];
}

export interface ImageDocuments {
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

/** An image with its documents. */
export interface StoredImage extends ImageSummary, ImageDocuments {
  readonly entry: NamedEntry;
}

export class ImageStore {
  readonly blobs: BlobStore;
  readonly #table: ReferenceTable;
  readonly #locks: FileLocks;
  readonly #gcLock: string;
  readonly #wanted: string;
  #holds = 0;
  readonly #documents = new Map<Digest, { readonly stamp: string; readonly documents: ImageDocuments }>();
  /** By manifest: of the images that there were at the last look. */
  #needs: ReadonlyMap<Digest, Needs> = new Map();

  /** `root` is a folder of the data root; the layout is `root/oci`. */
  constructor(root: string, locks: FileLocks) {
    this.blobs = new BlobStore(`${root}/oci`, `${root}/ingest`);
    this.#table = new ReferenceTable(`${root}/oci`, locks);
    this.#locks = locks;
    this.#gcLock = `${root}/ingest.lock`;
    this.#wanted = `${root}/collect`;
  }

  /** One summary for each image, the newest first. */
  list(): ImageSummary[] {
    const images = new Map<Digest, { facts: ImageFacts; manifest: Digest; names: string[] }>();
    for (const { name, target, facts } of this.#table.entries()) {
      const known = images.get(facts.id) ?? { facts, manifest: target.digest, names: [] };
      if (name !== undefined) known.names.push(name);
      images.set(facts.id, known);
    }
    return [...images.values()].map(summary).toSorted((a, b) => timeOf(b) - timeOf(a));
  }

  /**
   * By name, digest (with or without a tag), id, or the beginning of the id of one image alone, in Docker's order. Throws
   * `not-found`, `invalid` for what can be neither.
   */
  find(text: string): FoundImage {
    const entries = this.#table.entries();
    const hex = text.replace(/^sha256:/, '');
    const exact = /^[0-9a-f]{64}$/.test(hex) ? entries.find(({ facts }) => digestHex(facts.id) === hex) : undefined;
    if (exact !== undefined) return { entry: exact, name: undefined };
    if (!isDigest(text) && !/^[0-9a-f]{64}$/.test(text)) {
      const reference = parseReference(text);
      // as Docker: the digest says which it is, whatever has the tag by now
      const name = reference.digest === undefined ? tagName(reference) : digestName(reference, reference.digest);
      const named = entries.find((entry) => entry.name === name);
      if (named !== undefined) return { entry: named, name };
    }
    const ids = new Set(/^[0-9a-f]{1,64}$/.test(hex) ? entries.map(({ facts }) => facts.id).filter((id) => digestHex(id).startsWith(hex)) : []);
    const [id] = ids;
    if (id !== undefined && ids.size === 1) return { entry: entries.find(({ facts }) => facts.id === id)!, name: undefined };
    const isId = isDigest(text) || /^[0-9a-f]{64}$/.test(text);
    throw new EngineError('not-found', `No such image: ${isId ? `sha256:${hex}` : familiarReference(withDefaultTag(parseReference(text)))}`, {
      // as Docker: it may still be a name, of what can be pulled
      ...(ids.size > 1 ? { hint: `the ids of ${ids.size} images begin with ${hex}` } : {}),
    });
  }

  /** The image's documents. Throws as `BlobStore.read` and the parsers do. */
  open(entry: NamedEntry): StoredImage {
    const { target, facts } = entry;
    const names = this.#table.entries().flatMap((other) => (other.facts.id === facts.id ? (other.name ?? []) : []));
    return { ...this.documents(target.digest), ...summary({ facts, manifest: target.digest, names }), entry };
  }

  /** All entries of an image: the manifests by which it is known. */
  entriesOf(id: Digest): readonly NamedEntry[] {
    return this.#table.entries().filter(({ facts }) => facts.id === id);
  }

  /** The tags under which a repository's images are known here, sorted. */
  tagsOf(repository: Reference): readonly string[] {
    const name = repositoryName(repository);
    const tags = this.#table.entries().flatMap((entry) => {
      if (entry.name === undefined || repositoryOf(entry.name) !== name) return [];
      return parseReference(entry.name).digest === undefined ? (parseReference(entry.name).tag ?? []) : [];
    });
    return tags.toSorted();
  }

  /** The repositories of a registry in which an image is known. */
  repositoriesOf(id: Digest, domain: string): readonly string[] {
    const references = this.entriesOf(id).flatMap(({ name }) => (name === undefined ? [] : parseReference(name)));
    return [...new Set(references.flatMap((reference) => (reference.domain === domain ? reference.path : [])))];
  }

  /** What a list shows of an image whose layers are all there; `contentSize` gives a layer's size in bytes. */
  factsOf(manifest: Manifest, config: ImageConfig, contentSize: (diffId: Digest) => number): ImageFacts {
    const { os, architecture, variant } = config;
    return {
      id: manifest.config.digest,
      created: config.created,
      size: config.rootfs.diff_ids.reduce((sum, diffId) => sum + contentSize(diffId), 0),
      labels: config.config?.Labels ?? {},
      platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
    };
  }

  /** Read again only when one of the files is another one. Throws as `BlobStore.read` and the parsers do. */
  documents(manifestDigest: Digest): ImageDocuments {
    const known = this.#documents.get(manifestDigest);
    if (known !== undefined && known.stamp === this.#stampOf(manifestDigest, known.documents)) return known.documents;
    const manifest = requireImage(parseManifest(this.blobs.read(manifestDigest)));
    const documents = { manifest, config: parseImageConfig(this.blobs.read(manifest.config.digest), manifest.layers.length) };
    if (this.#documents.size >= MOST_DOCUMENTS) this.#documents.clear();
    this.#documents.set(manifestDigest, { stamp: this.#stampOf(manifestDigest, documents), documents });
    return documents;
  }

  #stampOf(manifestDigest: Digest, { manifest }: ImageDocuments): string {
    return `${this.blobs.stamp(manifestDigest)} ${this.blobs.stamp(manifest.config.digest)}`;
  }

  /** Names an image whose blobs are all there (full names); without any it is dangling. Tells whether that changed anything. */
  async name(image: Omit<NamedEntry, 'name'>, names: readonly string[]): Promise<boolean> {
    const before = this.#table.entries();
    if (setNames(before, names, image) === before) return false;
    return this.#table.update((entries) => {
      const named = setNames(entries, names, image);
      return { entries: named, result: named !== entries };
    });
  }

  /**
   * Removes by name or id, as `docker rmi`; see `removeImage`. The lines tell what became of it. What nothing needs any
   * more is left for `collect`.
   */
  async remove(text: string, options: RemoveOptions): Promise<readonly Removal[]> {
    return this.#table.update((entries) => {
      const { entry, name } = this.find(text);
      const removed = removeImage(entries, { asked: text, force: options.force, users: options.users(), id: entry.facts.id, name });
      if (!removed.gone) return { entries: removed.entries, result: removed.lines };
      this.wantCollect();
      const still = this.#layersOf(removed.entries);
      const chains = chainIds(this.#configOf(entry)?.rootfs.diff_ids ?? []);
      const used = options.usedChains?.() ?? new Set();
      const lost = chains.filter((chain) => !still.chains.has(chain) && !used.has(chain)).toReversed();
      return { entries: removed.entries, result: [...removed.lines, ...lost.map((Deleted) => ({ Deleted }))] };
    });
  }

  /** Until it is disposed of nothing is collected, in this process or another: while an image is on its way in or out. */
  async hold(signal?: AbortSignal): Promise<Disposable> {
    const lock: FileLock = await this.#locks.lock(this.#gcLock, 'shared', signal);
    this.#holds++;
    let open = true;
    return {
      [Symbol.dispose]: () => {
        if (!open) return;
        open = false;
        this.#holds--;
        lock[Symbol.dispose]();
      },
    };
  }

  /** Whether something was removed and no `collect` has come to its end since: one could not, or was killed. */
  get wantsCollect(): boolean {
    return existsSync(this.#wanted);
  }

  /** What is not needed any more is to be collected, now or by whoever comes next. */
  wantCollect(): void {
    try {
      writeFileSync(this.#wanted, '');
    } catch {
      // a full disk must not stand in the way of a removal
    }
  }

  /**
   * Deletes the blobs that nothing in the table needs; `removeLayers` is told which layers are needed, and gives what it
   * freed. `kept`: blobs that others need. Gives the sum in bytes, or undefined where an image is on its way somewhere: the
   * next one to come by collects.
   */
  async collect(removeLayers: (needed: NeededLayers) => Promise<number>, kept: () => ReadonlySet<Digest> = () => new Set()): Promise<number | undefined> {
    const lock = this.#holds > 0 ? undefined : this.#locks.tryLock(this.#gcLock, 'exclusive');
    if (lock === undefined) return undefined;
    using _lock = lock;
    const { blobs, layers, chains } = this.#layersOf(this.#table.entries());
    const others = kept();
    let bytes = 0;
    for (const digest of this.blobs.list()) {
      if (blobs.has(digest) || others.has(digest)) continue;
      bytes += this.blobs.size(digest) ?? 0;
      await this.blobs.delete(digest);
    }
    this.blobs.sweep(PARTIAL_AGE_MS);
    bytes += await removeLayers({ layers, chains });
    rmSync(this.#wanted, { force: true });
    return bytes;
  }

  #configOf({ target }: NamedEntry): ImageConfig | undefined {
    try {
      return this.documents(target.digest).config;
    } catch {
      return undefined; // a damaged image must be removable
    }
  }

  #layersOf(entries: readonly NamedEntry[]) {
    const blobs = new Set<Digest>();
    const layers = new Set<Digest>();
    const chains = new Set<Digest>();
    const known = new Map<Digest, Needs>();
    for (const { target, index } of entries) {
      if (index !== undefined) blobs.add(index);
      if (known.has(target.digest)) continue;
      const needs = this.#needs.get(target.digest) ?? this.#needsOf(target.digest);
      if (needs === undefined) {
        // damaged: it keeps nothing, until it is pulled again
        blobs.add(target.digest);
        continue;
      }
      known.set(target.digest, needs);
      for (const digest of needs.blobs) blobs.add(digest);
      for (const diffId of needs.layers) layers.add(diffId);
      for (const chain of needs.chains) chains.add(chain);
    }
    this.#needs = known;
    return { blobs, layers, chains };
  }

  #needsOf(manifestDigest: Digest): Needs | undefined {
    try {
      const { manifest, config } = this.documents(manifestDigest);
      const layers = config.rootfs.diff_ids;
      return { blobs: [manifestDigest, ...[manifest.config, ...manifest.layers].map(({ digest }) => digest)], layers, chains: chainIds(layers) };
    } catch (error) {
      // what could not be read for another reason (too many open files) is no garbage
      if (!(error instanceof EngineError)) throw error;
      return undefined;
    }
  }
}

/** Milliseconds; an image that does not say when it was made is the oldest. */
function timeOf({ created }: ImageFacts): number {
  return Date.parse(created ?? '') || 0;
}

function summary({ facts, manifest, names }: { facts: ImageFacts; manifest: Digest; names: readonly string[] }): ImageSummary {
  const shown = names.map(familiar).toSorted();
  return {
    ...facts,
    manifestDigest: manifest,
    repoTags: shown.filter((name) => !name.includes('@')),
    repoDigests: shown.filter((name) => name.includes('@')),
  };
}
