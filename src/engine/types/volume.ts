/** Volumes in the documents of Docker's API (1.51). */

export interface VolumeUsage {
  /** Bytes. */
  readonly Size: number;
  /** How many containers have it, whether they run or not. */
  readonly RefCount: number;
}

export interface Volume {
  /** RFC 3339. */
  readonly CreatedAt: string;
  readonly Driver: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Mountpoint: string;
  readonly Name: string;
  readonly Options: Readonly<Record<string, string>> | null;
  readonly Scope: 'local';
  /** In `system df` only. */
  readonly UsageData?: VolumeUsage;
}

/** The body of `POST /volumes/create`. */
export interface VolumeCreate {
  /** A random one when it is empty: the volume is anonymous then. */
  readonly Name?: string;
  readonly Driver?: string;
  readonly DriverOpts?: Readonly<Record<string, string>>;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** The answer to `POST /volumes/prune`. */
export interface VolumesPruned {
  readonly VolumesDeleted: readonly string[];
  /** Bytes. */
  readonly SpaceReclaimed: number;
}
