/** Volumes as the doors see them, in the documents of Docker's API (1.51). Every method throws EngineError. */
import type { Filters } from './types/system.ts';
import type { Volume, VolumeCreate, VolumesPruned } from './types/volume.ts';

export interface Volumes {
  /** The volume of that name: a new one, or the one that is there. Throws `conflict` when that one has other options. */
  create(body?: VolumeCreate): Promise<Volume>;
  /** Filters: `dangling`, `driver`, `label`, `name`. */
  list(filters?: Filters): Promise<{ readonly Volumes: readonly Volume[]; readonly Warnings: readonly string[] | null }>;
  /** Throws `not-found`. */
  inspect(name: string): Promise<Volume>;
  /** Throws `conflict` while a container has it, running or not. With `force` one that is not there is fine. */
  remove(name: string, options?: { readonly force?: boolean | undefined }): Promise<void>;
  /** Those that no container has: anonymous ones, or with the filter `all` every one. Filters: `all`, `label`, `label!`. */
  prune(filters?: Filters): Promise<VolumesPruned>;
}
