/** OCI resources as files of the v1 controllers, in the order in which the kernel takes them. */
import type { Resources, Throttle } from '../runtime/spec.ts';
import type { Setting } from './contract.ts';

/** Values that were asked for; undefined and 0 mean "not asked", as in the OCI specification. */
export function settingsV1(resources: Resources, current: { memory?: bigint; memsw?: bigint } = {}): Setting[] {
  const out: Setting[] = [];
  const set = (controller: string, file: string, value: number | bigint | string | undefined, subject: string, ignore?: string[]) => {
    if (value !== undefined && value !== '') out.push({ controller, file, value: String(value), subject, ignore });
  };
  const { memory = {}, cpu = {}, pids, blockIO = {}, network = {} } = resources;

  set('cpu', 'cpu.rt_period_us', cpu.realtimePeriod || undefined, 'realtime period');
  set('cpu', 'cpu.rt_runtime_us', cpu.realtimeRuntime || undefined, 'realtime runtime');
  set('cpu', 'cpu.shares', cpu.shares || undefined, `cpu shares ${cpu.shares}`);
  set('cpu', 'cpu.cfs_period_us', cpu.period || undefined, `cpu period ${cpu.period}`);
  set('cpu', 'cpu.cfs_quota_us', cpu.quota || undefined, `cpu quota ${cpu.quota}`);
  set('cpu', 'cpu.cfs_burst_us', cpu.burst, `cpu burst ${cpu.burst}`, ['ENOENT']);
  set('cpu', 'cpu.idle', cpu.idle, `cpu idle ${cpu.idle}`, ['ENOENT']);
  set('cpuset', 'cpuset.cpus', cpu.cpus, `cpuset cpus ${cpu.cpus}`);
  set('cpuset', 'cpuset.mems', cpu.mems, `cpuset mems ${cpu.mems}`);

  const limit = { controller: 'memory', file: 'memory.limit_in_bytes', value: String(memory.limit), subject: `memory limit ${memory.limit}` };
  const swap = {
    controller: 'memory',
    file: 'memory.memsw.limit_in_bytes',
    value: String(memory.swap),
    subject: `memory and swap limit ${memory.swap}`,
    ignore: ['ENOENT', 'EACCES'],
  };
  const order = [...(memory.limit ? [limit] : []), ...(memory.swap ? [swap] : [])];
  // memory may not be above memory with swap: what grows, grows first where the limit would pass the old sum
  const grows = current.memsw !== undefined && memory.limit !== undefined && BigInt(memory.limit) > current.memsw;
  out.push(...(grows || memory.swap === -1 ? order.reverse() : order));
  set('memory', 'memory.soft_limit_in_bytes', memory.reservation || undefined, `memory reservation ${memory.reservation}`);
  set('memory', 'memory.kmem.tcp.limit_in_bytes', memory.kernelTCP || undefined, 'kernel tcp memory limit', ['ENOENT', 'EOPNOTSUPP']);
  set('memory', 'memory.swappiness', memory.swappiness, `memory swappiness ${memory.swappiness}`);
  if (memory.disableOOMKiller) set('memory', 'memory.oom_control', 1, 'oom kill disabled');

  set('pids', 'pids.max', pids === undefined || pids.limit === 0 ? undefined : pids.limit < 0 ? 'max' : pids.limit, `pids limit ${pids?.limit}`);

  const weight = blockIO.weight || undefined;
  set('blkio', 'blkio.bfq.weight', weight, `block io weight ${weight}`, ['ENOENT', 'EINVAL']);
  set('blkio', 'blkio.weight', weight, `block io weight ${weight}`, ['ENOENT', 'EOPNOTSUPP']);
  for (const device of blockIO.weightDevice ?? []) {
    if (device.weight)
      set('blkio', 'blkio.weight_device', `${device.major}:${device.minor} ${device.weight}`, `block io weight of ${device.major}:${device.minor}`, ['ENOENT']);
  }
  for (const [file, list] of throttles(blockIO)) {
    for (const { major, minor, rate } of list)
      set('blkio', `blkio.throttle.${file}_device`, `${major}:${minor} ${rate}`, `block io throttle of ${major}:${minor}`);
  }
  for (const { pageSize, limit: bytes } of resources.hugepageLimits ?? []) {
    set('hugetlb', `hugetlb.${pageSize}.limit_in_bytes`, bytes, `hugepage limit ${pageSize}`);
    set('hugetlb', `hugetlb.${pageSize}.rsvd.limit_in_bytes`, bytes, `hugepage limit ${pageSize}`, ['ENOENT']);
  }
  set('net_cls', 'net_cls.classid', network.classID || undefined, 'network class');
  for (const { name, priority } of network.priorities ?? []) set('net_prio', 'net_prio.ifpriomap', `${name} ${priority}`, `network priority of ${name}`);
  for (const [device, { hcaHandles, hcaObjects }] of Object.entries(resources.rdma ?? {})) {
    set('rdma', 'rdma.max', rdma(device, hcaHandles, hcaObjects), `rdma limit of ${device}`);
  }
  return out;
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

export function rdma(device: string, handles: number | undefined, objects: number | undefined): string {
  return [device, handles === undefined ? '' : `hca_handle=${handles}`, objects === undefined ? '' : `hca_object=${objects}`].filter(Boolean).join(' ');
}
