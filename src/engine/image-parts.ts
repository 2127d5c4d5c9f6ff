import { rm } from 'node:fs/promises';
import type { Digest } from '../base/digest.ts';
import type { LayerRef } from '../build/contract.ts';
import type { Credentials, Reference, Repository, SearchHit } from '../image/contract.ts';
import { unlessCancelled } from '../image/registry/transport.ts';
import type { FileLocks } from '../kernel/contract.ts';
import type { ImageStore } from '../image/store/store.ts';
import type { ImageUser } from '../image/store/naming.ts';
import type { SnapshotDriver } from '../snapshot/contract.ts';
import type { OnImageEvent } from './image-events.ts';
import type { RegistryLogin } from './images-contract.ts';

export interface OpenRepository {
  readonly actions: readonly ('pull' | 'push')[];
  /** Instead of those in Docker's config file. */
  readonly credentials?: Credentials | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the use cases on images work with. */
export interface ImageParts {
  readonly store: ImageStore;
  readonly driver: SnapshotDriver;
  /** Where it is kept what users and groups an image has. */
  readonly accountsDir: string;
  readonly registry: {
    open(reference: Reference, options: OpenRepository): Promise<Repository>;
    /** Gives the token that may take the place of the password, '' for none. */
    login(login: RegistryLogin, signal: AbortSignal | undefined): Promise<string>;
    search(term: string, request: { readonly limit: number } & Pick<OpenRepository, 'credentials' | 'signal'>): Promise<readonly SearchHit[]>;
  };
  /** The containers that there are, with the images that they use. */
  users(): readonly ImageUser[];
  /** The layers below containers: they stay, whatever becomes of the image. */
  usedLayers(): ReadonlySet<Digest>;
  /** The same as chains. */
  usedChains(): ReadonlySet<Digest>;
  containerIds(): ReadonlySet<string>;
  /** What the build cache keeps: blobs, and the layers that they become. */
  cached(): readonly LayerRef[];
  readonly onEvent?: OnImageEvent | undefined;
  /** Runs work on a blob once: who asks for the same while it runs waits for that. `work` finds what another process has done. */
  once(digest: Digest, work: () => Promise<void>, signal?: AbortSignal): Promise<void>;
}

/** `ImageParts.once`. What failed is tried again by those who waited. */
export function onceEach(locks: FileLocks, pathOf: (digest: Digest) => string): ImageParts['once'] {
  const running = new Map<Digest, Promise<void>>();
  const alone = async (digest: Digest, work: () => Promise<void>, signal: AbortSignal | undefined) => {
    const path = pathOf(digest);
    using _lock = await locks.lock(path, 'exclusive', signal);
    try {
      await work();
    } finally {
      await rm(path, { force: true });
    }
  };
  return async (digest, work, signal) => {
    for (let known = running.get(digest); known !== undefined; known = running.get(digest)) {
      const ended = known.then(
        () => true,
        () => false,
      );
      if (await unlessCancelled(ended, signal)) return;
    }
    const mine = alone(digest, work, signal);
    running.set(digest, mine);
    try {
      await mine;
    } finally {
      running.delete(digest);
    }
  };
}
