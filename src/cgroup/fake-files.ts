/** Cgroup file systems in memory, for tests: the kernel's rules as far as the drivers lean on them. */
import type { CgroupFiles, CgroupLayout, Hierarchy } from './contract.ts';

const NO_LIMIT = '9223372036854771712';
const V1_FILES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  cpu: {
    'cpu.shares': '1024',
    'cpu.cfs_period_us': '100000',
    'cpu.cfs_quota_us': '-1',
    'cpu.cfs_burst_us': '0',
    'cpu.idle': '0',
    'cpu.rt_period_us': '1000000',
    'cpu.rt_runtime_us': '0',
    'cpu.stat': 'nr_periods 0\nnr_throttled 0\nthrottled_time 0\n',
  },
  cpuacct: { 'cpuacct.usage': '0', 'cpuacct.stat': 'user 0\nsystem 0\n', 'cpuacct.usage_percpu': '0 0 \n' },
  cpuset: { 'cpuset.cpus': '', 'cpuset.mems': '' },
  memory: {
    'memory.limit_in_bytes': NO_LIMIT,
    'memory.memsw.limit_in_bytes': NO_LIMIT,
    'memory.soft_limit_in_bytes': NO_LIMIT,
    'memory.kmem.tcp.limit_in_bytes': NO_LIMIT,
    'memory.swappiness': '60',
    'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 0\n',
    'memory.usage_in_bytes': '0',
    'memory.max_usage_in_bytes': '0',
    'memory.failcnt': '0',
    'memory.stat': 'cache 0\ninactive_file 0\n',
  },
  devices: { 'devices.allow': '', 'devices.deny': '', 'devices.list': 'a *:* rwm\n' },
  freezer: { 'freezer.state': 'THAWED\n' },
  blkio: {
    'blkio.bfq.weight': '100',
    'blkio.bfq.weight_device': '',
    'blkio.throttle.read_bps_device': '',
    'blkio.throttle.write_bps_device': '',
    'blkio.throttle.read_iops_device': '',
    'blkio.throttle.write_iops_device': '',
    'blkio.throttle.io_service_bytes_recursive': 'Total 0\n',
  },
  pids: { 'pids.max': 'max', 'pids.current': '0' },
  hugetlb: { 'hugetlb.2MB.limit_in_bytes': '9223372036852678656', 'hugetlb.2MB.rsvd.limit_in_bytes': '9223372036852678656' },
};
const V2_FILES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  cpu: { 'cpu.weight': '100', 'cpu.max': 'max 100000', 'cpu.max.burst': '0', 'cpu.idle': '0' },
  cpuset: { 'cpuset.cpus': '', 'cpuset.mems': '' },
  memory: {
    'memory.max': 'max',
    'memory.high': 'max',
    'memory.low': '0',
    'memory.swap.max': 'max',
    'memory.current': '0',
    'memory.peak': '0',
    'memory.stat': 'anon 0\ninactive_file 0\n',
    'memory.events': 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n',
  },
  io: { 'io.weight': 'default 100', 'io.max': '', 'io.stat': '' },
  pids: { 'pids.max': 'max', 'pids.current': '0' },
  hugetlb: { 'hugetlb.2MB.max': 'max', 'hugetlb.2MB.rsvd.max': 'max' },
};
const ALL_V1 = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'hugetlb'];
const ALL_V2 = ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids'];

const v1 = (controller: string): Hierarchy => ({ version: 1, controllers: [controller], mountPoint: `/cg/${controller}` });

/** As machines have them. Hybrid: everything on v1 but hugetlb. */
export const LAYOUTS: Readonly<Record<CgroupLayout['kind'], CgroupLayout>> = {
  v1: { kind: 'v1', hierarchies: ALL_V1.map(v1) },
  hybrid: {
    kind: 'hybrid',
    hierarchies: [...ALL_V1.filter((name) => name !== 'hugetlb').map(v1), { version: 2, controllers: ['hugetlb'], mountPoint: '/cg/unified' }],
  },
  v2: { kind: 'v2', hierarchies: [{ version: 2, controllers: ALL_V2, mountPoint: '/cg' }] },
};

/** The layout without some controllers, as a machine that lacks them has it. */
export function without(layout: CgroupLayout, ...names: string[]): CgroupLayout {
  const hierarchies = layout.hierarchies
    .map((hierarchy) => ({ ...hierarchy, controllers: hierarchy.controllers.filter((name) => !names.includes(name)) }))
    .filter((hierarchy) => hierarchy.version === 2 || hierarchy.controllers.length > 0);
  return { kind: layout.kind, hierarchies };
}

function fail(code: string, path: string): never {
  throw Object.assign(new Error(`${code}: write '${path}'`), { code });
}

const words = (text: string | undefined) => (text ?? '').split(/\s+/).filter(Boolean);

export class FakeCgroupFiles implements CgroupFiles {
  /** Every write that was accepted, as `[path, text]`. */
  readonly writes: [string, string][] = [];
  readonly #folders = new Map<string, Map<string, string>>();
  readonly #layout: CgroupLayout;

  constructor(layout: CgroupLayout) {
    this.#layout = layout;
    for (const hierarchy of layout.hierarchies) this.#folders.set(hierarchy.mountPoint, this.#root(hierarchy));
  }

  /** Sets what the kernel would show; files and folders are made as needed. */
  set(path: string, text: string): void {
    const [folder, name] = split(path);
    if (!this.#folders.has(folder)) this.#folders.set(folder, new Map());
    this.#folders.get(folder)!.set(name, text);
  }

  read(path: string): string | undefined {
    const [folder, name] = split(path);
    return this.#folders.get(folder)?.get(name);
  }

  exists(path: string): boolean {
    return this.#folders.has(path) || this.read(path) !== undefined;
  }

  mkdir(path: string): void {
    const [parent] = split(path);
    if (this.#folders.has(path)) return;
    if (!this.#folders.has(parent)) this.mkdir(parent);
    const hierarchy = this.#layout.hierarchies.find(({ mountPoint }) => path.startsWith(`${mountPoint}/`));
    if (hierarchy === undefined) fail('ENOENT', path);
    const files = new Map([['cgroup.procs', '']]);
    const controllers = hierarchy.version === 1 ? hierarchy.controllers : words(this.read(`${parent}/cgroup.subtree_control`));
    for (const name of controllers)
      for (const [file, text] of Object.entries((hierarchy.version === 1 ? V1_FILES : V2_FILES)[name] ?? {})) files.set(file, text);
    if (hierarchy.version === 1) {
      files.set('tasks', '').set('cgroup.clone_children', this.read(`${parent}/cgroup.clone_children`) ?? '0');
      if (files.has('cpuset.cpus') && files.get('cgroup.clone_children') === '1')
        for (const name of ['cpuset.cpus', 'cpuset.mems']) files.set(name, this.read(`${parent}/${name}`) ?? '');
    } else {
      files.set('cgroup.controllers', controllers.join(' ')).set('cgroup.subtree_control', '').set('cgroup.type', 'domain');
      files.set('cgroup.events', 'populated 0\nfrozen 0\n').set('cgroup.freeze', '0').set('cgroup.kill', '').set('cgroup.max.descendants', 'max');
      files.set('cpu.stat', 'usage_usec 0\nuser_usec 0\nsystem_usec 0\n');
    }
    this.#folders.set(path, files);
  }

  rmdir(path: string): void {
    if (this.list(path).some((name) => name.endsWith('/')) || words(this.read(`${path}/cgroup.procs`)).length > 0) return;
    this.#folders.delete(path);
  }

  list(path: string): string[] {
    const below = [...this.#folders.keys()].filter((each) => split(each)[0] === path).map((each) => `${split(each)[1]}/`);
    return [...(this.#folders.get(path)?.keys() ?? []), ...below];
  }

  write(path: string, text: string): void {
    const [folder, name] = split(path);
    const before = this.read(path);
    if (before === undefined) fail('ENOENT', path);
    this.set(path, this.#accepted(folder, name, text, before));
    this.writes.push([path, text]);
  }

  /** What the file reads as afterwards. Throws as the kernel does. */
  #accepted(folder: string, name: string, text: string, before: string): string {
    const number = (file: string) => Number(this.read(`${folder}/${file}`));
    const path = `${folder}/${name}`;
    if (name === 'cgroup.subtree_control') {
      const controller = text.slice(1);
      if (!words(this.read(`${folder}/cgroup.controllers`)).includes(controller)) fail('ENOENT', path);
      // "no internal processes", from which the real root is free: it has no type
      if (words(this.read(`${folder}/cgroup.procs`)).length > 0 && this.exists(`${folder}/cgroup.type`)) {
        if (!['cpu', 'cpuset', 'pids'].includes(controller)) fail('EBUSY', path);
        this.set(`${folder}/cgroup.type`, 'domain threaded');
      }
      return [...new Set([...words(before), controller])].join(' ');
    }
    const wanted = Number(text) < 0 ? Number(NO_LIMIT) : Number(text);
    if (name === 'memory.limit_in_bytes' && wanted > number('memory.memsw.limit_in_bytes')) fail('EINVAL', path);
    if (name === 'memory.memsw.limit_in_bytes' && wanted < number('memory.limit_in_bytes')) fail('EINVAL', path);
    if (name === 'memory.limit_in_bytes' && wanted < number('memory.usage_in_bytes')) fail('EBUSY', path);
    if ((name === 'cpu.shares' || name === 'cpu.weight') && this.read(`${folder}/cpu.idle`) === '1') fail('EINVAL', path);
    if (name === 'cpu.cfs_burst_us' && number('cpu.cfs_quota_us') > 0 && Number(text) > number('cpu.cfs_quota_us')) fail('EINVAL', path);
    if (name === 'cpu.cfs_quota_us' && wanted < number('cpu.cfs_burst_us')) fail('EINVAL', path);
    if (name === 'freezer.state') return `${text}\n`;
    if (name === 'cgroup.freeze') this.set(`${folder}/cgroup.events`, `populated 1\nfrozen ${text}\n`);
    if (name === 'memory.oom_control') return before.replace(/^oom_kill_disable .*$/m, `oom_kill_disable ${text}`);
    if (name.startsWith('memory.') && text === '-1') return NO_LIMIT;
    if (name === 'cpu.max' && !text.includes(' ')) return `${text} ${before.split(' ')[1]}`;
    if (name === 'cgroup.procs') return `${before}${text}\n`;
    return text;
  }

  #root(hierarchy: Hierarchy): Map<string, string> {
    const files = new Map([['cgroup.procs', '1\n']]);
    if (hierarchy.version === 2) return files.set('cgroup.controllers', hierarchy.controllers.join(' ')).set('cgroup.subtree_control', '');
    for (const name of hierarchy.controllers) for (const [file, text] of Object.entries(V1_FILES[name] ?? {})) files.set(file, text);
    if (files.has('cpuset.cpus')) files.set('cpuset.cpus', '0-3').set('cpuset.mems', '0');
    if (files.has('cpu.rt_runtime_us')) files.set('cpu.rt_runtime_us', '950000');
    // files that only children have
    for (const name of ['freezer.state', 'blkio.bfq.weight', 'pids.max']) files.delete(name);
    return files.set('cgroup.clone_children', '0');
  }
}

function split(path: string): [folder: string, name: string] {
  const at = path.lastIndexOf('/');
  return [path.slice(0, at), path.slice(at + 1)];
}
