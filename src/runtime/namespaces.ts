/** Which namespaces a container has: new ones, the host's, or another container's. */
import { CLONE_NEW, O } from '../kernel/constants.ts';
import { invalid } from '../base/errors.ts';
import type { PlanBuilder } from './builder.ts';
import type { MachineFacts, Peer } from './contract.ts';
import type { IdMapping, Linux, NamespaceType } from './spec.ts';

export interface Namespaces {
  /** Made with clone. */
  readonly fresh: ReadonlySet<NamespaceType>;
  /** Entered, by the path of their file. */
  readonly joined: ReadonlyMap<NamespaceType, string>;
}

/** Names of the files in /proc/PID/ns. */
const FILES: Readonly<Record<NamespaceType, string>> = {
  pid: 'pid',
  network: 'net',
  mount: 'mnt',
  ipc: 'ipc',
  uts: 'uts',
  user: 'user',
  cgroup: 'cgroup',
  time: 'time',
};

/** Reads `linux.namespaces`. Throws `invalid` for an unknown or repeated type. */
export function namespacesOf(linux: Linux | undefined, machine: MachineFacts): Namespaces {
  const fresh = new Set<NamespaceType>();
  const joined = new Map<NamespaceType, string>();
  for (const { type, path } of linux?.namespaces ?? []) {
    if (!Object.hasOwn(FILES, type)) throw invalid(`namespace ${JSON.stringify(type)} is unknown`);
    if (fresh.has(type) || joined.has(type)) throw invalid(`namespace ${type} is given twice`);
    if (!machine.namespaces.has(FILES[type])) throw invalid(`this kernel has no ${type} namespaces`);
    if (path === undefined || path === '') fresh.add(type);
    else if (!path.startsWith('/')) throw invalid(`namespace ${type}: path ${path} is not absolute`);
    else joined.set(type, path);
  }
  return { fresh, joined };
}

/**
 * The flags of clone. A cgroup namespace is left for later: it is rooted where the process is at that moment, which must
 * be its own cgroup. A time namespace begins with a child, so the monitor unshares it.
 */
export function cloneFlags(namespaces: Namespaces): number {
  let flags = 0;
  for (const type of namespaces.fresh) if (type !== 'cgroup' && type !== 'time') flags |= CLONE_NEW[type];
  return flags;
}

/** Slots of the namespaces to join, opened before clone. */
export type JoinSlots = ReadonlyMap<NamespaceType, string>;

/**
 * The files of the namespaces to join are opened by the monitor, and then it is made sure that the processes whose files
 * they are still are the ones that were meant: a pid that another process has by now would lead anywhere.
 */
export function openJoins(builder: PlanBuilder, namespaces: Namespaces): JoinSlots {
  const slots = new Map<NamespaceType, string>();
  for (const [type, path] of namespaces.joined) {
    const slot = builder.slot('ns');
    builder.monitor('open', { into: slot, path, flags: O.RDONLY | O.CLOEXEC, mode: 0, resolve: 0 }, { subject: `${type} namespace ${path}` });
    slots.set(type, slot);
  }
  return slots;
}

/** After everything of other containers is open. */
export function checkPeers(builder: PlanBuilder, peers: readonly Peer[]): void {
  for (const { pid, start } of peers) {
    const why = 'what was opened is of this process, and not of a later one that has got its pid';
    builder.monitor('check-process', { pid, start }, { subject: `process ${pid} of the container to join`, why });
  }
}

/** What the monitor does just before clone: the namespaces that begin with a child. */
export function addMonitorNamespaces(builder: PlanBuilder, namespaces: Namespaces, linux: Linux | undefined, slots: JoinSlots): void {
  const pid = slots.get('pid');
  if (pid !== undefined) {
    const subject = `pid namespace ${namespaces.joined.get('pid')!}`;
    builder.monitor('setns', { slot: pid, flags: CLONE_NEW.pid }, { subject, why: 'children of the monitor begin there' });
  }
  if (inUser(namespaces)) {
    for (const type of EARLY) join(builder, 'monitor', namespaces, slots, type, 'as root of the host: the user namespace may not own it');
  }
  if (namespaces.fresh.has('time')) {
    builder.monitor('unshare', { flags: CLONE_NEW.time }, { why: 'children of the monitor begin there' });
    const lines = Object.entries(linux?.timeOffsets ?? {}).map(([clock, offset]) => `${clock} ${offset.secs ?? 0} ${offset.nanosecs ?? 0}\n`);
    if (lines.length > 0) {
      builder.monitor('write-file', { path: '/proc/self/timens_offsets', data: Buffer.from(lines.join('')), resolve: 0 }, { subject: 'time offsets' });
    }
  }
}

/** The monitor's part after clone: it must not keep other containers' namespaces alive. */
export function closeJoins(builder: PlanBuilder, slots: JoinSlots): void {
  for (const slot of slots.values()) builder.monitor('close', { slot });
}

/** Only root of the user namespace that owns another one may enter that: in one of its own the container's process is not. */
function inUser({ joined, fresh }: Namespaces): boolean {
  return joined.has('user') || fresh.has('user');
}

/** What the monitor can enter for its child, and not be the worse for it. */
const EARLY: readonly NamespaceType[] = ['ipc', 'uts', 'network'];

/**
 * What the container's process enters: all but pid, which clone did. In a joined user namespace it is since clone, so
 * that the new namespaces belong to that one. `beforeRoot` adds what must be done while the process still has the host's
 * root as its owner.
 */
export function addJoins(builder: PlanBuilder, namespaces: Namespaces, slots: JoinSlots, beforeRoot: () => void): void {
  const order: NamespaceType[] = [...(inUser(namespaces) ? [] : EARLY), 'cgroup', 'time', 'mount'];
  for (const type of order) join(builder, 'container', namespaces, slots, type);
  for (const slot of slots.values()) builder.container('close', { slot });
  if (!namespaces.joined.has('user')) return;
  beforeRoot();
  becomeRoot(builder);
}

function join(builder: PlanBuilder, side: 'monitor' | 'container', namespaces: Namespaces, slots: JoinSlots, type: NamespaceType, why?: string): void {
  const slot = slots.get(type);
  if (slot === undefined) return;
  const subject = `${type} namespace ${namespaces.joined.get(type)!}`;
  builder.add(side, 'setns', { slot, flags: CLONE_NEW[type] }, why === undefined ? { subject } : { subject, why });
}

/** Also sets dumpable again: a change of owner may have put it back (/proc/sys/fs/suid_dumpable). */
function becomeRoot(builder: PlanBuilder): void {
  builder.container('groups', { gids: [] }, { ignore: ['EPERM'] });
  builder.container('user', { uid: 0, gid: 0 }, { why: 'root of the user namespace' });
  addDumpable(builder);
}

/** No process that can see this one may trace it or read what it has: it still is the engine's. */
export function addDumpable(builder: PlanBuilder): void {
  builder.container('dumpable', { value: 0 }, { why: 'processes of a joined namespace must not trace or read this one (CVE-2019-5736)' });
}

/** Writes the maps of a new user namespace from outside, and becomes its root inside. */
export function addIdMaps(builder: PlanBuilder, linux: Linux | undefined, token: number, beforeRoot: () => void): void {
  for (const [file, mappings] of [
    ['uid_map', linux?.uidMappings],
    ['gid_map', linux?.gidMappings],
  ] as const) {
    if (mappings === undefined || mappings.length === 0) throw invalid(`a new user namespace needs ${file === 'uid_map' ? 'uidMappings' : 'gidMappings'}`);
    builder.monitor('id-map', { file, data: Buffer.from(idMap(mappings)) }, { subject: `${file} ${idMap(mappings).trim()}` });
  }
  builder.monitor('post', { token });
  builder.container('wait', { token }, { why: 'until the maps are written, this process is nobody' });
  beforeRoot();
  becomeRoot(builder);
}

/** As /proc/PID/uid_map takes it. */
export function idMap(mappings: readonly IdMapping[]): string {
  for (const mapping of mappings) {
    for (const value of [mapping.containerID, mapping.hostID, mapping.size]) {
      if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) throw invalid(`id mapping ${JSON.stringify(mapping)} is out of range`);
    }
  }
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('');
}
