import type { CgroupStats } from '../../engine/oci.ts';

/** One line of `events`, with whole numbers of any size. */
export function eventLine(id: string, stats: CgroupStats | undefined): string {
  const whole = (_key: string, value: unknown) =>
    typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) ? rawJSON(BigInt(value).toString()) : value;
  return JSON.stringify({ type: 'stats', id, data: stats && eventData(stats) }, whole);
}

/** In Node since 21, and not yet in TypeScript's library. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** The `data` of a stats event, in the shape of runc's. */
function eventData({ cpu, memory, pids, blkio }: CgroupStats) {
  const entries = (kind: keyof CgroupStats['blkio']) => blkio[kind].map(({ major, minor, op, value }) => ({ major, minor, op, value }));
  return {
    cpu: {
      usage: { total: cpu.usage, percpu: cpu.perCpu ?? [], kernel: cpu.system, user: cpu.user },
      throttling: { periods: cpu.periods, throttledPeriods: cpu.throttledPeriods, throttledTime: cpu.throttledTime },
    },
    memory: {
      cache: memory.stats['cache'] ?? memory.stats['file'] ?? 0,
      usage: { limit: memory.limit, usage: memory.usage, max: memory.maxUsage ?? 0, failcnt: memory.failcnt ?? 0 },
      raw: memory.stats,
    },
    pids: { current: pids.current, limit: pids.limit },
    hugetlb: {},
    intel_rdt: {},
    network_interfaces: null,
    blkio: { ioServiceBytesRecursive: entries('serviceBytes'), ioServicedRecursive: entries('serviced') },
  };
}
