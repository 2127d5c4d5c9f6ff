/** The facts about this machine that planners need. */
import { existsSync, readdirSync, readFileSync, realpathSync, statfsSync, statSync } from 'node:fs';
import { availableParallelism, release } from 'node:os';

const RLIMIT_NAMES: Readonly<Record<string, string>> = {
  'Max cpu time': 'RLIMIT_CPU',
  'Max file size': 'RLIMIT_FSIZE',
  'Max data size': 'RLIMIT_DATA',
  'Max stack size': 'RLIMIT_STACK',
  'Max core file size': 'RLIMIT_CORE',
  'Max resident set': 'RLIMIT_RSS',
  'Max processes': 'RLIMIT_NPROC',
  'Max open files': 'RLIMIT_NOFILE',
  'Max locked memory': 'RLIMIT_MEMLOCK',
  'Max address space': 'RLIMIT_AS',
  'Max file locks': 'RLIMIT_LOCKS',
  'Max pending signals': 'RLIMIT_SIGPENDING',
  'Max msgqueue size': 'RLIMIT_MSGQUEUE',
  'Max nice priority': 'RLIMIT_NICE',
  'Max realtime priority': 'RLIMIT_RTPRIO',
  'Max realtime timeout': 'RLIMIT_RTTIME',
};

/** Hard limits from the text of /proc/PID/limits, by RLIMIT_ name; undefined for unlimited. */
export function hardLimits(text: string): Record<string, bigint | undefined> {
  const out: Record<string, bigint | undefined> = {};
  for (const line of text.split('\n').slice(1)) {
    const match = /^(.+?)\s{2,}(\S+)\s+(\S+)/.exec(line);
    const name = match === null ? undefined : RLIMIT_NAMES[match[1]!];
    if (name !== undefined) out[name] = match![3] === 'unlimited' ? undefined : BigInt(match![3]!);
  }
  return out;
}

/** The mount point that holds a path, from the text of /proc/self/mountinfo. */
export function mountPointOf(mountinfo: string, path: string): string {
  let best = '/';
  for (const line of mountinfo.split('\n')) {
    const point = line.split(' ')[4]?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    if (point !== undefined && point.length >= best.length && (path === point || path.startsWith(point === '/' ? '/' : `${point}/`))) best = point;
  }
  return best;
}

/** The first kernel that maps owners (FS_ALLOW_IDMAP), by a file system's magic number (statfs(2)). */
const IDMAP_SINCE: ReadonlyMap<number, readonly [number, number]> = new Map([
  [0xef53, [5, 12]], // ext4
  [0x4d44, [5, 12]], // vfat
  [0x58465342, [5, 12]], // xfs
  [0x9123683e, [5, 15]], // btrfs
  [0xf2f52010, [5, 18]], // f2fs
  [0xe0f5e1e2, [5, 19]], // erofs
  [0x73717368, [6, 2]], // squashfs
  [0x01021994, [6, 3]], // tmpfs
]);

/** Whether mounts of a file system can be idmapped, also as the lower layer of an overlay (since 5.19). */
export function canIdmap(magic: number, kernel: string): boolean {
  const since = IDMAP_SINCE.get(magic);
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  const from = ([a, b]: readonly [number, number]) => major > a || (major === a && minor >= b);
  return since !== undefined && from(since) && from([5, 19]);
}

/** Reads the facts once; the functions on it look at the machine whenever they are called. */
export function machineFacts() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const permitted = /^CapPrm:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return {
    arch: process.arch === 'arm64' ? ('aarch64' as const) : ('x86_64' as const),
    kernel: release()
      .split('.')
      .slice(0, 2)
      .join('.')
      .replace(/[^0-9.].*$/, ''),
    lastCap: Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8')),
    cpus: availableParallelism(),
    permittedCaps: BigInt(`0x${permitted}`),
    hardLimits: hardLimits(readFileSync('/proc/self/limits', 'utf8')),
    apparmor: readOr('/sys/module/apparmor/parameters/enabled', '').startsWith('Y'),
    selinux: existsSync('/sys/fs/selinux/enforce'),
    namespaces: new Set(readdirSync('/proc/self/ns')),
    device(path: string) {
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat === undefined || !(stat.isCharacterDevice() || stat.isBlockDevice())) return undefined;
      const { rdev } = stat;
      return {
        type: stat.isBlockDevice() ? ('b' as const) : ('c' as const),
        major: (rdev >> 8) & 0xfff,
        minor: (rdev & 0xff) | ((rdev >> 12) & 0xfff00),
        mode: stat.mode & 0o777,
      };
    },
    kind(path: string): 'dir' | 'file' | 'missing' {
      try {
        return statSync(path).isDirectory() ? 'dir' : 'file';
      } catch {
        return 'missing';
      }
    },
    idmap: (path: string) => canIdmap(statfsSync(path).type, release()),
    mountPoint(path: string): string {
      return mountPointOf(readFileSync('/proc/self/mountinfo', 'utf8'), realpathSync(path));
    },
  };
}

/**
 * Paths of the device nodes in /dev, or in a folder of it, without terminals' folders and what is a container's own. None
 * of a folder elsewhere: whoever names the host's root would have all of its disk searched.
 */
export function hostDevices(folder = '/dev'): string[] {
  const skip = new Set(['/dev/pts', '/dev/shm', '/dev/fd', '/dev/mqueue', '/dev/console', '/dev/.lxc', '/dev/.lxd-mounts', '/dev/.udev', '/dev/ptmx']);
  const walk = (dir: string): string[] =>
    readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
      const path = `${dir}/${entry.name}`;
      if (skip.has(path)) return [];
      if (entry.isDirectory()) return walk(path);
      return entry.isCharacterDevice() || entry.isBlockDevice() ? [path] : [];
    });
  const real = realpathSync(folder);
  if (real !== '/dev' && !real.startsWith('/dev/')) return [];
  return walk(real).map((path) => `${folder.replace(/\/+$/, '')}${path.slice(real.length)}`);
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}
