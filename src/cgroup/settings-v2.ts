/** OCI resources, which are worded for v1, as files of the v2 controllers; conversions as runc and crun do them. */
import { invalid } from '../base/errors.ts';
import type { Resources } from '../runtime/spec.ts';
import type { Setting } from './contract.ts';
import { rdma, throttles } from './settings-v1.ts';

/** cpu.shares (2 to 262144, 1024 as usual) as cpu.weight (1 to 10000, 100 as usual), on runc's curve of 2025. */
export function sharesToWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const l = Math.log2(shares);
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34));
}

/** blkio weight (10 to 1000) as io.weight (1 to 10000). */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

const max = (value: number) => (value < 0 ? 'max' : String(value));

export function settingsV2(resources: Resources): Setting[] {
  const out: Setting[] = [];
  const set = (controller: string, file: string, value: number | string | undefined, subject: string, ignore?: string[]) => {
    if (value !== undefined && value !== '') out.push({ controller, file, value: String(value), subject, ignore });
  };
  const { memory = {}, cpu = {}, pids, blockIO = {} } = resources;

  if (cpu.shares) set('cpu', 'cpu.weight', sharesToWeight(cpu.shares), `cpu shares ${cpu.shares}`);
  if (cpu.quota || cpu.period) {
    const quota = cpu.quota !== undefined && cpu.quota > 0 ? String(cpu.quota) : 'max';
    set('cpu', 'cpu.max', cpu.period ? `${quota} ${cpu.period}` : quota, `cpu quota ${cpu.quota}`);
  }
  set('cpu', 'cpu.max.burst', cpu.burst, `cpu burst ${cpu.burst}`, ['ENOENT']);
  set('cpu', 'cpu.idle', cpu.idle, `cpu idle ${cpu.idle}`, ['ENOENT']);
  set('cpuset', 'cpuset.cpus', cpu.cpus, `cpuset cpus ${cpu.cpus}`);
  set('cpuset', 'cpuset.mems', cpu.mems, `cpuset mems ${cpu.mems}`);

  if (memory.swap) set('memory', 'memory.swap.max', swapMax(memory.limit, memory.swap), `memory and swap limit ${memory.swap}`, ['ENOENT']);
  if (memory.limit) set('memory', 'memory.max', max(memory.limit), `memory limit ${memory.limit}`);
  if (memory.reservation) set('memory', 'memory.low', max(memory.reservation), `memory reservation ${memory.reservation}`);
  if (pids !== undefined && pids.limit !== 0) set('pids', 'pids.max', max(pids.limit), `pids limit ${pids.limit}`);

  const { weight } = blockIO;
  if (weight) {
    set('io', 'io.bfq.weight', weight, `block io weight ${weight}`, ['ENOENT', 'EINVAL']);
    set('io', 'io.weight', ioWeight(weight), `block io weight ${weight}`, ['ENOENT']);
  }
  for (const device of blockIO.weightDevice ?? []) {
    if (device.weight)
      set('io', 'io.bfq.weight', `${device.major}:${device.minor} ${device.weight}`, `block io weight of ${device.major}:${device.minor}`, [
        'ENOENT',
        'EINVAL',
      ]);
  }
  const keys = { read_bps: 'rbps', write_bps: 'wbps', read_iops: 'riops', write_iops: 'wiops' } as Record<string, string>;
  for (const [name, list] of throttles(blockIO)) {
    for (const { major, minor, rate } of list)
      set('io', 'io.max', `${major}:${minor} ${keys[name]}=${rate || 'max'}`, `block io throttle of ${major}:${minor}`);
  }
  for (const { pageSize, limit } of resources.hugepageLimits ?? []) {
    set('hugetlb', `hugetlb.${pageSize}.max`, limit, `hugepage limit ${pageSize}`);
    set('hugetlb', `hugetlb.${pageSize}.rsvd.max`, limit, `hugepage limit ${pageSize}`, ['ENOENT']);
  }
  for (const [device, { hcaHandles, hcaObjects }] of Object.entries(resources.rdma ?? {})) {
    set('rdma', 'rdma.max', rdma(device, hcaHandles, hcaObjects), `rdma limit of ${device}`);
  }
  for (const [file, value] of Object.entries(resources.unified ?? {})) {
    if (file === '' || file.includes('/') || !file.includes('.')) throw invalid(`unified resource ${JSON.stringify(file)} must be a file name of a cgroup`);
    set(file.slice(0, file.indexOf('.')), file, value, `unified resource ${file}=${value}`);
  }
  return out;
}

/** v1 limits memory and swap together, v2 swap alone. */
function swapMax(limit: number | undefined, swap: number): string {
  if (swap < 0) return 'max';
  if (!limit || limit < 0) throw invalid(`memory and swap limit ${swap} needs a memory limit`);
  if (swap < limit) throw invalid(`memory and swap limit ${swap} is below the memory limit ${limit}`);
  return String(swap - limit);
}
