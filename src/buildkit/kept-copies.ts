/** Copies of what clients have, each of one build at a time, kept for the next one: as part of the build cache. */
import type { Prunable } from '../build/contract.ts';

/** How many copies wait for their next build, and how many milliseconds: two days, as BuildKit's. */
const KEPT = 16;
const MAX_AGE = 48 * 3600_000;

export interface Copy {
  /** The same for what is the same with the client. */
  readonly key: string;
  /** Of the record in the build cache: letters and digits. */
  readonly id: string;
  /** With the client. */
  readonly name: string;
  /** Bytes. */
  size: number;
}

interface Kept<C> {
  readonly copy: C;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  usedAt: number;
  uses: number;
}

export class KeptCopies<C extends Copy> {
  /** The one that was used last comes last. */
  readonly #free: Kept<C>[] = [];
  readonly #used = new Set<Kept<C>>();
  readonly #now: () => number;
  readonly #remove: (copy: C) => void;

  constructor(remove: (copy: C) => void, now: () => number = Date.now) {
    this.#remove = remove;
    this.#now = now;
  }

  /** A copy that nobody has, kept or made; it comes back, once, by what is called `give`. */
  take(key: string, make: () => C): { readonly copy: C; readonly used: () => void; readonly give: () => void } {
    const at = this.#free.findIndex(({ copy }) => copy.key === key);
    const now = this.#now();
    const kept = at === -1 ? { copy: make(), createdAt: now, usedAt: now, uses: 0 } : this.#free.splice(at, 1)[0]!;
    this.#used.add(kept);
    return { copy: kept.copy, used: () => void kept.uses++, give: () => this.#give(kept) };
  }

  /** Those that nobody has go. */
  clear(): void {
    for (const { copy } of this.#free.splice(0)) this.#remove(copy);
  }

  /** As the build cache has them. */
  list(): Prunable[] {
    return [...this.#free, ...this.#used].map((kept) => ({
      record: {
        id: kept.copy.id,
        parents: [],
        type: 'source.local',
        description: `local source for ${kept.copy.name}`,
        inUse: this.#used.has(kept),
        shared: false,
        size: kept.copy.size,
        createdAt: kept.createdAt,
        lastUsedAt: kept.usedAt,
        usageCount: kept.uses,
      },
      remove: () => {
        const at = this.#free.indexOf(kept);
        if (at !== -1) this.#remove(this.#free.splice(at, 1)[0]!.copy);
        return at !== -1;
      },
    }));
  }

  #give(kept: Kept<C>): void {
    if (!this.#used.delete(kept)) return;
    kept.usedAt = this.#now();
    this.#free.push(kept);
    while (this.#free.length > KEPT || this.#now() - this.#free[0]!.usedAt > MAX_AGE) this.#remove(this.#free.shift()!.copy);
  }
}
