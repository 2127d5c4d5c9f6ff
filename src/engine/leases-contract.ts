/**
 * Leases: what is under one goes when its owner goes, however that dies. Containers, networks and volumes are tied to a
 * lease by a label of their create documents. docs/leases.md is the specification.
 */

/** The label whose value is a lease's id. */
export const LEASE_LABEL = 'dev.kobako.lease';

export interface LeaseOptions {
  /** Seconds that it waits for its owner to come back once that has gone: 0 (the default) to 86,400. Never waits for one that ends it. */
  readonly grace?: number | undefined;
  /** One that is there already: it is taken over from whoever owns it. */
  readonly id?: string | undefined;
}

/** A lease in its owner's hands. Disposing of it ends it. */
export interface Lease extends AsyncDisposable {
  /** 32 hex digits. */
  readonly id: string;
  /** Seconds. */
  readonly grace: number;
  /** What a create document's `Labels` must have to be under it. */
  readonly labels: Readonly<Record<string, string>>;
  /** Aborted when it is this owner's no more: it has ended, somebody took it over, or the engine has closed. The reason is an EngineError. */
  readonly lost: AbortSignal;
  /**
   * Ends it, if it is still this owner's; resolves when all that was under it is gone. Throws `conflict` when something
   * could not be removed yet: it will be tried again.
   */
  end(): Promise<void>;
  /** The owner goes and leaves it: it ends once `grace` has passed, unless it is taken over. */
  release(): void;
}

/** `held`: its owner is there. `waiting`: its owner may come back. `ending`: what is under it is being removed. */
export type LeaseState = 'held' | 'waiting' | 'ending';

export interface LeaseSummary {
  readonly Id: string;
  /** RFC 3339. */
  readonly Created: string;
  /** Seconds. */
  readonly Grace: number;
  readonly State: LeaseState;
  readonly Objects: readonly LeasedObject[];
}

export interface LeasedObject {
  readonly Type: 'container' | 'network' | 'volume';
  /** A volume's is its name. */
  readonly Id: string;
}

export interface Leases {
  /** The oldest first. */
  list(): Promise<readonly LeaseSummary[]>;
  /** As `Lease.end`, whoever owns it. `not-found` as `No such lease: ID`. */
  end(id: string): Promise<void>;
}
