/** Which namespaces a container has: new ones, the host's, or another container's. */
import { CLONE_NEW, O } from '../kernel/constants.ts';
import { invalid } from '../base/errors.ts';
import type { PlanBuilder } from './builder.ts';
import type { MachineFacts } from './contract.ts';
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
 * be its own cgroup. A time namespace begins with a child, so the monitor unshares it. A joined user namespace must be
 * entered before others are made, so that it owns them: then the child unshares them itself.
 */
export function cloneFlags(namespaces: Namespaces): number {
  let flags = 0;
  for (const type of namespaces.fresh) {
    const later = type === 'cgroup' || type === 'time' || (namespaces.joined.has('user') && type !== 'pid');
    if (!later) flags |= CLONE_NEW[type];
  }
  return flags;
}

/** What the monitor does before clone: the namespaces that begin with a child. */
export function addMonitorNamespaces(builder: PlanBuilder, namespaces: Namespaces, linux: Linux | undefined): void {
  const pid = namespaces.joined.get('pid');
  if (pid !== undefined) {
    const slot = builder.slot('ns');
    builder.monitor('open', { into: slot, path: pid, flags: O.RDONLY | O.CLOEXEC, mode: 0, resolve: 0 }, { subject: `pid namespace ${pid}` });
    builder.monitor('setns', { slot, flags: CLONE_NEW.pid }, { subject: `pid namespace ${pid}`, why: 'children of the monitor begin there' });
    builder.monitor('close', { slot });
  }
  if (namespaces.fresh.has('time')) {
    builder.monitor('unshare', { flags: CLONE_NEW.time }, { why: 'children of the monitor begin there' });
    const lines = Object.entries(linux?.timeOffsets ?? {}).map(([clock, offset]) => `${clock} ${offset.secs ?? 0} ${offset.nanosecs ?? 0}\n`);
    if (lines.length > 0) {
      builder.monitor('write-file', { path: '/proc/self/timens_offsets', data: Buffer.from(lines.join('')), resolve: 0 }, { subject: 'time offsets' });
    }
  }
}

/** What the container's process enters: all but pid, which clone did, and mount, which comes last. */
export function addJoins(builder: PlanBuilder, namespaces: Namespaces): void {
  const order: NamespaceType[] = ['user', 'ipc', 'uts', 'network', 'cgroup', 'time', 'mount'];
  const paths = order.filter((type) => namespaces.joined.has(type)).map((type) => [type, namespaces.joined.get(type)!] as const);
  const slots = paths.map(([type, path]) => {
    const slot = builder.slot('ns');
    builder.container('open', { into: slot, path, flags: O.RDONLY | O.CLOEXEC, mode: 0, resolve: 0 }, { subject: `${type} namespace ${path}` });
    return [type, path, slot] as const;
  });
  for (const [type, path, slot] of slots) {
    builder.container('setns', { slot, flags: CLONE_NEW[type] }, { subject: `${type} namespace ${path}` });
    builder.container('close', { slot });
  }
  if (namespaces.joined.has('user')) {
    becomeRoot(builder);
    let flags = 0;
    for (const type of namespaces.fresh) if (type !== 'pid' && type !== 'cgroup' && type !== 'time') flags |= CLONE_NEW[type];
    if (flags !== 0) builder.container('unshare', { flags }, { why: 'owned by the user namespace just entered' });
  }
}

function becomeRoot(builder: PlanBuilder): void {
  builder.container('groups', { gids: [] }, { ignore: ['EPERM'] });
  builder.container('user', { uid: 0, gid: 0 }, { why: 'root of the user namespace' });
}

/** Writes the maps of a new user namespace from outside, and becomes its root inside. */
export function addIdMaps(builder: PlanBuilder, linux: Linux | undefined, token: number): void {
  for (const [file, mappings] of [
    ['uid_map', linux?.uidMappings],
    ['gid_map', linux?.gidMappings],
  ] as const) {
    if (mappings === undefined || mappings.length === 0) throw invalid(`a new user namespace needs ${file === 'uid_map' ? 'uidMappings' : 'gidMappings'}`);
    builder.monitor('id-map', { file, data: Buffer.from(idMap(mappings)) }, { subject: `${file} ${idMap(mappings).trim()}` });
  }
  builder.monitor('post', { token });
  builder.container('wait', { token }, { why: 'until the maps are written, this process is nobody' });
  becomeRoot(builder);
}

function idMap(mappings: readonly IdMapping[]): string {
  for (const mapping of mappings) {
    for (const value of [mapping.containerID, mapping.hostID, mapping.size]) {
      if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) throw invalid(`id mapping ${JSON.stringify(mapping)} is out of range`);
    }
  }
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('');
}
