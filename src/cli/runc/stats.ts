import type { CgroupStats } from '../../engine/oci.ts';

/** The `data` of a stats event, in the shape of runc's. */
export function eventData({ cpu, memory, pids, blkio }: CgroupStats) {
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
    blkio: { ioServiceBytesRecursive: entries('serviceBytes'), ioServicedRecursive: entries('serviced') },
  };
}
