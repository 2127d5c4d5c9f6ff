/** Use case: what of this machine is in the way, or soon will be, and what mends it. */
import { partsOf } from '../cgroup/contract.ts';
import { doctorFacts, namesIn, type DoctorFacts } from '../kernel/linux/doctor-facts.ts';
import { doctorNetworkFacts } from '../kernel/linux/doctor-network-facts.ts';
import { openCgroups } from './cgroups.ts';
import { ContainerStore } from './container-store.ts';
import { leftInterfaces, networkStateFindings } from './doctor-networks.ts';
import { lives } from './process-id.ts';
import type { Cgroups } from './parts.ts';

export interface Finding {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'problem';
  readonly detail: string;
  /** What to do about it; '' when all is well. */
  readonly mend: string;
}

/** What containers have left, by path or id. */
export interface Leftovers {
  /** Of containers that are no more, without processes. */
  readonly cgroups: readonly string[];
  readonly sockets: readonly string[];
  /** Folders that a killed process was making or removing. */
  readonly halfMade: readonly string[];
}

export interface CgroupFacts {
  readonly kind: 'v1' | 'hybrid' | 'v2';
  readonly controllers: ReadonlySet<string>;
}

const CONTROLLERS = ['cpu', 'cpuset', 'memory', 'pids'];
const GIB = 2 ** 30;
/** By bit (capabilities(7)): without them no container can be made. */
const CAPABILITIES = { SETGID: 6, SETUID: 7, NET_ADMIN: 12, SYS_CHROOT: 18, SYS_ADMIN: 21, MKNOD: 27 };

/** Looks at this machine; changes nothing. */
export function diagnose(options: { readonly stateDir: string; readonly dataRoot: string }): readonly Finding[] {
  const { stateDir, dataRoot } = options;
  const cgroups = openCgroups();
  const facts = doctorFacts([dataRoot, stateDir]);
  const about =
    cgroups === undefined ? undefined : { kind: cgroups.driver.kind, controllers: new Set(cgroups.driver.hierarchies.flatMap((each) => each.controllers)) };
  const networks = doctorNetworkFacts();
  return [...findings(facts, about, leftovers(stateDir, dataRoot, cgroups)), ...networkStateFindings(networks, leftInterfaces(networks, dataRoot))];
}

/** Pure: of facts. */
export function findings(facts: DoctorFacts, cgroups: CgroupFacts | undefined, left: Leftovers): readonly Finding[] {
  return [
    ...kernelFindings(facts),
    ...cgroupFindings(cgroups),
    ...networkFindings(facts),
    ...limitFindings(facts),
    diskFinding(facts),
    leftFinding('leftover mounts', facts.mounts, 'umount them: the engine itself never mounts on the host'),
    leftFinding('leftover cgroups', left.cgroups, 'rmdir them, or start the engine once: it sweeps'),
    leftFinding('leftover sockets', left.sockets, 'start the engine once: it sweeps'),
    leftFinding('half-made containers', left.halfMade, 'start the engine once: it sweeps'),
  ];
}

function kernelFindings(facts: DoctorFacts): Finding[] {
  const { kernel, capabilities, filesystems, modules, namespaces } = facts;
  const missing = Object.entries(CAPABILITIES).flatMap(([name, bit]) => (((capabilities >> BigInt(bit)) & 1n) === 1n ? [] : [`CAP_${name}`]));
  const spaces = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts'].filter((name) => !namespaces.has(name));
  const has = (name: string) => filesystems.has(name) || modules.has(name);
  const isNew = (major: number, minor: number) => atLeast(kernel, major, minor);
  return [
    isNew(5, 12)
      ? ok('kernel', kernel)
      : isNew(5, 6)
        ? warning('kernel', `${kernel}: owners of mounts cannot be mapped`, 'Linux 5.12 or newer')
        : problem('kernel', `${kernel}: openat2(2), pidfd_open(2) and the new mount calls are needed`, 'Linux 5.6 or newer'),
    missing.length === 0
      ? ok('capabilities', 'all that containers need')
      : problem('capabilities', `missing: ${missing.join(', ')}`, 'run as root; in a container, run that with --privileged'),
    spaces.length === 0 ? ok('namespaces', 'all') : problem('namespaces', `missing: ${spaces.join(', ')}`, 'a kernel with CONFIG_NAMESPACES'),
    namespaces.has('user') && facts.maxUserNamespaces !== 0
      ? ok('user namespaces', `up to ${facts.maxUserNamespaces}`)
      : warning('user namespaces', 'not possible: --uidmap will fail', 'sysctl -w user.max_user_namespaces=15000'),
    facts.seccomp ? ok('seccomp', 'filters') : problem('seccomp', 'not in this kernel: system calls cannot be filtered', 'a kernel with CONFIG_SECCOMP_FILTER'),
    has('overlay') ? ok('overlayfs', 'there') : problem('overlayfs', 'not in this kernel: images cannot be used', 'modprobe overlay'),
    has('erofs') && isNew(6, 12)
      ? ok('erofs', 'mounts from files')
      : warning('erofs', 'layers cannot be mounted from files: they are unpacked to folders instead', 'Linux 6.12 or newer with CONFIG_EROFS_FS'),
  ];
}

function cgroupFindings(cgroups: CgroupFacts | undefined): Finding[] {
  if (cgroups === undefined) return [problem('cgroups', 'no cgroup file system is mounted: nothing can be limited', 'mount -t cgroup2 none /sys/fs/cgroup')];
  const { kind, controllers } = cgroups;
  const missing = [...CONTROLLERS, ...(kind === 'v2' ? ['io'] : ['blkio', 'devices', 'freezer'])].filter((name) => !controllers.has(name));
  if (missing.length === 0) return [ok('cgroups', kind)];
  return [warning('cgroups', `${kind}, without ${missing.join(', ')}: those limits are not kept`, 'enable them with the kernel’s command line, or mount them')];
}

function networkFindings({ modules }: DoctorFacts): Finding[] {
  return [
    ['bridge', 'networks of containers'],
    ['veth', 'networks of containers'],
    ['nf_tables', 'published ports'],
  ].map(([name = '', what = '']) => (modules.has(name) ? ok(name, 'there') : warning(name, `not in this kernel: needed for ${what}`, `modprobe ${name}`)));
}

function limitFindings(facts: DoctorFacts): Finding[] {
  const least = (name: string, value: number, wanted: number, what: string, mend: string) =>
    // what is not told is not limited
    Number.isNaN(value) || value >= wanted ? ok(name, Number.isNaN(value) ? 'not limited' : String(value)) : warning(name, `${value}: ${what}`, mend);
  return [
    least('open files', facts.openFiles, 4096, 'a few hundred containers need more', 'LimitNOFILE=infinity in the service, or ulimit -n'),
    least('inotify instances', facts.inotifyInstances, 128, 'containers that watch files will fail', 'sysctl -w fs.inotify.max_user_instances=1024'),
    least('inotify watches', facts.inotifyWatches, 8192, 'containers that watch files will fail', 'sysctl -w fs.inotify.max_user_watches=524288'),
    least('keyrings', facts.keys, 1000, 'each container has a session keyring of its own', 'sysctl -w kernel.keys.root_maxkeys=1000000'),
    least('process ids', facts.processes, 32_768, 'many containers need more', 'sysctl -w kernel.pid_max=4194304'),
  ];
}

function diskFinding({ disk: { free, total, inodes } }: DoctorFacts): Finding {
  const shown = `${(free / GIB).toFixed(1)} GiB of ${(total / GIB).toFixed(1)} GiB free`;
  const mend = 'remove what is not used (kobako image prune -a), or give another data root';
  // some file systems make inodes as they are needed, and tell of none
  if (free < GIB / 4 || (inodes > 0 && inodes < 1000)) return problem('disk', `${shown}, ${inodes} inodes`, mend);
  if (free < 2 * GIB || (inodes > 0 && inodes < 50_000)) return warning('disk', `${shown}, ${inodes} inodes`, mend);
  return ok('disk', shown);
}

function leftFinding(name: string, left: readonly string[], mend: string): Finding {
  if (left.length === 0) return ok(name, 'none');
  return warning(name, `${left.length}: ${left.slice(0, 3).join(', ')}${left.length > 3 ? ' …' : ''}`, mend);
}

function leftovers(stateDir: string, dataRoot: string, cgroups: Cgroups | undefined): Leftovers {
  const store = new ContainerStore(stateDir, { root: dataRoot });
  const known = store.all();
  const ids = new Set(known.map(({ id }) => id));
  const sockets = new Set(known.map(({ id }) => id.slice(0, 12)));
  const ownerLives = (name: string) => {
    const [, pid, start] = /^\.(\d+)\.(\d+)-/.exec(name) ?? [];
    return pid !== undefined && lives({ pid: Number(pid), start: start! });
  };
  return {
    cgroups: cgroups === undefined ? [] : emptyGroups(cgroups, ids),
    sockets: namesIn(`${stateDir}/sockets`).filter((name) => !sockets.has(name.slice(0, 12))),
    halfMade: namesIn(`${dataRoot}/containers`).filter((name) => /^\.[\d.]+-/.test(name) && !ownerLives(name)),
  };
}

/** Of no container that this data root has, with nobody in it: those of other engines' containers have processes. */
function emptyGroups({ driver, files }: Cgroups, ids: ReadonlySet<string>): string[] {
  const found = driver.hierarchies.flatMap((hierarchy) =>
    files.list(driver.folder(hierarchy, '/kobako')).flatMap((name) => (/^[0-9a-f]{64}\/$/.test(name) ? [partsOf(name)[0]!] : [])),
  );
  return [...new Set(found)].filter((id) => !ids.has(id) && driver.processes(files, `/kobako/${id}`).length === 0).map((id) => `/kobako/${id}`);
}

function atLeast(kernel: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = kernel.split(/[.-]/).map(Number);
  return a > major || (a === major && b >= minor);
}

function ok(name: string, detail: string): Finding {
  return { name, status: 'ok', detail, mend: '' };
}

function warning(name: string, detail: string, mend: string): Finding {
  return { name, status: 'warning', detail, mend };
}

function problem(name: string, detail: string, mend: string): Finding {
  return { name, status: 'problem', detail, mend };
}
