/** RUN --mount=type=cache: folders that outlive the step, known by their ids. */
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { digestHex } from '../base/digest.ts';
import type { CacheSharing } from '../build/dockerfile/ast.ts';
import { keyOf } from '../build/keys.ts';
import { workFolder, type BuildParts } from './build-parts.ts';

/** Private folders of one id. */
const MOST_PRIVATE = 64;

export interface CacheWish {
  readonly id: string;
  readonly target: string;
  readonly sharing: CacheSharing | undefined;
  /** Plain data that tells where its first files come from; undefined for an empty one. */
  readonly origin?: unknown;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly mode: number | undefined;
}

/** What tells caches apart, also those of one id: what they begin with. */
export function cacheKey({ id, target, origin, uid = 0, gid = 0, mode = 0o755 }: Omit<CacheWish, 'sharing'>): string {
  return digestHex(keyOf('cache', nameOf({ id, target }), uid, gid, mode, origin));
}

function nameOf({ id, target }: Pick<CacheWish, 'id' | 'target'>): string {
  return id === '' ? target : id;
}

/**
 * A cache's folder, this step's for as long as it is not disposed of: alone, or with others. `fill` is called with a new
 * one. Who wants several takes them in the order of their keys, and none twice: otherwise two wait for each other, or one
 * for itself.
 */
export async function cacheFolder(
  parts: BuildParts,
  wish: CacheWish,
  fill: (folder: string) => Promise<void>,
  signal: AbortSignal,
): Promise<Disposable & { readonly path: string }> {
  const { sharing, uid = 0, gid = 0, mode = 0o755 } = wish;
  const name = nameOf(wish);
  const hex = cacheKey(wish);
  const { locks } = parts.engine.volumes;
  const take = (folder: string, lock: Disposable) => made(parts, { folder, lock, name, uid, gid, mode }, fill);
  const base = `${parts.dir}/mounts/${hex}`;
  if (sharing !== 'private') return take(base, await locks.lock(`${base}.lock`, sharing === 'locked' ? 'exclusive' : 'shared', signal));
  for (let number = 0; number < MOST_PRIVATE; number++) {
    const folder = number === 0 ? base : `${base}.${number}`;
    const lock = locks.tryLock(`${folder}.lock`, 'exclusive');
    if (lock !== undefined) return take(folder, lock);
  }
  return take(base, await locks.lock(`${base}.lock`, 'exclusive', signal));
}

interface Making {
  readonly folder: string;
  readonly lock: Disposable;
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

async function made(parts: BuildParts, { folder, lock, name, uid, gid, mode }: Making, fill: (folder: string) => Promise<void>) {
  try {
    if (!existsSync(folder)) {
      using work = workFolder(parts, 'cache');
      const scratch = `${work.path}/new`;
      mkdirSync(`${scratch}/data`, { recursive: true, mode: 0o700 });
      await fill(`${scratch}/data`);
      chownSync(`${scratch}/data`, uid, gid);
      chmodSync(`${scratch}/data`, mode);
      writeFileSync(`${scratch}/name`, name);
      try {
        renameSync(scratch, folder);
      } catch (error) {
        // somebody who shares it was quicker
        if (!existsSync(folder)) throw error;
      }
    }
    const now = new Date();
    utimesSync(folder, now, now);
    return { path: `${folder}/data`, [Symbol.dispose]: () => lock[Symbol.dispose]() };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/** A cache mount that there is. */
export interface CacheMount {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly lastUsedAt: number;
}

export function cacheMounts({ dir }: BuildParts): CacheMount[] {
  const folder = `${dir}/mounts`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((id) => {
    const path = `${folder}/${id}`;
    if (!/^[0-9a-f]{64}(\.\d+)?$/.test(id)) return [];
    try {
      const { mtimeMs, birthtimeMs } = statSync(path);
      return [{ id, name: readFileSync(`${path}/name`, 'utf8'), path, createdAt: birthtimeMs || mtimeMs, lastUsedAt: mtimeMs }];
    } catch {
      return []; // it goes just now
    }
  });
}

/** Whether a step has it just now. */
export function cacheMountInUse(parts: BuildParts, { path }: CacheMount): boolean {
  using lock = parts.engine.volumes.locks.tryLock(`${path}.lock`, 'exclusive');
  return lock === undefined;
}

/** False while a step has it. */
export function removeCacheMount(parts: BuildParts, { path }: CacheMount): boolean {
  const lock = parts.engine.volumes.locks.tryLock(`${path}.lock`, 'exclusive');
  if (lock === undefined) return false;
  using _lock = lock;
  using work = workFolder(parts, 'gone');
  renameSync(path, `${work.path}/gone`);
  rmSync(`${path}.lock`, { force: true });
  return true;
}
