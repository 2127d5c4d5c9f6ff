/**
 * Other programs' packet filters on the same host (iptables, ufw, firewalld, a real dockerd). A packet must pass the
 * chains of all of them: where one ends with dropping what is forwarded, a rule of ours at its beginning lets our bridges
 * through. What may reach them is decided in our own table.
 */
import { SyscallError } from '../../base/errors.ts';
import type { NftChain, NftRuleRead, PacketFilter } from '../../kernel/nftables-contract.ts';

export interface OtherFiltersOptions {
  readonly filter: PacketFilter;
  /** The beginning of the names of tables that are no other program's. */
  readonly ours: string;
}

export class OtherFilters {
  readonly #options: OtherFiltersOptions;
  readonly #bridges = new Set<string>();

  constructor(options: OtherFiltersOptions) {
    this.#options = options;
  }

  /** From now on the bridge's packets pass. */
  admit(bridge: string): void {
    this.#bridges.add(bridge);
    this.#ensure([bridge]);
  }

  /** Puts the rules back where somebody took them away, and into chains that are new. */
  check(): void {
    if (this.#bridges.size > 0) this.#ensure([...this.#bridges]);
  }

  forget(bridge: string): void {
    this.#bridges.delete(bridge);
    for (const chain of this.#chains()) this.#deleteRules(chain, this.#rules(chain), commentOf(bridge));
  }

  #ensure(bridges: readonly string[]): void {
    for (const chain of this.#chains()) {
      const rules = this.#rules(chain);
      if (!dropsInTheEnd(chain, rules)) continue;
      const { family, table, chain: name } = chain;
      for (const bridge of bridges) {
        const comment = commentOf(bridge);
        if (rules.filter((rule) => rule.comment === comment).length === 2) continue;
        this.#deleteRules(chain, rules, comment);
        const rule = (match: 'iifname' | 'oifname') =>
          ({
            op: 'rule-add',
            prepend: true,
            family,
            table,
            chain: name,
            comment,
            statements: [{ match, is: bridge }, { counter: true }, { verdict: 'accept' }],
          }) as const;
        tolerate(() => this.#options.filter.change([rule('oifname'), rule('iifname')]));
      }
    }
  }

  #deleteRules({ family, table, chain }: NftChain, rules: readonly NftRuleRead[], comment: string): void {
    for (const { handle, comment: of } of rules) {
      if (of === comment) tolerate(() => this.#options.filter.change([{ op: 'rule-delete', family, table, chain, handle }]));
    }
  }

  #chains(): NftChain[] {
    return this.#options.filter
      .chains()
      .filter(
        ({ base, family, table }) =>
          base?.hook === 'forward' &&
          base.type === 'filter' &&
          (family === 'ip' || family === 'ip6' || family === 'inet') &&
          !table.startsWith(this.#options.ours),
      );
  }

  #rules(chain: NftChain): NftRuleRead[] {
    let rules: NftRuleRead[] = [];
    tolerate(() => (rules = this.#options.filter.rules(chain)));
    return rules;
  }
}

function commentOf(bridge: string): string {
  return `kobako ${bridge}`;
}

function dropsInTheEnd({ base }: NftChain, rules: readonly NftRuleRead[]): boolean {
  const last = rules.at(-1);
  return (
    base?.policy === 'drop' || (last !== undefined && (last.verdict === 'drop' || last.expressions.includes('reject') || last.expressions.includes('target')))
  );
}

/** Another program may change its chains at the same moment, or allow nobody to (a table with an owner). */
function tolerate(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof SyscallError && ['ENOENT', 'EPERM', 'EBUSY', 'EINTR'].includes(error.code))) throw error;
  }
}
