/** Which limits the control groups of this machine can set: what `docker info` tells, and what a container is warned of. */
import type { CgroupFiles, Hierarchy } from './contract.ts';

export interface CgroupAbilities {
  readonly memory: boolean;
  readonly swap: boolean;
  readonly memoryReservation: boolean;
  readonly swappiness: boolean;
  readonly oomKillDisable: boolean;
  readonly kernelMemoryTcp: boolean;
  readonly cpuShares: boolean;
  /** Period and quota. */
  readonly cpuCfs: boolean;
  readonly cpuRealtime: boolean;
  readonly cpuset: boolean;
  readonly pids: boolean;
  readonly blkioWeight: boolean;
  readonly blkioWeightDevice: boolean;
  readonly readBps: boolean;
  readonly writeBps: boolean;
  readonly readIops: boolean;
  readonly writeIops: boolean;
  /** As `0-3`; '' where it is not known. */
  readonly cpus: string;
  readonly mems: string;
}

/** Looks at the hierarchies' roots, and on v2 at a folder below, where the files are that a root lacks. */
export function cgroupAbilities(files: CgroupFiles, hierarchies: readonly Hierarchy[]): CgroupAbilities {
  const of = (controller: string) => hierarchies.find(({ controllers }) => controllers.includes(controller));
  const v1 = (controller: string, ...names: string[]) => {
    const hierarchy = of(controller);
    return hierarchy?.version === 1 && names.every((name) => files.exists(`${hierarchy.mountPoint}/${name}`));
  };
  const v2 = (controller: string) => of(controller)?.version === 2;
  // a root has no weight
  const weight = (name: string) => v1('blkio', name) || (of('blkio')?.version === 1 && hasBelow(files, of('blkio')!, name));
  const cpuset = of('cpuset');
  const io = v2('io');
  return {
    memory: v2('memory') || v1('memory', 'memory.limit_in_bytes'),
    swap: (v2('memory') && swapOnV2(files, of('memory')!)) || v1('memory', 'memory.memsw.limit_in_bytes'),
    memoryReservation: v2('memory') || v1('memory', 'memory.soft_limit_in_bytes'),
    swappiness: v1('memory', 'memory.swappiness'),
    oomKillDisable: v1('memory', 'memory.oom_control'),
    kernelMemoryTcp: v1('memory', 'memory.kmem.tcp.limit_in_bytes'),
    cpuShares: v2('cpu') || v1('cpu', 'cpu.shares'),
    cpuCfs: v2('cpu') || v1('cpu', 'cpu.cfs_period_us', 'cpu.cfs_quota_us'),
    cpuRealtime: v1('cpu', 'cpu.rt_period_us', 'cpu.rt_runtime_us'),
    cpuset: cpuset !== undefined,
    pids: of('pids') !== undefined,
    blkioWeight: io || weight('blkio.weight') || weight('blkio.bfq.weight'),
    blkioWeightDevice: io || weight('blkio.weight_device') || weight('blkio.bfq.weight_device'),
    readBps: io || v1('blkio', 'blkio.throttle.read_bps_device'),
    writeBps: io || v1('blkio', 'blkio.throttle.write_bps_device'),
    readIops: io || v1('blkio', 'blkio.throttle.read_iops_device'),
    writeIops: io || v1('blkio', 'blkio.throttle.write_iops_device'),
    cpus: cpuset === undefined ? '' : list(files, cpuset, 'cpus'),
    mems: cpuset === undefined ? '' : list(files, cpuset, 'mems'),
  };
}

/** The root of a v2 tree has no memory files: what is below it tells. */
function swapOnV2(files: CgroupFiles, hierarchy: Hierarchy): boolean {
  return !hasBelow(files, hierarchy, 'memory.max') || hasBelow(files, hierarchy, 'memory.swap.max');
}

function hasBelow(files: CgroupFiles, { mountPoint }: Hierarchy, file: string): boolean {
  return files.list(mountPoint).some((name) => name.endsWith('/') && files.exists(`${mountPoint}/${name}${file}`));
}

function list(files: CgroupFiles, { mountPoint }: Hierarchy, what: 'cpus' | 'mems'): string {
  return (
    files.read(`${mountPoint}/cpuset.${what}.effective`) ??
    files.read(`${mountPoint}/cpuset.effective_${what}`) ??
    files.read(`${mountPoint}/cpuset.${what}`) ??
    ''
  ).trim();
}

/** `0-2,5` as numbers; undefined for what is no such list. */
export function numbersOf(text: string): readonly number[] | undefined {
  const numbers: number[] = [];
  for (const part of text.split(',').filter((each) => each !== '')) {
    const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    if (from === undefined || Number(to) < Number(from)) return undefined;
    for (let number = Number(from); number <= Number(to); number++) numbers.push(number);
  }
  return numbers;
}
