/** Use case: a new container on a root file system of this machine. */
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { EngineError, invalid, SyscallError } from '../base/errors.ts';
import { hostDevices } from '../kernel/linux/machine.ts';
import type { Plan } from '../plan/ops.ts';
import { planContainer } from '../runtime/container-plan.ts';
import type { MonitorSettings, Stdio } from '../runtime/contract.ts';
import { hostnameFile, hostsFile, resolvConfFile } from '../runtime/etc-files.ts';
import type { RunOptions } from '../runtime/run-options.ts';
import { specFromOptions } from '../runtime/run-spec.ts';
import type { IdMapping, Spec } from '../runtime/spec.ts';
import { resolveUser } from '../runtime/users.ts';
import { containerRoot, type ContainerRoot } from './container-root.ts';
import { processId, type ContainerPaths, type ContainerRecord, type ProcessId } from './container-store.ts';
import type { RunningProcess, RunStreams } from './contract.ts';
import { removeContainer, settleLost } from './lost.ts';
import type { EngineParts } from './parts.ts';
import { startProcess } from './start-process.ts';

const TRIES = 10;

interface Prepared {
  readonly id: string;
  readonly name: string;
  readonly spec: Spec;
  readonly plan: Plan;
  readonly warnings: readonly string[];
  readonly cgroupsPath: string;
  readonly paths: ContainerPaths;
}

/** The plan of a run, with a made-up id. Writes nothing. */
export async function planRun(parts: EngineParts, options: RunOptions): Promise<Prepared> {
  return prepare(parts, await containerRoot(parts, options), { id: randomBytes(32).toString('hex'), streams: undefined, writable: false, makeParents: false });
}

/** Starts the container; resolves when its program runs. */
export async function runContainer(parts: EngineParts, options: RunOptions, streams: RunStreams | undefined): Promise<RunningProcess> {
  const id = randomBytes(32).toString('hex');
  if (options.name !== undefined) checkName(options.name);
  for (let tries = 1; ; tries++) {
    try {
      return await attempt(parts, options, id, streams);
    } catch (error) {
      // another process took the empty parent folder away just now
      const again = error instanceof EngineError && error.cause instanceof SyscallError && error.cause.syscall === 'mkdirat' && error.cause.code === 'ENOENT';
      if (!again || tries === TRIES) throw error;
    }
  }
}

async function attempt(parts: EngineParts, given: RunOptions, id: string, streams: RunStreams | undefined): Promise<RunningProcess> {
  // until the container is on record nothing else keeps its image and its layer for writes
  using hold = given.image === undefined || given.rootfs !== undefined ? undefined : await parts.images().store.hold();
  const root = await containerRoot(parts, given);
  const { image } = root;
  if (image !== undefined) parts.images().driver.createWritable(id);
  try {
    return await create(parts, root, id, streams, () => hold?.[Symbol.dispose]());
  } catch (error) {
    if (image !== undefined) parts.images().driver.removeWritable(id);
    throw error;
  }
}

async function create(parts: EngineParts, root: ContainerRoot, id: string, streams: RunStreams | undefined, onRecord: () => void): Promise<RunningProcess> {
  const { store } = parts;
  const { options, image } = root;
  const prepared = prepare(parts, root, { id, streams, writable: image !== undefined, makeParents: true });
  const { spec, paths, plan, warnings, cgroupsPath } = prepared;
  let record: ContainerRecord = {
    id,
    name: prepared.name,
    createdAt: Date.now(),
    rootfs: root.shown,
    image,
    tty: options.tty,
    autoRemove: options.autoRemove,
    stopSignal: options.stopSignal ?? 15,
    stopTimeout: options.stopTimeout ?? 10,
    cgroupsPath,
    spec,
    maker: processId(process.pid),
  };
  store.create(record, options.name, (dir) => writeEtcFiles(dir, options, spec, mappedRoot(parts, options)));
  onRecord();
  const remove = () => removeContainer(parts, record);
  try {
    return await startProcess(parts, {
      plan,
      warnings,
      containerId: id,
      socket: paths.socket,
      tty: options.tty,
      streams: options.detach ? undefined : streams,
      detached: options.detach,
      onSpawned: (pid) => store.save((record = { ...record, monitor: processId(pid) })),
      onWaiting: (pid) => store.save((record = { ...record, process: processId(pid) })),
      onLost: () => settleLost(parts, record),
      onEnd: options.autoRemove ? remove : undefined,
    });
  } catch (error) {
    remove();
    throw error;
  }
}

interface PrepareInput {
  readonly id: string;
  readonly streams: RunStreams | undefined;
  /** Whether there is a layer for the container's writes. */
  readonly writable: boolean;
  readonly makeParents: boolean;
}

function prepare(parts: EngineParts, containerRoot: ContainerRoot, { id, streams, writable, makeParents }: PrepareInput): Prepared {
  const { machine, store, cgroups } = parts;
  const { options } = containerRoot;
  const root = containerRoot.at(store.paths(id).mountPoint, writable ? id : undefined, mappedRoot(parts, options)?.uid);
  const peers = new Map<number, ProcessId>();
  const paths = store.paths(id);
  const cgroupsPath = `${options.cgroupParent ?? '/kobako'}/${id}`;
  const user = resolveUser(options.user ?? '', containerRoot.accounts, options.groupAdd);
  const spec = specFromOptions(options, {
    id,
    machine,
    user,
    files: etcFiles(parts, options, paths),
    sharedName: sharedName(parts, options),
    joined: (text) => {
      const peer = joinedProcess(parts, text);
      peers.set(peer.pid, peer);
      return peer.pid;
    },
    cgroupsPath,
    hostDevices,
  });
  const control = cgroups?.containerParts(cgroupsPath, spec.linux?.resources ?? {}, makeParents);
  const made = options.mounts.filter((mount) => mount.create && machine.kind(mount.source) === 'missing').map((mount) => mount.source);
  if (makeParents) for (const folder of made) mkdirSync(folder, { recursive: true });
  const ownFiles = new Set([`${paths.dir}/hostname`, `${paths.dir}/hosts`, `${paths.dir}/resolv.conf`]);
  const planned = planContainer({
    id,
    spec,
    root,
    // the files that are bound from the container's own folder are written just before the plan runs
    machine: { ...machine, kind: (path) => (ownFiles.has(path) ? 'file' : made.includes(path) ? 'dir' : machine.kind(path)) },
    cgroup: control?.parts,
    stdio: stdioOf(options, streams),
    monitor: monitorOf(options, paths),
    bundle: paths.dir,
    initPath: options.init ? parts.helper : undefined,
    peers: [...peers.values()],
  });
  return {
    id,
    name: options.name ?? id.slice(0, 12),
    spec,
    plan: planned.plan,
    warnings: [...(control?.warnings ?? []), ...planned.warnings],
    cgroupsPath,
    paths,
  };
}

/** The container's own, or those of the container whose network it joins: its name and addresses are that one's. */
function etcFiles({ store }: EngineParts, { namespaces: { network } }: RunOptions, { dir }: ContainerPaths) {
  const at = network.kind === 'container' ? store.paths(store.find(network.container).id).dir : dir;
  return { hostname: `${at}/hostname`, hosts: `${at}/hosts`, resolvConf: `${at}/resolv.conf` };
}

function sharedName({ store }: EngineParts, { namespaces: { network } }: RunOptions): string {
  return network.kind === 'container' ? (store.find(network.container).spec.hostname ?? hostname()) : hostname();
}

/** Who the container's root is on the host; undefined without a user namespace. A root file system of his is taken as it is. */
function mappedRoot(parts: EngineParts, { uidMap, gidMap, namespaces: { user } }: RunOptions): { uid: number; gid: number } | undefined {
  if (user.kind === 'container') {
    const { uidMappings = [], gidMappings = [] } = parts.store.find(user.container).spec.linux ?? {};
    const of = (mappings: readonly IdMapping[]) => mappings.find(({ containerID }) => containerID === 0)?.hostID ?? 0;
    return { uid: of(uidMappings), gid: of(gidMappings) };
  }
  if (uidMap.length === 0 && gidMap.length === 0) return undefined;
  const of = (ranges: RunOptions['uidMap']) => ranges.find(({ container }) => container === 0)?.host ?? 0;
  return { uid: of(uidMap.length > 0 ? uidMap : gidMap), gid: of(gidMap.length > 0 ? gidMap : uidMap) };
}

function stdioOf(options: RunOptions, streams: RunStreams | undefined): Stdio {
  if (options.tty) return { kind: 'pty', rows: streams?.size?.rows ?? 24, cols: streams?.size?.cols ?? 80 };
  return { kind: 'pipes', stdin: options.stdin };
}

function monitorOf(options: RunOptions, paths: ContainerPaths): MonitorSettings {
  const logs = options.logDriver !== 'none' && (options.detach || !options.autoRemove);
  return {
    socket: paths.socket,
    log: logs ? { path: paths.log, maxSize: options.logMaxSize ?? 0, maxFiles: options.logMaxFile ?? 1, extra: '' } : undefined,
    exitPath: paths.exit,
    spillDir: paths.dir,
    waitStart: true,
    stdinOnce: !options.detach,
    backpressure: !logs && !options.detach,
    leave: false,
    forwardSignals: false,
  };
}

function joinedProcess(parts: EngineParts, text: string): ProcessId {
  const record = parts.store.find(text);
  if (parts.store.info(record).state !== 'running') throw new EngineError('conflict', `cannot join the namespaces of a container that is not running: ${text}`);
  return record.process!;
}

function checkName(name: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    throw invalid(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
}

function writeEtcFiles(dir: string, options: RunOptions, spec: Spec, owner: { uid: number; gid: number } | undefined): void {
  const write = (name: string, text: string) => {
    writeFileSync(`${dir}/${name}`, text, { mode: 0o644 });
    if (owner !== undefined) chownSync(`${dir}/${name}`, owner.uid, owner.gid);
  };
  write('hostname', hostnameFile(spec.hostname ?? hostname()));
  const hostText = options.namespaces.network.kind === 'host' ? readOr('/etc/hosts') : undefined;
  write('hosts', hostsFile(options, spec.hostname ?? '', hostText));
  write('resolv.conf', resolvConfFile(options, readOr('/etc/resolv.conf')));
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
