/** The mounts of a run: Docker's defaults, its three files in /etc, and what the user asked for. */
import { posix } from 'node:path';
import { EngineError, invalid } from '../base/errors.ts';
import type { SpecialMount, SpecialMounts } from './contract.ts';
import { defaultMounts } from './default-spec.ts';
import { inUserNamespace, type RunOptions } from './run-options.ts';
import type { Mount, NamespaceType } from './spec.ts';

/** The container's own files on the host that become /etc/hostname, /etc/hosts and /etc/resolv.conf. */
export interface EtcFiles {
  readonly hostname: string;
  readonly hosts: string;
  readonly resolvConf: string;
}

type Joined = (container: string, type: NamespaceType) => number;

/**
 * All mounts, parents before what lies below them. A mount of the user's replaces a default one at the same place.
 * `joined` gives the first process of another container, for which of its namespaces.
 */
export function mountsOf(options: RunOptions, files: EtcFiles, joined: Joined): Mount[] {
  const { own, free } = userMounts(options);
  return [...adapted(options, joined).filter(free), ...byDepth([...etcMounts(files, options.readonlyRootfs).filter(free), ...own])];
}

/** Of these the files and folders of the host, volumes and images, as somebody sees them who looks into a container that does not run: no mount below them spreads. */
export function hostMountsOf(options: RunOptions, files: EtcFiles): Mount[] {
  const { own, free } = userMounts(options);
  const alone = (mount: Mount): Mount => ({ ...mount, options: [...(mount.options ?? []).filter((word) => !PROPAGATION.test(word)), 'rprivate'] });
  return byDepth([...etcMounts(files, options.readonlyRootfs).filter(free), ...own.filter(({ type }) => type !== 'tmpfs')].map(alone));
}

const PROPAGATION = /^r?(private|shared|slave|unbindable)$/;

function userMounts(options: RunOptions) {
  const own = options.mounts.map(userMount);
  const places = new Set<string>();
  for (const { destination } of own) {
    if (places.has(destination)) throw invalid(`Duplicate mount point: ${destination}`);
    places.add(destination);
  }
  return { own, free: ({ destination }: Mount) => !places.has(destination) };
}

function byDepth(mounts: readonly Mount[]): Mount[] {
  const depth = (mount: Mount) => mount.destination.split('/').length;
  return mounts
    .map((mount, index) => ({ mount, index }))
    .sort((a, b) => depth(a.mount) - depth(b.mount) || a.index - b.index)
    .map(({ mount }) => mount);
}

function etcMounts(files: EtcFiles, readonly: boolean): Mount[] {
  const bind = (source: string, destination: string): Mount => ({
    destination,
    type: 'bind',
    source,
    options: ['bind', 'rprivate', ...(readonly ? ['ro'] : [])],
  });
  return [bind(files.resolvConf, '/etc/resolv.conf'), bind(files.hostname, '/etc/hostname'), bind(files.hosts, '/etc/hosts')];
}

/** The defaults, changed for privilege and for namespaces that are not the container's own. */
function adapted(options: RunOptions, joined: Joined): Mount[] {
  const { privileged, writableCgroups, namespaces, shmSize, sharedMemory } = options;
  const rebind = (destination: string, readonly: boolean, source = destination): Mount => ({
    destination,
    type: 'bind',
    source,
    options: ['rbind', 'rslave', 'nosuid', 'noexec', 'nodev', ...(readonly ? ['rro'] : [])],
  });
  const mapped = inUserNamespace(options);
  // a user namespace cannot mount the message queues of an ipc namespace that is not its own
  const queues = !mapped || namespaces.ipc.kind === 'new';
  const memory = namespaces.ipc.kind !== 'new' || sharedMemory !== 'none';
  const mounts = defaultMounts(shmSize).filter(({ type, destination }) => (type !== 'mqueue' || queues) && (destination !== '/dev/shm' || memory));
  return mounts.map((mount) => {
    const { destination } = mount;
    // a user namespace may mount these only for namespaces that it owns
    if (mapped && destination === '/sys' && namespaces.network.kind !== 'new') return rebind('/sys', !privileged);
    if (mapped && destination === '/proc' && namespaces.pid.kind === 'host') return rebind('/proc', false);
    if (mapped && destination === '/proc' && namespaces.pid.kind === 'container') {
      const { pid, user } = namespaces;
      const same = user.kind === 'container' && user.container === pid.container;
      if (!same) return rebind('/proc', false, `/proc/${joined(pid.container, 'pid')}/root/proc`);
    }
    if (destination === '/dev/shm' && namespaces.ipc.kind === 'host') return rebind('/dev/shm', false);
    if (destination === '/dev/shm' && namespaces.ipc.kind === 'container') {
      return rebind('/dev/shm', false, `/proc/${joined(namespaces.ipc.container, 'ipc')}/root/dev/shm`);
    }
    if ((privileged && destination === '/sys') || ((privileged || writableCgroups) && destination === '/sys/fs/cgroup')) {
      return { ...mount, options: mount.options!.map((option) => (option === 'ro' ? 'rw' : option)) };
    }
    return mount;
  });
}

/** What the mounts of a spec cannot say of volumes and images. Throws `internal` for one that was not found before. */
export function specialMounts(options: RunOptions): SpecialMounts {
  const special = new Map<string, SpecialMount>();
  for (const { type, source, target, subpath, found } of options.mounts) {
    if (type !== 'volume' && type !== 'image') continue;
    if (found === undefined) throw new EngineError('internal', `${type} ${source} has not been looked up`);
    if (found.kind !== 'folder' || subpath !== undefined) special.set(cleanTarget(target), { source: found, subpath });
  }
  return special;
}

function cleanTarget(target: string): string {
  return posix.normalize(target).replace(/(.)\/+$/, '$1');
}

function userMount({ type, source: given, target, options: words, subpath, found }: RunOptions['mounts'][number]): Mount {
  if (!target.startsWith('/')) throw invalid(`invalid mount path: '${target}' mount path must be absolute`);
  const destination = cleanTarget(target);
  if (destination === '/') throw invalid(`invalid specification: destination can't be '/'`);
  if (type === 'tmpfs') return { destination, type: 'tmpfs', source: 'tmpfs', options: ['noexec', 'nosuid', 'nodev', ...words] };
  const options = words.filter((word) => word !== 'nocopy');
  if (found?.kind === 'layers') return { destination, type: 'overlay', source: given, options };
  if (found?.kind === 'file-system') return { destination, type: found.type, source: found.device, options: [...found.options, ...options] };
  const source = found === undefined ? given : subpath === undefined ? found.path : posix.join(found.path, subpath);
  const named = options.some((option) => option === 'bind' || option === 'rbind');
  const shared = options.some((option) => PROPAGATION.test(option));
  return { destination, type: 'bind', source, options: [...(named ? [] : ['rbind']), ...(shared ? [] : ['rprivate']), ...options] };
}
