/**
 * A provenance beside what it is about: in an index with the image (moby/buildkit docs/attestations/attestation-storage.md),
 * or as a file among exported ones.
 */
import { nanoOf } from '../base/time.ts';
import { createHash, type Hash } from 'node:crypto';
import type { Provenance } from '../build/contract.ts';
import { digestSet, statementOf, type Subject } from '../build/provenance.ts';
import type { Descriptor, Manifest, Platform } from '../image/contract.ts';
import { OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from '../image/manifest.ts';
import type { TarEntry, TarHandler } from '../tar/contract.ts';
import type { AddedEntry } from '../tar/copy.ts';
import { packageUrl } from './build-origin.ts';
import type { Companions } from './image-push.ts';
import type { ImageParts } from './image-parts.ts';

const IN_TOTO = 'application/vnd.in-toto+json';
const UNKNOWN: Platform = { architecture: 'unknown', os: 'unknown' };

/** Writes what goes with an image's manifest, as blobs of the store. `names`: full ones. */
export async function attestedImage(
  { store }: ImageParts,
  image: Descriptor,
  { platform, names, provenance }: { readonly platform: Platform; readonly names: readonly string[]; readonly provenance: Provenance },
): Promise<Companions> {
  const write = async (mediaType: string, document: object): Promise<Descriptor> => {
    const bytes = Buffer.from(JSON.stringify(document));
    return { mediaType, digest: await store.blobs.write(bytes), size: bytes.length };
  };
  const digest = digestSet(image.digest);
  const subjects = names.map((name): Subject => ({ name: packageUrl(name, platform), digest }));
  const statement = await write(IN_TOTO, statementOf(provenance, subjects));
  const config = await write(OCI_CONFIG, { ...UNKNOWN, config: {}, rootfs: { type: 'layers', diff_ids: [statement.digest] } });
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config,
    layers: [{ ...statement, annotations: { 'in-toto.io/predicate-type': provenance.type } }],
  };
  const attestation: Descriptor = {
    ...(await write(OCI_MANIFEST, manifest)),
    annotations: { 'vnd.docker.reference.digest': image.digest, 'vnd.docker.reference.type': 'attestation-manifest' },
    platform: UNKNOWN,
  };
  const manifests = [{ ...image, platform }, attestation];
  const index = await write(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
  return { index, manifests: [attestation], blobs: [config, statement] };
}

/** Sees files on their way out, and makes the file that tells where they come from. */
export class AttestedFiles implements TarHandler {
  readonly #digests = new Map<string, string>();
  #file: { readonly name: string; readonly hash: Hash } | undefined;

  entry({ type, name, linkName }: TarEntry): void {
    const path = pathOf(name);
    if (type === 'file') this.#file = { name: path, hash: createHash('sha256') };
    const linked = type === 'link' ? this.#digests.get(pathOf(linkName)) : undefined;
    if (linked !== undefined) this.#digests.set(path, linked);
  }

  data(chunk: Buffer): void {
    this.#file?.hash.update(chunk);
  }

  entryEnd(): void {
    if (this.#file !== undefined) this.#digests.set(this.#file.name, this.#file.hash.digest('hex'));
    this.#file = undefined;
  }

  /** `time`: milliseconds since 1970. */
  document(name: string, provenance: Provenance, time: number): AddedEntry {
    const subjects = [...this.#digests].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([path, sha256]) => ({ name: path, digest: { sha256 } }));
    const data = Buffer.from(JSON.stringify(statementOf(provenance, subjects), undefined, 2));
    return { fields: { type: 'file', name: Buffer.from(name), mode: 0o600, mtime: nanoOf(time) }, data };
  }
}

function pathOf(name: Buffer): string {
  return name.toString().replace(/^\.?\/+/, '');
}
