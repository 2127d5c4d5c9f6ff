/**
 * The store's table of references: `index.json` of the OCI layout, one descriptor for each name. As in Docker's own
 * store a tag and a digest are both names (`redis:latest`, `redis@sha256:…`); an image that has lost its last name and
 * was not removed stays as a descriptor without one, dangling.
 */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { isDigest, type Digest } from '../../base/digest.ts';
import { EngineError } from '../../base/errors.ts';
import type { FileLocks } from '../../kernel/contract.ts';
import type { Descriptor, Platform } from '../contract.ts';
import { writeWhole } from './blobs.ts';

/** Facts about an image that a list shows: kept with each entry, so that a list needs one file. */
export interface ImageFacts {
  /** The digest of the config: Docker's image id. */
  readonly id: Digest;
  /** RFC 3339, as the config says it. */
  readonly created: string | undefined;
  /** Bytes, unpacked. */
  readonly size: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly platform: Platform;
}

export interface NamedEntry {
  /** `docker.io/library/redis:latest` or `docker.io/library/redis@sha256:…`; undefined: dangling. */
  readonly name: string | undefined;
  /** The image's own manifest, never an index. */
  readonly target: Descriptor;
  readonly facts: ImageFacts;
  /** The index by which the registry named it, where there was one; its blob is kept. */
  readonly index?: Digest | undefined;
  /** When somebody gave it this name here, RFC 3339; not for what a registry or an archive named. */
  readonly tagged?: string | undefined;
}

const REF_NAME = 'org.opencontainers.image.ref.name';
const CONTAINERD_NAME = 'io.containerd.image.name';
const FACTS = 'dev.kobako.facts';
const INDEX = 'dev.kobako.index';
const TAGGED = 'dev.kobako.tagged';

export class ReferenceTable {
  readonly #path: string;
  readonly #lock: string;
  readonly #locks: FileLocks;
  #known: { stamp: string; entries: readonly NamedEntry[] } = { stamp: '', entries: [] };

  constructor(layout: string, locks: FileLocks) {
    this.#path = `${layout}/index.json`;
    this.#lock = `${layout}/.lock`;
    this.#locks = locks;
  }

  /** All entries in the order in which they came. Reads the file again only when another process has replaced it. */
  entries(): readonly NamedEntry[] {
    const stat = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return [];
    const stamp = `${stat.ino}.${stat.mtimeNs}.${stat.size}`;
    if (stamp !== this.#known.stamp) this.#known = { stamp, entries: parseEntries(readFileSync(this.#path, 'utf8'), this.#path) };
    return this.#known.entries;
  }

  /** Replaces the table by what `change` makes of it, while no other process can. */
  async update<T>(change: (entries: readonly NamedEntry[]) => { readonly entries: readonly NamedEntry[]; readonly result: T }): Promise<T> {
    using _lock = await this.#locks.lock(this.#lock, 'exclusive');
    const before = this.entries();
    const { entries, result } = change(before);
    if (entries !== before) {
      this.#tidy();
      await writeWhole(this.#path, Buffer.from(JSON.stringify(document(entries))));
    }
    return result;
  }

  /** What a killed process had half written; nobody else writes now. */
  #tidy(): void {
    const folder = this.#path.slice(0, this.#path.lastIndexOf('/'));
    for (const name of readdirSync(folder)) if (name.startsWith('index.json.new-')) rmSync(`${folder}/${name}`, { force: true });
  }
}

function document(entries: readonly NamedEntry[]) {
  return {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: entries.map(({ name, target, facts, index, tagged }) => ({
      mediaType: target.mediaType,
      digest: target.digest,
      size: target.size,
      platform: facts.platform,
      annotations: {
        ...(name === undefined ? {} : { [REF_NAME]: name, [CONTAINERD_NAME]: name }),
        [FACTS]: JSON.stringify({ id: facts.id, created: facts.created, size: facts.size, labels: facts.labels }),
        ...(index === undefined ? {} : { [INDEX]: index }),
        ...(tagged === undefined ? {} : { [TAGGED]: tagged }),
      },
    })),
  };
}

function parseEntries(text: string, path: string): NamedEntry[] {
  try {
    const { manifests } = JSON.parse(text) as { manifests: (Descriptor & { platform: Platform; annotations: Record<string, string> })[] };
    return manifests.map(({ mediaType, digest, size, platform, annotations }) => {
      const index = annotations[INDEX];
      return {
        name: annotations[REF_NAME],
        target: { mediaType, digest, size },
        facts: { ...(JSON.parse(annotations[FACTS]!) as Omit<ImageFacts, 'platform'>), platform },
        index: index !== undefined && isDigest(index) ? index : undefined,
        tagged: annotations[TAGGED],
      };
    });
  } catch (error) {
    throw new EngineError('internal', `${path} is damaged: ${(error as Error).message}`, { cause: error });
  }
}
