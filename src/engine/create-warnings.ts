/** What this machine cannot give, taken out of a container's limits with a warning, as Docker does and in its words. */
import { invalid } from '../base/errors.ts';
import { numbersOf, type CgroupAbilities } from '../cgroup/abilities.ts';
import { compresses } from './log-settings.ts';
import type { ContainerCreate, HostConfig, Resources } from './types/container.ts';

interface Missing {
  readonly able: boolean;
  readonly wanted: boolean;
  readonly warning: string;
  readonly instead: Partial<Resources>;
}

const NO_CGROUP = 'or the cgroup is not mounted';

/** The limits that will be set, and the warnings about the others. Throws `invalid` for processors that are not there. */
export function possibleLimits(host: HostConfig, able: CgroupAbilities): { readonly limits: HostConfig; readonly warnings: readonly string[] } {
  checkSet('cpus', host.CpusetCpus, able.cpus);
  checkSet('mems', host.CpusetMems, able.mems);
  const warnings: string[] = [];
  let limits = host;
  for (const { able: can, wanted, warning, instead } of missingOf(host, able)) {
    if (can || !wanted) continue;
    warnings.push(warning);
    limits = { ...limits, ...instead };
  }
  if (able.oomKillDisable && limits.OomKillDisable && limits.Memory === 0)
    warnings.push('OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.');
  // a kernel that cannot has nothing to be told
  if (!able.oomKillDisable) limits = { ...limits, OomKillDisable: null };
  return { limits, warnings };
}

function missingOf(host: HostConfig, able: CgroupAbilities): readonly Missing[] {
  const kernel = (what: string, end: string) => `Your kernel does not support ${what} ${NO_CGROUP}. ${end}`;
  const some = (list: readonly unknown[] | null) => (list?.length ?? 0) > 0;
  const io = (what: string, short: string) => kernel(what, `Block I/O ${short} limit discarded.`);
  return [
    {
      able: able.memory,
      wanted: host.Memory > 0,
      warning: kernel('memory limit capabilities', 'Limitation discarded.'),
      instead: { Memory: 0, MemorySwap: -1 },
    },
    {
      able: able.swap || !able.memory,
      wanted: host.Memory > 0 && host.MemorySwap !== -1,
      warning: kernel('swap limit capabilities', 'Memory limited without swap.'),
      instead: { MemorySwap: -1 },
    },
    {
      able: able.memoryReservation,
      wanted: host.MemoryReservation > 0,
      warning: kernel('memory soft limit capabilities', 'Limitation discarded.'),
      instead: { MemoryReservation: 0 },
    },
    {
      able: able.swappiness,
      wanted: host.MemorySwappiness !== null,
      warning: kernel('memory swappiness capabilities', 'Memory swappiness discarded.'),
      instead: { MemorySwappiness: null },
    },
    {
      able: able.oomKillDisable,
      wanted: host.OomKillDisable === true,
      warning: 'Your kernel does not support OomKillDisable. OomKillDisable discarded.',
      instead: {},
    },
    {
      able: able.pids,
      wanted: (host.PidsLimit ?? 0) > 0,
      warning: kernel('PIDs limit capabilities', 'PIDs limit discarded.'),
      instead: { PidsLimit: null },
    },
    { able: able.cpuShares, wanted: host.CpuShares > 0, warning: kernel('CPU shares', 'Shares discarded.'), instead: { CpuShares: 0 } },
    {
      able: able.cpuCfs,
      wanted: host.CpuPeriod > 0 || host.CpuQuota > 0,
      warning: kernel('CPU CFS scheduler', 'CPU period/quota discarded.'),
      instead: { CpuPeriod: 0, CpuQuota: 0 },
    },
    { able: false, wanted: host.CpuPercent > 0, warning: 'linux does not support CPU percent. Percent discarded.', instead: { CpuPercent: 0 } },
    {
      able: able.cpuset,
      wanted: host.CpusetCpus !== '' || host.CpusetMems !== '',
      warning: kernel('cpuset', 'Cpuset discarded.'),
      instead: { CpusetCpus: '', CpusetMems: '' },
    },
    { able: able.blkioWeight, wanted: host.BlkioWeight > 0, warning: kernel('Block I/O weight', 'Weight discarded.'), instead: { BlkioWeight: 0 } },
    {
      able: able.blkioWeightDevice,
      wanted: some(host.BlkioWeightDevice),
      warning: kernel('Block I/O weight_device', 'Weight-device discarded.'),
      instead: { BlkioWeightDevice: [] },
    },
    {
      able: able.readBps,
      wanted: some(host.BlkioDeviceReadBps),
      warning: io('BPS Block I/O read limit', 'BPS read'),
      instead: { BlkioDeviceReadBps: [] },
    },
    {
      able: able.writeBps,
      wanted: some(host.BlkioDeviceWriteBps),
      warning: io('BPS Block I/O write limit', 'BPS write'),
      instead: { BlkioDeviceWriteBps: [] },
    },
    {
      able: able.readIops,
      wanted: some(host.BlkioDeviceReadIOps),
      warning: io('IOPS Block read limit', 'IOPS read'),
      instead: { BlkioDeviceReadIOps: [] },
    },
    {
      able: able.writeIops,
      wanted: some(host.BlkioDeviceWriteIOps),
      warning: io('IOPS Block write limit', 'IOPS write'),
      instead: { BlkioDeviceWriteIOps: [] },
    },
  ];
}

/** About what was asked for beside the limits. */
export function otherWarnings(given: ContainerCreate, host: HostConfig): readonly string[] {
  return [
    ...(host.LogConfig.Type !== 'none' && compresses(host.LogConfig.Config['compress'])
      ? ['Log files that were rotated are kept as they are: log option compress is discarded.']
      : []),
    ...(host.NetworkMode === 'host' && Object.keys(host.PortBindings ?? {}).length > 0 ? ['Published ports are discarded when using host network mode'] : []),
    ...(given.MacAddress ? ['The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.'] : []),
  ];
}

function checkSet(which: 'cpus' | 'mems', text: string, available: string): void {
  if (text === '') return;
  const wanted = numbersOf(text);
  if (wanted === undefined) throw invalid(`Invalid value ${text} for cpuset ${which}: invalid format: ${text}`);
  const there = new Set(numbersOf(available));
  if (available === '' || wanted.every((number) => there.has(number))) return;
  throw invalid(`Requested ${which === 'cpus' ? 'CPUs' : 'memory nodes'} are not available - requested ${text}, available: ${available}`);
}
