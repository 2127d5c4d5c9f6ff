/** The engine's table in the kernel: kept as it should be, put back when somebody took it away. */
import { SyscallError } from '../../base/errors.ts';
import type { NftChange, PacketFilter } from '../../kernel/nftables-contract.ts';
import type { FilterElement } from './elements.ts';
import { LASTING, RULE_COUNTS, SETS, tableChanges } from './rules.ts';

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
  #held = false;

  constructor(options: FilterTableOptions) {
    this.#options = options;
  }

  /** The elements of an owner, instead of those that it had. */
  set(owner: string, elements: readonly FilterElement[]): void {
    const before = this.#wanted.get(owner) ?? [];
    this.#wanted.set(owner, elements);
    if (this.#held) return;
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
    if (this.#held) return;
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

  /**
   * What is wanted by the end of `work` becomes so at once: until then the table stays as an earlier engine left it, and
   * who talks to its containers notices nothing. Never throws for the table: who needs it next is told.
   */
  together(work: () => void): void {
    this.#held = true;
    try {
      work();
    } finally {
      this.#held = false;
      if (!this.empty) {
        try {
          this.restore();
        } catch {
          this.#known = false;
        }
      }
    }
  }

  /** The table as it should be, whatever is there: in one batch, so that no packet finds it half made. */
  restore(): void {
    const lasting = this.#lasting();
    if (lasting.length > 0) this.#wanted.set(LASTING_OWNER, lasting);
    this.#known = true;
    this.#apply(this.#replacement([...this.#wanted.values()].flat()));
  }

  #replacement(elements: readonly FilterElement[]): NftChange[] {
    const { table, comment } = this.#options;
    return [
      { op: 'table-delete', family: 'inet', table, missingOk: true },
      ...tableChanges(table, comment),
      ...this.#elementChanges('elements-add', [...new Map(elements.map((each) => [keyOf(each), each])).values()]),
    ];
  }

  /** What must not go with networks and engines: wanted here, or by an engine that is no more. */
  #lasting(): FilterElement[] {
    const { filter, table } = this.#options;
    const there = LASTING.flatMap((set) => {
      try {
        return filter.elements({ family: 'inet', table, set }).map((element) => ({ set, element }));
      } catch (error) {
        if (error instanceof SyscallError && error.code === 'ENOENT') return [];
        throw error;
      }
    });
    const wanted = [...this.#wanted.values()].flat().filter(({ set }) => LASTING.includes(set));
    return [...there, ...wanted];
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

  /** Nothing is wanted any more. It stays with what is lasting, where there is something. */
  delete(): void {
    const { filter, table } = this.#options;
    const lasting = this.#lasting();
    this.#wanted.clear();
    filter.change(lasting.length > 0 ? this.#replacement(lasting) : [{ op: 'table-delete', family: 'inet', table, missingOk: true }]);
  }

  get name(): string {
    return this.#options.table;
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
      const bySet = Map.groupBy([...this.#wanted.values()].flat(), ({ set }) => set);
      return [...bySet].every(([set, of]) => {
        const wanted = of.map(({ element }) => element);
        return filter.holds({ ...at, set }, SETS[set], wanted);
      });
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

/** Of no network. */
const LASTING_OWNER = 'lasting';

function keyOf({ set, element }: FilterElement): string {
  return `${set} ${JSON.stringify(element.key)} ${JSON.stringify(element.data ?? null)}`;
}
