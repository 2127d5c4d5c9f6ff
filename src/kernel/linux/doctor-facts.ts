/** What `system doctor` looks at on this machine. Reads only. */
import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import { machineFacts } from './machine.ts';

export interface DoctorFacts {
  readonly kernel: string;
  /** Effective capabilities, by bit. */
  readonly capabilities: bigint;
  /** Of /proc/filesystems. */
  readonly filesystems: ReadonlySet<string>;
  /** In the kernel, loaded, or there to be loaded. */
  readonly modules: ReadonlySet<string>;
  readonly namespaces: ReadonlySet<string>;
  readonly maxUserNamespaces: number;
  readonly seccomp: boolean;
  /** Open files of one process: what it may raise itself to. */
  readonly openFiles: number;
  readonly inotifyInstances: number;
  readonly inotifyWatches: number;
  /** Session keyrings of root: each container has one. */
  readonly keys: number;
  readonly processes: number;
  /** Bytes and inodes that are free where the data is, or will be. */
  readonly disk: { readonly free: number; readonly total: number; readonly inodes: number };
  /** Mount points in the host's table below one of the folders. */
  readonly mounts: readonly string[];
}

/** With a function of each: what is built in without parameters shows nowhere else. */
const MODULES = { bridge: 'br_dev_newlink', veth: 'veth_newlink', nf_tables: 'nf_tables_newrule', overlay: 'ovl_fill_super', erofs: 'erofs_init_fs_context' };

/** `folders`: the engine's own, the first that of its data. */
export function doctorFacts(folders: readonly string[]): DoctorFacts {
  const { namespaces, hardLimits } = machineFacts();
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readOr('/proc/self/status'))?.[1] ?? '0';
  const { bavail, blocks, bsize, ffree } = statfsSync(existing(folders[0]!));
  const open = hardLimits['RLIMIT_NOFILE'];
  return {
    kernel: release(),
    capabilities: BigInt(`0x${effective}`),
    filesystems: new Set(readOr('/proc/filesystems').split(/\s+/)),
    modules: modulesOf(),
    namespaces,
    maxUserNamespaces: numberIn('/proc/sys/user/max_user_namespaces'),
    seccomp: existsSync('/proc/sys/kernel/seccomp/actions_avail'),
    openFiles: open === undefined ? Infinity : Number(open),
    inotifyInstances: numberIn('/proc/sys/fs/inotify/max_user_instances'),
    inotifyWatches: numberIn('/proc/sys/fs/inotify/max_user_watches'),
    keys: numberIn('/proc/sys/kernel/keys/root_maxkeys'),
    processes: numberIn('/proc/sys/kernel/pid_max'),
    disk: { free: bavail * bsize, total: blocks * bsize, inodes: ffree },
    mounts: mountPoints().filter((point) => folders.some((folder) => point === folder || point.startsWith(`${folder}/`))),
  };
}

/** Names of files and folders; empty where there is no such folder. */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function modulesOf(): Set<string> {
  const folder = `/lib/modules/${release()}`;
  const there = `${readOr(`${folder}/modules.builtin`)}\n${readOr(`${folder}/modules.dep`)}`;
  const found = (name: string) => existsSync(`/sys/module/${name}`) || new RegExp(`/${name.replace('_', '[-_]')}\\.ko`).test(there);
  const others = Object.entries(MODULES).filter(([name]) => !found(name));
  const symbols = others.length === 0 ? '' : readOr('/proc/kallsyms');
  const missing = others.filter(([, symbol]) => !new RegExp(` ${symbol}$`, 'm').test(symbols)).map(([name]) => name);
  return new Set(Object.keys(MODULES).filter((name) => !missing.includes(name)));
}

function mountPoints(): string[] {
  return readOr('/proc/self/mountinfo')
    .split('\n')
    .flatMap((line) => line.split(' ')[4]?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))) ?? []);
}

function existing(path: string): string {
  return existsSync(path) || path === '/' ? path : existing(dirname(path));
}

function numberIn(path: string): number {
  const text = readOr(path).trim();
  return text === '' ? Number.NaN : Number(text);
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
