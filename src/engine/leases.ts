/** Use cases: leases are taken, lost and ended; what is under them goes. */
import { randomHex } from '../base/random-hex.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError, invalid } from '../base/errors.ts';
import { leasedObjects, removeLeased, type LeasedKind } from './lease-objects.ts';
import { LEASE_ID, type LeaseRecord, type LeaseStore } from './lease-store.ts';
import { LEASE_LABEL, type Lease, type LeaseOptions, type Leases, type LeaseSummary } from './leases-contract.ts';

/** Seconds. */
const LONGEST_GRACE = 86_400;
/** Milliseconds between two tries to remove what is in use. */
const FIRST_WAIT = 50;
const LONGEST_WAIT = 5_000;

interface Entry {
  record: LeaseRecord;
  owner?: HeldLease | undefined;
  /** Of the time that it waits for its owner. */
  timer?: NodeJS.Timeout | undefined;
  removal?: Removal;
}

interface Removal {
  /** What the first try left, a sentence each. */
  readonly first: Promise<readonly string[]>;
  /** Settles when nothing is at work on it any more. */
  readonly settled: Promise<void>;
}

export interface LeaseTableOptions {
  /** Undefined in an engine beside which others may work on the data root: it has no leases. */
  readonly store: LeaseStore | undefined;
  /** What can be under one. */
  readonly kinds: () => readonly LeasedKind[];
  /** Seconds that a lease of an earlier engine waits for its owner, at least. */
  readonly restartGrace: number;
}

export class LeaseTable implements Leases {
  readonly #options: LeaseTableOptions;
  readonly #all = new Map<string, Entry>();
  readonly #closed = new AbortController();

  constructor(options: LeaseTableOptions) {
    this.#options = options;
  }

  /** Goes on where an earlier engine ended: removals are finished, leases wait for their owners. */
  restore(): void {
    for (const record of this.#options.store?.load() ?? []) {
      const entry: Entry = { record };
      this.#all.set(record.id, entry);
      if (record.ended) this.#remove(entry);
      else this.#await(entry, Math.max(record.grace, this.#options.restartGrace));
    }
    if (this.#options.store !== undefined) void this.#adoptStrays().catch(() => {});
  }

  async acquire({ id, grace }: LeaseOptions = {}): Promise<Lease> {
    const store = this.#store();
    if (grace !== undefined && !(Number.isInteger(grace) && grace >= 0 && grace <= LONGEST_GRACE))
      throw invalid(`invalid grace ${grace}: it is a whole number of seconds from 0 to ${LONGEST_GRACE}`);
    if (this.#closed.signal.aborted) throw closed();
    let entry: Entry;
    if (id === undefined) {
      entry = { record: { id: randomHex(16), createdAt: Date.now(), grace: grace ?? 0 } };
      store.save(entry.record);
      this.#all.set(entry.record.id, entry);
    } else {
      entry = this.#find(id);
      if (entry.removal !== undefined) throw new EngineError('conflict', `lease ${id} has ended`);
      if (grace !== undefined && grace !== entry.record.grace) store.save((entry.record = { ...entry.record, grace }));
    }
    clearTimeout(entry.timer);
    entry.timer = undefined;
    entry.owner?.lose(new EngineError('conflict', `lease ${entry.record.id} has been taken over`));
    const lease = new HeldLease(entry.record, {
      end: async () => {
        if (entry.owner === lease || entry.removal !== undefined) await this.#endEntry(entry);
      },
      release: () => this.#release(entry, lease),
    });
    entry.owner = lease;
    return lease;
  }

  async list(): Promise<readonly LeaseSummary[]> {
    this.#store();
    const objects = await leasedObjects(this.#options.kinds());
    const entries = [...this.#all.values()].sort((a, b) => a.record.createdAt - b.record.createdAt);
    return entries.map(({ record: { id, createdAt, grace }, owner, removal }) => ({
      Id: id,
      Created: new Date(createdAt).toISOString(),
      Grace: grace,
      State: removal !== undefined ? 'ending' : owner !== undefined ? 'held' : 'waiting',
      Objects: objects.get(id) ?? [],
    }));
  }

  async end(id: string): Promise<void> {
    this.#store();
    await this.#endEntry(this.#find(id));
  }

  /**
   * Throws `conflict` for the labels of an object that would be under a lease which has ended, or never was. Called by
   * whoever makes one, with nothing to wait for between this and the object's record: later ones are not found by the
   * lease's end.
   */
  check(labels: Readonly<Record<string, string>> | null | undefined): void {
    const id = labels?.[LEASE_LABEL];
    if (id === undefined) return;
    this.#store();
    const entry = this.#all.get(id);
    if (entry === undefined || entry.removal !== undefined) throw new EngineError('conflict', `lease ${JSON.stringify(id)} has ended, or never was`);
  }

  /** Owners that go end nothing any more: the next engine waits for them to come back. */
  suspend(): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    for (const entry of this.#all.values()) {
      clearTimeout(entry.timer);
      entry.owner?.lose(closed());
    }
  }

  /** Resolves when nothing is being removed. */
  async close(): Promise<void> {
    this.suspend();
    await Promise.all([...this.#all.values()].map(({ removal }) => removal?.settled));
  }

  #store(): LeaseStore {
    const { store } = this.#options;
    if (store !== undefined) return store;
    throw new EngineError('unavailable', 'leases need an engine that owns its data root: nobody else is there when their owner is killed', {
      hint: 'use a daemon (connectEngine), or openEngine({ owner: true })',
    });
  }

  #find(id: string): Entry {
    const entry = this.#all.get(id);
    if (entry === undefined) throw new EngineError('not-found', `No such lease: ${id}`);
    return entry;
  }

  #release(entry: Entry, owner: HeldLease): void {
    owner.lose(new EngineError('cancelled', `lease ${owner.id} has been released`));
    if (entry.owner !== owner || this.#closed.signal.aborted) return;
    entry.owner = undefined;
    if (entry.removal === undefined) this.#await(entry, entry.record.grace);
  }

  #await(entry: Entry, seconds: number): void {
    if (seconds === 0) return this.#remove(entry);
    entry.timer = setTimeout(() => this.#remove(entry), seconds * 1000).unref();
  }

  async #endEntry(entry: Entry): Promise<void> {
    this.#remove(entry);
    if (entry.removal === undefined) throw closed();
    const [failure] = await entry.removal.first;
    if (failure !== undefined)
      throw new EngineError('conflict', `lease ${entry.record.id} has ended, and something is left that will be removed later: ${failure}`);
  }

  /** Its end: known on disk before anything is removed. */
  #remove(entry: Entry): void {
    if (entry.removal !== undefined || this.#closed.signal.aborted) return;
    clearTimeout(entry.timer);
    entry.record = { ...entry.record, ended: true };
    try {
      this.#store().save(entry.record);
    } catch {
      // no room on the disk: a later engine ends it once more
    }
    const first = Promise.withResolvers<readonly string[]>();
    entry.removal = { first: first.promise, settled: this.#removeAll(entry.record.id, first.resolve) };
    entry.owner?.lose(new EngineError('conflict', `lease ${entry.record.id} has ended`));
    entry.owner = undefined;
  }

  async #removeAll(id: string, tried: (failures: readonly string[]) => void): Promise<void> {
    const { signal } = this.#closed;
    for (let wait = FIRST_WAIT; !signal.aborted; wait = Math.min(wait * 2, LONGEST_WAIT)) {
      const failures = await removeLeased(this.#options.kinds(), id);
      if (failures.length === 0) {
        this.#store().remove(id);
        this.#all.delete(id);
        return tried([]);
      }
      tried(failures);
      await sleep(wait, undefined, { ref: false, signal }).catch(() => {});
    }
    tried(['the engine has closed']);
  }

  /** What is under a lease that is nowhere on record: its file was lost with the machine's power, or by hand. */
  async #adoptStrays(): Promise<void> {
    for (const id of (await leasedObjects(this.#options.kinds())).keys()) {
      if (this.#all.has(id) || !LEASE_ID.test(id)) continue;
      const entry: Entry = { record: { id, createdAt: Date.now(), grace: 0 } };
      this.#all.set(id, entry);
      this.#remove(entry);
    }
  }
}

function closed(): EngineError {
  return new EngineError('unavailable', 'the engine has closed: its leases wait for their owners');
}

class HeldLease implements Lease {
  readonly id: string;
  readonly grace: number;
  readonly end: () => Promise<void>;
  readonly release: () => void;
  readonly #lost = new AbortController();

  constructor({ id, grace }: LeaseRecord, { end, release }: Pick<Lease, 'end' | 'release'>) {
    this.id = id;
    this.grace = grace;
    this.end = end;
    this.release = release;
  }

  get labels(): Readonly<Record<string, string>> {
    return { [LEASE_LABEL]: this.id };
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  lose(reason: EngineError): void {
    this.#lost.abort(reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}
