/** Images that builds begin with, or copy from: those that are here, or from their registries. */
import type { Digest } from '../base/digest.ts';
import { EngineError } from '../base/errors.ts';
import type { LayerRef } from '../build/contract.ts';
import type { ImageConfig, Platform } from '../image/contract.ts';
import { platformMatches } from '../image/platform.ts';
import { parseReference } from '../image/reference.ts';
import { pullImage } from './image-pull.ts';
import type { ImageParts } from './image-parts.ts';
import type { Credentials } from './images-contract.ts';

export interface BaseFound {
  readonly id: Digest;
  readonly config: ImageConfig;
  readonly layers: readonly LayerRef[];
  /** Of what its registry has under the name, an index perhaps; of an image that never was there, of its manifest. */
  readonly digest: Digest;
}

export interface BaseWish {
  readonly platform: Platform;
  readonly pull: boolean;
  readonly credentials: ((host: string, signal: AbortSignal) => Promise<Credentials | undefined>) | undefined;
  readonly signal: AbortSignal;
  report(id: string, current: number, total: number): void;
}

/** Throws `not-found`, `denied` and the like in the registry's words. */
export async function findBase(images: ImageParts, name: string, wish: BaseWish): Promise<BaseFound> {
  const here = wish.pull ? undefined : local(images, name, wish);
  if (here !== undefined) return here;
  const { os, architecture, variant } = wish.platform;
  const credentials = await wish.credentials?.(parseReference(name).domain, wish.signal);
  await pullImage(images, name, {
    anySystem: true,
    platform: `${os}/${architecture}${variant ? `/${variant}` : ''}`,
    ...(credentials === undefined ? {} : { credentials }),
    signal: wish.signal,
    onProgress: ({ id, current, total }) => {
      if (id !== undefined && current !== undefined) wish.report(id, current, total ?? 0);
    },
  });
  const pulled = local(images, name, { ...wish, platform: undefined });
  if (pulled === undefined) throw new EngineError('not-found', `${name}: not found`);
  return pulled;
}

/** Undefined where it is not here, not whole, or of another platform. */
function local({ store, driver }: ImageParts, name: string, { platform }: { readonly platform: BaseWish['platform'] | undefined }): BaseFound | undefined {
  try {
    const { entry } = store.find(name);
    const { manifest, config } = store.documents(entry.target.digest);
    if (platform !== undefined && !platformMatches(config, platform)) return undefined;
    const diffIds = config.rootfs.diff_ids;
    if (!diffIds.every((diffId) => driver.has(diffId)) || !manifest.layers.every(({ digest }) => store.blobs.has(digest))) return undefined;
    const digest = entry.index ?? entry.target.digest;
    return { id: entry.facts.id, digest, config, layers: diffIds.map((diffId, index) => ({ diffId, descriptor: manifest.layers[index]! })) };
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'not-found') return undefined;
    throw error;
  }
}
