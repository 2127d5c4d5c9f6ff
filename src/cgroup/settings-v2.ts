/** OCI resources, which are worded for v1, as files of the v2 controllers; conversions as runc and crun do them. */
import { invalid } from '../base/errors.ts';
import type { Resources } from '../runtime/spec.ts';
import type { Setting } from './contract.ts';
import { aroundQuota, bandwidth, checkPageSize, rdma, swapSubject, throttles, wantedSwap, type Current } from './settings-v1.ts';

/** cpu.shares (2 to 262144, 1024 as usual) as cpu.weight (1 to 10000, 100 as usual), on runc's curve of 2025. */
export function sharesToWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const l = Math.log2(shares);
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34));
}

/** blkio weight (10 to 1000) as io.weight (1 to 10000). */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((Math.max(weight, 10) - 10) * 9999) / 990);
}

const max = (value: number) => (value < 0 ? 'max' : String(value));

export function settingsV2(resources: Resources, current: Current = {}): Setting[] {
  const out: Setting[] = [];
  const set = (controller: string, file: string, value: number | string | undefined, subject: string, ignore?: string[]) => {
    if (value !== undefined && value !== '') out.push({ controller, file, value: String(value), subject, ignore });
  };
  const { memory = {}, cpu = {}, pids, blockIO = {} } = resources;

  // a group that is idle has a fixed weight: it refuses any other
  if (!cpu.idle) set('cpu', 'cpu.idle', cpu.idle, `cpu idle ${cpu.idle}`);
  if (!cpu.idle && cpu.shares) set('cpu', 'cpu.weight', sharesToWeight(cpu.shares), `cpu shares ${cpu.shares}`);
  if (cpu.idle) set('cpu', 'cpu.idle', cpu.idle, `cpu idle ${cpu.idle}`);
  const quota: Setting[] = cpu.quota || cpu.period ? [{ controller: 'cpu', file: 'cpu.max', value: cpuMax(cpu, current), subject: bandwidth(cpu) }] : [];
  const burst: Setting[] =
    cpu.burst === undefined ? [] : [{ controller: 'cpu', file: 'cpu.max.burst', value: String(cpu.burst), subject: `cpu burst ${cpu.burst}` }];
  out.push(...aroundQuota(current, quota, [], burst));
  set('cpuset', 'cpuset.cpus', cpu.cpus, `cpuset cpus ${cpu.cpus}`);
  set('cpuset', 'cpuset.mems', cpu.mems, `cpuset mems ${cpu.mems}`);

  const swap = wantedSwap(memory);
  if (swap !== undefined) {
    const value = swapMax(memory.limit || current.memoryMax, swap);
    out.push({ controller: 'memory', file: 'memory.swap.max', value, subject: swapSubject(swap), optional: swap < 0 });
  }
  if (memory.limit) set('memory', 'memory.max', max(memory.limit), `memory limit ${memory.limit}`);
  if (memory.reservation) set('memory', 'memory.low', max(memory.reservation), `memory reservation ${memory.reservation}`);
  if (pids !== undefined && pids.limit !== 0) set('pids', 'pids.max', max(pids.limit), `pids limit ${pids.limit}`);

  const { weight } = blockIO;
  if (weight) {
    set('io', 'io.bfq.weight', weight, `block io weight ${weight}`, ['EINVAL']);
    set('io', 'io.weight', ioWeight(weight), `block io weight ${weight}`);
  }
  for (const device of blockIO.weightDevice ?? []) {
    if (!device.weight) continue;
    const name = `${device.major}:${device.minor}`;
    // each is for another scheduler, of which the device has one
    set('io', 'io.bfq.weight', `${name} ${device.weight}`, `block io weight of ${name}`, ['EINVAL', 'EOPNOTSUPP']);
    set('io', 'io.weight', `${name} ${ioWeight(device.weight)}`, `block io weight of ${name}`, ['EINVAL', 'EOPNOTSUPP']);
  }
  const keys = { read_bps: 'rbps', write_bps: 'wbps', read_iops: 'riops', write_iops: 'wiops' } as Record<string, string>;
  for (const [name, list] of throttles(blockIO)) {
    for (const { major, minor, rate } of list)
      set('io', 'io.max', `${major}:${minor} ${keys[name]}=${rate || 'max'}`, `block io throttle of ${major}:${minor}`);
  }
  for (const { pageSize, limit } of resources.hugepageLimits ?? []) {
    checkPageSize(pageSize);
    set('hugetlb', `hugetlb.${pageSize}.max`, limit, `hugepage limit ${pageSize}`);
    set('hugetlb', `hugetlb.${pageSize}.rsvd.max`, limit, `hugepage limit ${pageSize}`);
  }
  out.push(...rdma(resources), ...unified(resources));
  return out;
}

/** Files that are no limits but move, end or stop processes. */
const NO_LIMITS = /^cgroup\.(procs|threads|kill|freeze|type|subtree_control)$/;

/** Files of the cgroup as they are; one write a line, as the kernel wants it of io.max. */
function unified(resources: Resources): Setting[] {
  return Object.entries(resources.unified ?? {}).flatMap(([file, value]) => {
    if (!/^\w+(\.\w+)+$/.test(file))
      throw invalid(`unified resource ${JSON.stringify(file)} must be a file name of a cgroup, in the form CONTROLLER.PARAMETER`);
    if (NO_LIMITS.test(file)) throw invalid(`unified resource ${JSON.stringify(file)} is no limit`);
    const controller = file.slice(0, file.indexOf('.'));
    const lines = value.split('\n').filter((line) => line !== '');
    return lines.map((line) => ({ controller, file, value: line, subject: `unified resource ${file}=${value}`, mustExist: true }));
  });
}

/** The kernel keeps the period where only a quota is written, but not the quota where there is only a period. */
function cpuMax(cpu: NonNullable<Resources['cpu']>, current: Current): string {
  const quota = cpu.quota === undefined || cpu.quota === 0 ? (current.quota ?? 'max') : max(cpu.quota);
  return cpu.period ? `${quota} ${cpu.period}` : quota;
}

/** v1 limits memory and swap together, v2 swap alone. */
function swapMax(limit: number | bigint | undefined, swap: number): string {
  if (swap < 0) return 'max';
  if (!limit || limit < 0) throw invalid(`memory and swap limit ${swap} needs a memory limit`);
  if (swap < limit) throw invalid(`memory and swap limit ${swap} is below the memory limit ${limit}`);
  return String(BigInt(swap) - BigInt(limit));
}
