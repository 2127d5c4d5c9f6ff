/** What makes networks of records: the kernel's side of all networks of an engine, opened at the first use. */
import type { PlanRunner, RunningPlan } from '../kernel/contract.ts';
import type { NetworkKernel, NetworkNamespace, NetworkWatch } from '../kernel/network-contract.ts';
import { linuxNetworkKernel } from '../kernel/linux/network-namespaces.ts';
import { bridgeDriver } from '../network/bridge/driver.ts';
import type { NetworkDriver, NetworkDriverName } from '../network/contract.ts';
import { OtherFilters } from '../network/filter/others.ts';
import { FilterTable } from '../network/filter/table.ts';
import { lanDriver } from '../network/lan/driver.ts';
import { DATA_ROOT } from '../base/places.ts';
import { NamespacePool } from '../network/namespace-pool.ts';
import { planNamespaces } from '../runtime/hold.ts';

/** Of the default bridge on the host: an engine that is not the machine's has one of its own. */
export function defaultBridgeName(containerRoot: string, engineId: string): string {
  return containerRoot === DATA_ROOT ? 'kobako0' : `kb-${shortOf(engineId)}`;
}

/** Begins the alias of all interfaces of an engine. */
export function markOf(engineId: string): string {
  return `${TABLES}:${shortOf(engineId)}`;
}

function shortOf(engineId: string): string {
  return engineId.replaceAll('-', '').slice(0, 8);
}

/** Begins the names of all tables of ours, whichever engine's. */
const TABLES = 'kobako';
const READY_NAMESPACES = 8;
const REFILL_DELAY_MS = 20;
const CHECK_MS = 1000;

export interface NetworkingOptions {
  /** Of the folder of containers and networks: engines on different ones know nothing of each other. */
  readonly engineId: string;
  /** One at a time: nobody else changes the filter's table. */
  readonly owned: boolean;
  /** Makes namespaces ahead of their use. */
  readonly runner: PlanRunner;
}

export interface Networking extends Disposable {
  readonly kernel: NetworkKernel;
  readonly drivers: Readonly<Partial<Record<NetworkDriverName, NetworkDriver>>>;
  readonly pool: NamespacePool;
  readonly table: FilterTable;
  /** From now on rules that somebody takes away are put back; `mend` is called when interfaces may have changed. */
  watch(mend: () => void): void;
}

/** Touches nothing yet. */
export function openNetworking({ engineId, owned, runner }: NetworkingOptions): Networking {
  const kernel = linuxNetworkKernel();
  const mark = markOf(engineId);
  const { packetFilter: filter } = kernel.host();
  const table = new FilterTable({ filter, table: `${TABLES}-${shortOf(engineId)}`, comment: `of the kobako engine ${engineId}`, owned });
  const others = new OtherFilters({ filter, ours: TABLES });
  const pool = new NamespacePool({
    kernel,
    make: (count, made) => makeNamespaces(runner, kernel, count, made),
    size: owned ? READY_NAMESPACES : 0,
    delay: REFILL_DELAY_MS,
  });
  let timer: NodeJS.Timeout | undefined;
  let links: NetworkWatch | undefined;
  return {
    kernel,
    table,
    pool,
    drivers: {
      bridge: bridgeDriver({ kernel, table, others, mark }),
      macvlan: lanDriver('macvlan', { kernel, mark }),
      ipvlan: lanDriver('ipvlan', { kernel, mark }),
    },
    watch(mend) {
      if (timer !== undefined) return;
      links = kernel.host().watch();
      timer = setInterval(() => {
        try {
          if (links!.changed()) mend();
          if (!table.changed()) return;
          others.check();
          table.check();
        } catch {
          // the next look may find it better
        }
      }, CHECK_MS).unref();
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      links?.[Symbol.dispose]();
      pool[Symbol.dispose]();
    },
  };
}

/** By one runner of the helper: this thread only opens them. */
async function makeNamespaces(runner: PlanRunner, kernel: NetworkKernel, count: number, made: (namespace: NetworkNamespace) => void): Promise<void> {
  const running: RunningPlan = runner.run(planNamespaces(count), { onSync: async () => made(kernel.open(`/proc/${running.pid}/ns/net`)) });
  running.unref();
  await running.exited;
}
