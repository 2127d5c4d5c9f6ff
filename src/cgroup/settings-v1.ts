/** OCI resources as files of the v1 controllers, in the order in which the kernel takes them. */
import { invalid } from '../base/errors.ts';
import type { Resources, Throttle } from '../runtime/spec.ts';
import type { Setting } from './contract.ts';

/** What a living cgroup has now: an update must take a way on which every step is valid. Empty for a new one. */
export interface Current {
  /** v1: memory.memsw.limit_in_bytes. */
  readonly memsw?: bigint | undefined;
  /** v2: memory.max, where it is a number. */
  readonly memoryMax?: bigint | undefined;
  /** v2: the first word of cpu.max. */
  readonly quota?: string | undefined;
  readonly living?: boolean;
}

type Cpu = NonNullable<Resources['cpu']>;

/** Values that were asked for; undefined and 0 mean "not asked", as in the OCI specification. */
export function settingsV1(resources: Resources, current: Current = {}): Setting[] {
  const out: Setting[] = [];
  const set = (controller: string, file: string, value: number | bigint | string | undefined, subject: string, ignore?: string[]) => {
    if (value !== undefined && value !== '') out.push({ controller, file, value: String(value), subject, ignore });
  };
  const { memory = {}, cpu = {}, pids, blockIO = {}, network = {} } = resources;

  set('cpu', 'cpu.rt_period_us', cpu.realtimePeriod || undefined, 'realtime period');
  set('cpu', 'cpu.rt_runtime_us', cpu.realtimeRuntime || undefined, 'realtime runtime');
  // a group that is idle has a fixed weight: it refuses any other
  if (!cpu.idle) set('cpu', 'cpu.idle', cpu.idle, `cpu idle ${cpu.idle}`);
  if (!cpu.idle) set('cpu', 'cpu.shares', cpu.shares || undefined, `cpu shares ${cpu.shares}`);
  if (cpu.idle) set('cpu', 'cpu.idle', cpu.idle, `cpu idle ${cpu.idle}`);
  const one = (file: string, value: number | undefined, subject: string): Setting[] =>
    value === undefined ? [] : [{ controller: 'cpu', file, value: String(value), subject }];
  const period = one('cpu.cfs_period_us', cpu.period || undefined, bandwidth(cpu));
  const quota = one('cpu.cfs_quota_us', cpu.quota || undefined, bandwidth(cpu));
  out.push(...aroundQuota(current, quota, period, one('cpu.cfs_burst_us', cpu.burst, `cpu burst ${cpu.burst}`)));
  set('cpuset', 'cpuset.cpus', cpu.cpus, `cpuset cpus ${cpu.cpus}`);
  set('cpuset', 'cpuset.mems', cpu.mems, `cpuset mems ${cpu.mems}`);

  const swap = wantedSwap(memory);
  const setLimit = () => set('memory', 'memory.limit_in_bytes', memory.limit || undefined, `memory limit ${memory.limit}`);
  const setSwap = () => {
    if (swap !== undefined)
      out.push({ controller: 'memory', file: 'memory.memsw.limit_in_bytes', value: String(swap), subject: swapSubject(swap), optional: swap < 0 });
  };
  // memory may not be above memory with swap: what grows, grows first where the limit would pass the old sum
  const grows = memory.limit !== undefined && current.memsw !== undefined && BigInt(memory.limit) > current.memsw;
  for (const each of grows || swap === -1 ? [setSwap, setLimit] : [setLimit, setSwap]) each();
  set('memory', 'memory.soft_limit_in_bytes', memory.reservation || undefined, `memory reservation ${memory.reservation}`);
  set('memory', 'memory.kmem.tcp.limit_in_bytes', memory.kernelTCP || undefined, 'kernel tcp memory limit', ['EOPNOTSUPP']);
  set('memory', 'memory.swappiness', swappiness(memory.swappiness), `memory swappiness ${memory.swappiness}`);
  if (memory.disableOOMKiller) set('memory', 'memory.oom_control', 1, 'oom kill disabled');
  // only Docker's "not disabled" is always there: worth a write where it may change something
  else if (memory.disableOOMKiller === false && current.living)
    out.push({ controller: 'memory', file: 'memory.oom_control', value: '0', subject: 'oom kill enabled', optional: true });

  set('pids', 'pids.max', pids === undefined || pids.limit === 0 ? undefined : pids.limit < 0 ? 'max' : pids.limit, `pids limit ${pids?.limit}`);

  const weight = blockIO.weight || undefined;
  set('blkio', 'blkio.bfq.weight', weight, `block io weight ${weight}`, ['EINVAL']);
  set('blkio', 'blkio.weight', weight, `block io weight ${weight}`, ['EOPNOTSUPP']);
  set('blkio', 'blkio.leaf_weight', blockIO.leafWeight || undefined, `block io leaf weight ${blockIO.leafWeight}`);
  for (const device of blockIO.weightDevice ?? []) {
    const name = `${device.major}:${device.minor}`;
    const own = device.weight ? `${name} ${device.weight}` : undefined;
    set('blkio', 'blkio.bfq.weight_device', own, `block io weight of ${name}`, ['EINVAL', 'EOPNOTSUPP']);
    set('blkio', 'blkio.weight_device', own, `block io weight of ${name}`);
    set('blkio', 'blkio.leaf_weight_device', device.leafWeight ? `${name} ${device.leafWeight}` : undefined, `block io leaf weight of ${name}`);
  }
  for (const [file, list] of throttles(blockIO)) {
    for (const { major, minor, rate } of list)
      set('blkio', `blkio.throttle.${file}_device`, `${major}:${minor} ${rate}`, `block io throttle of ${major}:${minor}`);
  }
  for (const { pageSize, limit: bytes } of resources.hugepageLimits ?? []) {
    checkPageSize(pageSize);
    set('hugetlb', `hugetlb.${pageSize}.limit_in_bytes`, bytes, `hugepage limit ${pageSize}`);
    set('hugetlb', `hugetlb.${pageSize}.rsvd.limit_in_bytes`, bytes, `hugepage limit ${pageSize}`);
  }
  set('net_cls', 'net_cls.classid', network.classID || undefined, 'network class');
  for (const { name, priority } of network.priorities ?? []) {
    if (!/^[^\s/]{1,15}$/.test(name)) throw invalid(`network priority of ${JSON.stringify(name)}: not the name of an interface`);
    set('net_prio', 'net_prio.ifpriomap', `${name} ${priority}`, `network priority of ${name}`);
  }
  out.push(...rdma(resources));
  return out;
}

/** How error messages and warnings name quota and period, which belong together on both versions. */
export function bandwidth(cpu: Cpu): string {
  return [cpu.quota ? `cpu quota ${cpu.quota}` : '', cpu.period ? `cpu period ${cpu.period}` : ''].filter(Boolean).join(', ');
}

/**
 * Period, quota and burst in an order that is valid at each step. The kernel refuses a step that would for a moment give
 * more than the parent has, or a quota below the burst. In a living cgroup one cannot know which way is open, so period
 * and burst are tried before the quota, where EINVAL is no failure, and set after it.
 */
export function aroundQuota(current: Current, quota: Setting[], period: Setting[], burst: Setting[]): Setting[] {
  if (!current.living || quota.length === 0) return [...period, ...quota, ...burst];
  const tried = [...period, ...burst].map((setting) => ({ ...setting, ignore: ['EINVAL'] }));
  return [...tried, ...quota, ...period, ...burst];
}

/** Memory and swap together, as v1 counts. Without a memory limit there is none of the sum either. */
export function wantedSwap(memory: NonNullable<Resources['memory']>): number | undefined {
  return memory.swap || (memory.limit !== undefined && memory.limit < 0 ? -1 : undefined);
}

export function swapSubject(swap: number | undefined): string {
  return `memory and swap limit ${swap}`;
}

/** Go writes "not set" as the largest number. */
function swappiness(value: number | undefined): number | undefined {
  if (value === undefined || value > 2 ** 53) return undefined;
  if (value < 0 || value > 100) throw invalid(`invalid memory swappiness value: ${value} (valid range is 0-100)`);
  return value;
}

/** The name becomes part of a file name. */
export function checkPageSize(pageSize: string): void {
  if (!/^[1-9]\d*[KMGT]B$/.test(pageSize)) throw invalid(`hugepage limit ${JSON.stringify(pageSize)}: a page size is written as 2MB or 1GB`);
}

/** The four throttle lists by the middle of their v1 file names. */
export function throttles(blockIO: NonNullable<Resources['blockIO']>): (readonly [string, readonly Throttle[]])[] {
  return [
    ['read_bps', blockIO.throttleReadBpsDevice ?? []],
    ['write_bps', blockIO.throttleWriteBpsDevice ?? []],
    ['read_iops', blockIO.throttleReadIOPSDevice ?? []],
    ['write_iops', blockIO.throttleWriteIOPSDevice ?? []],
  ];
}

/** The same file on both versions. */
export function rdma(resources: Resources): Setting[] {
  return Object.entries(resources.rdma ?? {}).flatMap(([device, { hcaHandles, hcaObjects }]) => {
    if (!/^[^\s/]+$/.test(device)) throw invalid(`rdma limit of ${JSON.stringify(device)}: not the name of a device`);
    const value = [device, hcaHandles === undefined ? '' : `hca_handle=${hcaHandles}`, hcaObjects === undefined ? '' : `hca_object=${hcaObjects}`];
    return value.filter(Boolean).length > 1
      ? [{ controller: 'rdma', file: 'rdma.max', value: value.filter(Boolean).join(' '), subject: `rdma limit of ${device}` }]
      : [];
  });
}
