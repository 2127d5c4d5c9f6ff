/** The engine's table in the kernel: kept as it should be, put back when somebody took it away. */
import { SyscallError } from '../../base/errors.ts';
import type { NftChange, PacketFilter } from '../../kernel/nftables-contract.ts';
import type { FilterElement } from './elements.ts';
import { RULE_COUNTS, SETS, tableChanges, type SetName } from './rules.ts';

export interface FilterTableOptions {
  readonly filter: PacketFilter;
  /** Its name; one engine's alone. */
  readonly table: string;
  /** For who lists the rules. */
  readonly comment: string;
  /** No other process changes it: what is there before the first change is of one that is no more. */
  readonly owned: boolean;
}

/**
 * What is wanted is kept by owner (a network, an endpoint): what several want is there until the last lets go. Calls throw
 * SyscallError, and then nothing has changed. Where several processes share a data root each adds what it knows of, and
 * only the one that owns it (`restore`) may take away what it does not know.
 */
export class FilterTable {
  readonly #options: FilterTableOptions;
  readonly #wanted = new Map<string, readonly FilterElement[]>();
  #generation = -1;
  #known = false;

  constructor(options: FilterTableOptions) {
    this.#options = options;
  }

  /** The elements of an owner, instead of those that it had. */
  set(owner: string, elements: readonly FilterElement[]): void {
    const before = this.#wanted.get(owner) ?? [];
    this.#wanted.set(owner, elements);
    const kept = this.#keys();
    const gone = before.filter((each) => !kept.has(keyOf(each)));
    try {
      this.#commit([...this.#elementChanges('elements-delete', gone), ...this.#elementChanges('elements-add', elements)]);
    } catch (error) {
      if (before.length > 0) this.#wanted.set(owner, before);
      else this.#wanted.delete(owner);
      throw error;
    }
  }

  /** An owner's elements go. Also for one that this process does not know: give them then. */
  remove(owner: string, elements: readonly FilterElement[] = this.#wanted.get(owner) ?? []): void {
    this.#wanted.delete(owner);
    const kept = this.#keys();
    const gone = elements.filter((each) => !kept.has(keyOf(each)));
    if (gone.length === 0) return;
    try {
      this.#apply(this.#elementChanges('elements-delete', gone));
    } catch (error) {
      // the table is gone, and they with it
      if (!(error instanceof SyscallError && error.code === 'ENOENT')) throw error;
    }
  }

  /** The table as it should be, whatever is there: in one batch, so that no packet finds it half made. */
  restore(): void {
    const { table, comment } = this.#options;
    this.#known = true;
    const all = [...this.#wanted.values()].flat();
    this.#apply([
      { op: 'table-delete', family: 'inet', table, missingOk: true },
      ...tableChanges(table, comment),
      ...this.#elementChanges('elements-add', [...new Map(all.map((each) => [keyOf(each), each])).values()]),
    ]);
  }

  /** Somebody, or this process, has changed a table since the last look. One short system call. */
  changed(): boolean {
    return this.#wanted.size > 0 && this.#options.filter.generation() !== this.#generation;
  }

  /** Puts it back if somebody changed it. Costs one short system call while nobody has changed any table. True: it was put back. */
  check(): boolean {
    if (this.#wanted.size === 0) return false;
    const now = this.#options.filter.generation();
    if (now === this.#generation) return false;
    if (this.#whole()) {
      this.#generation = now;
      return false;
    }
    this.restore();
    return true;
  }

  /** Nothing is wanted any more. */
  delete(): void {
    const { filter, table } = this.#options;
    this.#wanted.clear();
    filter.change([{ op: 'table-delete', family: 'inet', table, missingOk: true }]);
  }

  get empty(): boolean {
    return this.#wanted.size === 0;
  }

  #commit(changes: readonly NftChange[]): void {
    if (this.#options.owned && !this.#known) return this.restore();
    try {
      this.#apply(changes);
    } catch (error) {
      // of a container that is no more, whose process could not see to it
      if (error instanceof SyscallError && error.code === 'EEXIST') return this.#apply([...replaced(changes), ...changes]);
      // the first, or somebody flushed it
      if (!(error instanceof SyscallError && error.code === 'ENOENT')) throw error;
      try {
        this.restore();
      } catch (again) {
        // another process has just made it
        if (!(again instanceof SyscallError && again.code === 'EEXIST')) throw again;
        this.#apply(changes);
      }
    }
  }

  #apply(changes: readonly NftChange[]): void {
    if (changes.length === 0) return;
    this.#options.filter.change(changes);
    this.#generation = this.#options.filter.generation();
  }

  #whole(): boolean {
    const { filter, table } = this.#options;
    const at = { family: 'inet', table } as const;
    try {
      for (const [chain, count] of RULE_COUNTS) if (filter.rules({ ...at, chain }).length !== count) return false;
      const there = new Set<string>();
      for (const set of Object.keys(SETS) as SetName[]) for (const element of filter.elements({ ...at, set })) there.add(keyOf({ set, element }));
      return [...this.#keys()].every((key) => there.has(key));
    } catch (error) {
      if (error instanceof SyscallError && error.code === 'ENOENT') return false;
      throw error;
    }
  }

  #keys(): Set<string> {
    return new Set([...this.#wanted.values()].flat().map(keyOf));
  }

  #elementChanges(op: 'elements-add' | 'elements-delete', elements: readonly FilterElement[]): NftChange[] {
    const bySet = Map.groupBy(elements, ({ set }) => set);
    const { table } = this.#options;
    return [...bySet].map(([set, of]) => ({
      op,
      family: 'inet',
      table,
      set,
      type: SETS[set],
      elements: of.map(({ element }) => element),
      ...(op === 'elements-delete' ? { missingOk: true } : {}),
    }));
  }
}

/** Takes away whatever is there under the keys that are added. */
function replaced(changes: readonly NftChange[]): NftChange[] {
  return changes.flatMap((change): NftChange[] =>
    change.op === 'elements-add' ? [{ ...change, op: 'elements-delete', missingOk: true, elements: change.elements.map(({ key }) => ({ key })) }] : [],
  );
}

function keyOf({ set, element }: FilterElement): string {
  return `${set} ${JSON.stringify(element.key)} ${JSON.stringify(element.data ?? null)}`;
}
