/** `docker stats`: a document of the API as one row, with docker's arithmetic. */
import { chooseFormat, row, type Headings, type Row } from '../format.ts';
import { binarySize, humanSize } from '../units.ts';
import { shortId } from './text.ts';

interface CpuStats {
  readonly cpu_usage?: { readonly total_usage?: number; readonly percpu_usage?: readonly number[] | null };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
}

/** `GET /containers/ID/stats`, as far as it is shown. */
export interface StatsDocument {
  readonly id?: string;
  /** With its slash. */
  readonly name?: string;
  readonly cpu_stats?: CpuStats;
  readonly precpu_stats?: CpuStats;
  readonly memory_stats?: { readonly usage?: number; readonly limit?: number; readonly stats?: Readonly<Record<string, number>> };
  readonly blkio_stats?: { readonly io_service_bytes_recursive?: readonly { readonly op: string; readonly value: number }[] | null };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
  readonly pids_stats?: { readonly current?: number };
}

export interface StatsFigures {
  readonly cpuPercent: number;
  readonly memory: number;
  readonly memoryLimit: number;
  readonly memoryPercent: number;
  readonly received: number;
  readonly sent: number;
  readonly blockRead: number;
  readonly blockWritten: number;
  readonly pids: number;
}

export const STATS_HEADINGS: Headings = {
  Container: 'CONTAINER',
  Name: 'NAME',
  ID: 'CONTAINER ID',
  CPUPerc: 'CPU %',
  MemUsage: 'MEM USAGE / LIMIT',
  MemPerc: 'MEM %',
  NetIO: 'NET I/O',
  BlockIO: 'BLOCK I/O',
  PIDs: 'PIDS',
};

const TABLE = 'table {{.ID}}\\t{{.Name}}\\t{{.CPUPerc}}\\t{{.MemUsage}}\\t{{.MemPerc}}\\t{{.NetIO}}\\t{{.BlockIO}}\\t{{.PIDs}}';

export function statsFormat(given: string | undefined, config: () => string | undefined = () => undefined): string {
  return chooseFormat({ table: TABLE, quiet: TABLE }, given, false, config);
}

/** All processors busy are 100 % times their number. */
function cpuPercent({ cpu_stats: now, precpu_stats: before }: StatsDocument): number {
  const busy = (now?.cpu_usage?.total_usage ?? 0) - (before?.cpu_usage?.total_usage ?? 0);
  const all = (now?.system_cpu_usage ?? 0) - (before?.system_cpu_usage ?? 0);
  const cpus = now?.online_cpus || (now?.cpu_usage?.percpu_usage?.length ?? 0);
  return busy > 0 && all > 0 ? (busy / all) * cpus * 100 : 0;
}

/** Without the cache that the kernel can drop: cgroup v1 and v2 name it differently. */
function memoryUsed({ usage = 0, stats = {} }: NonNullable<StatsDocument['memory_stats']>): number {
  const { total_inactive_file: v1, inactive_file: v2 = 0 } = stats;
  if (v1 !== undefined && v1 < usage) return usage - v1;
  return v2 < usage ? usage - v2 : usage;
}

export function statsFigures(document: StatsDocument): StatsFigures {
  const { memory_stats: memoryStats = {}, networks = {}, blkio_stats: block } = document;
  const memory = memoryUsed(memoryStats);
  const memoryLimit = memoryStats.limit ?? 0;
  const operations = block?.io_service_bytes_recursive ?? [];
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const bytes = (first: string) => sum(operations.filter(({ op }) => op[0]?.toLowerCase() === first).map(({ value }) => value));
  return {
    cpuPercent: cpuPercent(document),
    memory,
    memoryLimit,
    memoryPercent: memoryLimit === 0 ? 0 : (memory / memoryLimit) * 100,
    received: sum(Object.values(networks).map(({ rx_bytes: received }) => received)),
    sent: sum(Object.values(networks).map(({ tx_bytes: sent }) => sent)),
    blockRead: bytes('r'),
    blockWritten: bytes('w'),
    pids: document.pids_stats?.current ?? 0,
  };
}

const NOTHING = '--';
const percent = (value: number) => `${value.toFixed(2)}%`;

/** One row; `document` is undefined while nothing is known of the container. */
export function statsRow(container: string, document: StatsDocument | undefined, { noTrunc = false } = {}): Row {
  const figures = document === undefined ? undefined : statsFigures(document);
  const shown = (text: (figures: StatsFigures) => string, nothing = NOTHING) => (figures === undefined ? nothing : text(figures));
  return row('*container.statsContext', {
    Container: () => container,
    Name: () => (document?.name ?? '').replace(/^\//, '') || NOTHING,
    ID: () => (noTrunc ? (document?.id ?? '') : shortId(document?.id ?? '')),
    CPUPerc: () => shown(({ cpuPercent: value }) => percent(value)),
    MemUsage: () => shown(({ memory, memoryLimit }) => `${binarySize(memory)} / ${binarySize(memoryLimit)}`, '-- / --'),
    MemPerc: () => shown(({ memoryPercent }) => percent(memoryPercent)),
    NetIO: () => shown(({ received, sent }) => `${humanSize(received, 3)} / ${humanSize(sent, 3)}`),
    BlockIO: () => shown(({ blockRead, blockWritten }) => `${humanSize(blockRead, 3)} / ${humanSize(blockWritten, 3)}`),
    PIDs: () => shown(({ pids }) => String(pids)),
  });
}
