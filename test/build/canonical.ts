/** Images and folders as data that two engines can be compared by: no ids, no dates of today, no digests of bases. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { TarEntry } from '../../src/tar/contract.ts';
import { TarReader } from '../../src/tar/reader.ts';
import { expectedTree, type LayerEntry, type Seen, sha256 } from '../support/layers.ts';

/** One file; what is 0, empty or as usual is left out. */
export type CanonicalFile = Readonly<Record<string, unknown>>;

export interface CanonicalImage {
  /** By path, against the base that the image stands on; null: the base has it, the image does not. */
  readonly files: Readonly<Record<string, CanonicalFile | null>>;
  readonly config: unknown;
  readonly history: readonly unknown[];
  readonly layers: number;
}

/** A base that files are compared with. */
export interface KnownBase {
  readonly name: string;
  readonly diffIds: readonly string[];
  readonly tree: Readonly<Record<string, Seen>>;
}

interface ImageConfig {
  readonly architecture?: string;
  readonly config?: Record<string, unknown>;
  readonly author?: string;
  readonly created?: string;
  readonly history?: readonly Record<string, unknown>[];
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

/** Of an archive that `docker save` wrote, with one image. */
export function readImage(archive: Buffer): { readonly config: ImageConfig; readonly layers: readonly Buffer[] } {
  const files = new Map(readTar(archive).map(({ name, content }) => [String(name), content as Buffer]));
  const links = new Map(
    readTar(archive).flatMap(({ type, name, linkName }) => (type === 'symlink' ? [[String(name), String(linkName)]] : [])) as [string, string][],
  );
  const [manifest] = JSON.parse(String(files.get('manifest.json'))) as { Config: string; Layers: string[] }[];
  // a layer that an image has twice is a link in older archives: ../ID/layer.tar
  const layer = (name: string) => files.get(links.get(name)?.replace('../', '') ?? name)!;
  return { config: JSON.parse(String(files.get(manifest!.Config))) as ImageConfig, layers: manifest!.Layers.map(layer) };
}

/** An archive's entries with their content. */
export function readTar(archive: Buffer): LayerEntry[] {
  const out: (Omit<TarEntry, 'xattrs'> & { xattrs: Record<string, Buffer>; content: Buffer })[] = [];
  let parts: Buffer[] = [];
  const reader = new TarReader({
    entry: (entry) => void out.push({ ...entry, xattrs: Object.fromEntries(entry.xattrs), content: Buffer.alloc(0) }),
    data: (chunk) => void parts.push(chunk),
    entryEnd: () => {
      out.at(-1)!.content = Buffer.concat(parts);
      parts = [];
    },
  });
  reader.push(archive);
  reader.end();
  return out;
}

/** The base as it was loaded. */
export function knownBase(name: string, archive: Buffer): KnownBase {
  const { config, layers } = readImage(archive);
  return { name, diffIds: config.rootfs.diff_ids, tree: expectedTree(layers.map(readTar)) };
}

export function canonicalImage(archive: Buffer, bases: readonly KnownBase[], opaque: RegExp | undefined): CanonicalImage {
  const { config, layers } = readImage(archive);
  const base = bases
    .filter(({ diffIds }) => diffIds.every((id, index) => config.rootfs.diff_ids[index] === id))
    .toSorted((a, b) => b.diffIds.length - a.diffIds.length)[0];
  const below = base?.tree ?? {};
  const entries = layers.map(readTar);
  const tree = expectedTree(entries);
  const known = contents(bases, entries.flat());
  const files: Record<string, CanonicalFile | null> = {};
  for (const path of [...new Set([...Object.keys(below), ...Object.keys(tree)])].toSorted()) {
    const [was, is] = [below[path], tree[path]];
    if (is !== undefined) {
      if (was === undefined || differs(was, is)) files[asText(path)] = canonicalFile(path, is, known, opaque);
    } else if (tree[dirname(path)]?.type === 'dir' || !path.includes('/')) files[asText(path)] = null; // and all that was in it
  }
  const { author, created, history = [], architecture } = config;
  return {
    files,
    config: canonicalConfig({
      ...config.config,
      ...(author !== undefined && { author }),
      ...(isOld(Date.parse(created ?? '')) && { created }),
      architecture: architecture === goArch ? 'host' : architecture,
    }),
    history: history.map(({ created_by: by, comment, empty_layer: empty, author: who, created: when }) =>
      withoutNothing({ by: typeof by === 'string' ? canonicalText(by) : by, comment, empty, who, when: isOld(Date.parse(String(when))) ? when : undefined }),
    ),
    layers: layers.length - (base?.diffIds.length ?? 0),
  };
}

const goArch = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** A folder of this machine, as `--output type=local` leaves it. */
export function canonicalFolder(folder: string, bases: readonly KnownBase[], opaque: RegExp | undefined): Record<string, CanonicalFile> {
  const entries: LayerEntry[] = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const path = `${folder}/${name}`;
      const stat = lstatSync(path, { bigint: true });
      const fields = { name, mode: Number(stat.mode) & 0o7777, mtime: stat.mtimeNs };
      if (stat.isSymbolicLink()) return { ...fields, type: 'symlink', linkName: readlinkSync(path) };
      if (stat.isDirectory()) return { ...fields, type: 'dir' };
      return { ...fields, type: 'file', content: readFileSync(path) };
    });
  return canonicalEntries(entries, bases, opaque);
}

/** An archive of files, not of an image. */
export function canonicalEntries(entries: readonly LayerEntry[], bases: readonly KnownBase[], opaque: RegExp | undefined): Record<string, CanonicalFile> {
  const known = contents(bases, entries);
  return Object.fromEntries(Object.entries(expectedTree([entries])).map(([path, seen]) => [asText(path), canonicalFile(path, seen, known, opaque)]));
}

/** What to call a content, by its digest: its text where that is short, else where a base has it. */
function contents(bases: readonly KnownBase[], entries: readonly LayerEntry[]): Map<string, string> {
  const known = new Map<string, string>();
  for (const { type, content } of entries) {
    const text = String(content ?? '');
    if (type === 'file' && text.length <= 200 && /^[\t\n\x20-\x7e]*$/.test(text)) known.set(sha256(text), `text: ${text}`);
  }
  for (const { name, tree } of bases)
    for (const [path, { sha256: digest, size }] of Object.entries(tree)) if (size > 200) known.set(digest, `${name}:/${path}`);
  return known;
}

/** Whether more than a folder's date is another one. */
function differs(was: Seen, is: Seen): boolean {
  const plain = (seen: Seen) => JSON.stringify({ ...seen, mtime: seen.type === 'dir' ? '' : seen.mtime });
  return plain(was) !== plain(is);
}

function canonicalFile(path: string, seen: Seen, known: ReadonlyMap<string, string>, opaque: RegExp | undefined): CanonicalFile {
  const { type, mode, uid, gid, mtime, size, sha256: digest, link, device, xattrs, sameAs } = seen;
  const seconds = mtime === undefined ? undefined : Number(BigInt(mtime) / 1_000_000_000n);
  const hidden = opaque?.test(path) === true;
  return withoutNothing({
    type: type === 'file' ? undefined : type,
    mode: mode.toString(8),
    owner: uid === 0 && gid === 0 ? undefined : `${uid}:${gid}`,
    mtime: seconds === undefined || type === 'dir' || !isOld(seconds * 1000) || hidden ? undefined : seconds,
    size: type === 'file' && !hidden && !known.has(digest) ? size : undefined,
    content: type !== 'file' || size === 0 || hidden ? undefined : (known.get(digest) ?? digest),
    link: asText(link) || undefined,
    device: type === 'char' || type === 'block' ? device : undefined,
    // of extended attributes Docker's own layers have capabilities alone
    capability: xattrs['security.capability'],
    sameAs: asText(sameAs) || undefined,
  });
}

/** `expectedTree` gives bytes as latin1. */
const asText = (path: string) => Buffer.from(path, 'latin1').toString();

/** Not of the time when the test ran. */
const isOld = (milliseconds: number): boolean => milliseconds < Date.UTC(2026, 0, 1, 12);

/** Docker writes fields that say nothing in some versions, and ids of its own. */
function canonicalConfig(config: Record<string, unknown>): unknown {
  const { Image: _, Hostname: __, ...rest } = config;
  return withoutNothing(Object.fromEntries(Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

/** Without members that say nothing. */
export function withoutNothing(fields: Record<string, unknown>): Record<string, unknown> {
  const isNothing = (value: unknown) =>
    value === undefined || value === null || value === false || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isNothing(value)));
}

/** Without colours, ids, places of an engine's own, and digests that depend on more than what is built. */
export function canonicalText(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/\b(file|dir|multi):[0-9a-f]{64}/g, '$1:HASH')
    .replaceAll(/sha256:[0-9a-f]{64}/g, 'sha256:DIGEST')
    .replaceAll(/\/[^\s:]*\/overlay2\/\w+\/merged(?=\/)/g, '')
    .replaceAll(/: dial tcp: .*/g, ': dial tcp: NO SUCH HOST')
    .replaceAll(/\bref [\w-]+::\w+/g, 'ref ID');
}
