/** What COPY and ADD copy from: files of a context, a stage or an image, or what was fetched. */
import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { EngineError } from '../base/errors.ts';
import type { Digest } from '../base/digest.ts';
import type { CopyStep } from '../build/dockerfile/plan.ts';
import type { RootedFiles } from '../snapshot/contract.ts';
import { itemsOf, type CopyItem } from './build-items.ts';

/** Whoever files of a client belong to there. */
export const ROOT = { uid: 0, gid: 0 };

/** Files that something is copied from, for as long as `use` takes. */
export interface FileRoot {
  open<T>(use: (root: string) => Promise<T>): Promise<T>;
  /** Of a client's files: whoever they belong to there, here they are root's. */
  readonly owned: boolean;
  /** Whether a path from the root is no part of it. */
  readonly ignored?: ((path: string) => boolean) | undefined;
}

/** A source, with where it is found. `add`: of something fetched, which has one file or folder at its root. */
export type FoundSource =
  /** `below`: what is found is copied with its folders, from below that one on. `optional`: nothing may be found. */
  | { readonly kind: 'path'; readonly root: FileRoot; readonly path: string; readonly below?: string; readonly optional?: boolean }
  | { readonly kind: 'fetched'; readonly root: FileRoot; readonly path: string; readonly name: string; readonly key: string }
  | { readonly kind: 'file'; readonly path: string; readonly content: Buffer };

export interface CopyInput {
  readonly layers: readonly Digest[];
  readonly step: Pick<CopyStep, 'add' | 'destination' | 'chown' | 'chmod' | 'unpack'>;
  readonly sources: readonly FoundSource[];
  /** Whether a path within an item, or an item's own name, is left out. */
  readonly excluded?: ((path: string) => boolean) | undefined;
  /** Nanoseconds since 1970, of folders that are made. */
  readonly now: bigint;
  /** The destination alone is wanted. */
  readonly foldersOnly?: boolean | undefined;
}

/** What an item's archive calls its insides, as paths within the item; undefined where that is left out. */
export function within(item: CopyItem, root: FileRoot, { excluded }: Pick<CopyInput, 'excluded'>): (name: string) => string | undefined {
  const base = item.path.replace(/^\/+/, '');
  return (name) => {
    const slash = name.indexOf('/');
    const inside = slash < 0 ? '' : name.slice(slash + 1);
    if (inside === '' && item.kind === 'folder') return '';
    const text = Buffer.from(inside, 'latin1').toString();
    if (root.ignored?.(inside === '' ? base : posix.join(base, text)) === true) return undefined;
    if (excluded?.(inside === '' ? posix.basename(item.asked) : text) === true) return undefined;
    return inside;
  };
}

export async function foundItems(files: RootedFiles, at: string, source: Extract<FoundSource, { kind: 'path' }>): Promise<CopyItem[]> {
  const items = await itemsOf(files, at, source.path, true).catch((error: unknown) => {
    if (!(error instanceof EngineError) || error.kind !== 'not-found') throw error;
    if (source.optional === true) return [];
    const { path } = error.detail as { path: string };
    throw notThere(path, error);
  });
  const { ignored } = source.root;
  return ignored === undefined ? items : items.filter(({ path, kind }) => kind === 'folder' || !ignored(path.replace(/^\/+/, '')));
}

/** In BuildKit's words: with a reference that nobody but it knows. */
export function notThere(path: string, cause: unknown): EngineError {
  const reference = randomBytes(13).toString('hex').slice(0, 25);
  return new EngineError(
    'not-found',
    `failed to compute cache key: failed to calculate checksum of ref ${reference}::${reference}: ${JSON.stringify(path)}: not found`,
    { cause, detail: { missing: path } },
  );
}
