/** The plan of a container's start, from its documents and what is found on the machine. */
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { EngineError, invalid } from '../base/errors.ts';
import { hostDevices } from '../kernel/linux/machine.ts';
import type { Plan } from '../plan/ops.ts';
import { planBeginning, planContainer } from '../runtime/container-plan.ts';
import type { MonitorSettings, Stdio } from '../runtime/contract.ts';
import { hostnameFile, hostsFile, resolvConfFile } from '../runtime/etc-files.ts';
import { specialMounts } from '../runtime/run-mounts.ts';
import type { RunOptions } from '../runtime/run-options.ts';
import { specFromOptions } from '../runtime/run-spec.ts';
import type { IdMapping, NamespaceType, Spec } from '../runtime/spec.ts';
import { resolveUser } from '../runtime/users.ts';
import type { ContainerRoot } from './container-root.ts';
import type { ContainerPaths, ContainerRecord } from './container-record.ts';
import { logAttributes } from './log-attributes.ts';
import type { EngineParts } from './parts.ts';
import type { ProcessId } from './process-id.ts';
import { hasNameServer, hostsNetworkOf, internalConf, readOr } from './sandbox-files.ts';

export interface Prepared {
  readonly spec: Spec;
  readonly plan: Plan;
  readonly warnings: readonly string[];
}

export interface PrepareInput {
  readonly size?: { readonly rows: number; readonly cols: number } | undefined;
  /** Whether there is a layer for the container's writes. */
  readonly writable: boolean;
  readonly makeParents: boolean;
  /** It has never been started: nothing of it can be there. */
  readonly fresh?: boolean;
  /** Of the network namespace to join, instead of a new one. */
  readonly networkPath?: string | undefined;
  /** Is given what the plan begins with, as soon as that is known. */
  readonly begin?: (first: Plan) => void;
}

/** The plan of a start. With `makeParents` what must be there before it is made; without, nothing is touched. */
export function prepare(
  parts: EngineParts,
  { id, name, hostConfig, config, cgroupsPath, image }: Pick<ContainerRecord, 'id' | 'name' | 'hostConfig' | 'config' | 'cgroupsPath' | 'image'>,
  containerRoot: ContainerRoot,
  holders: readonly ProcessId[],
  { size, writable, makeParents, fresh = false, networkPath, begin }: PrepareInput,
): Prepared {
  const { machine, store, cgroups } = parts;
  const { options } = containerRoot;
  const root = containerRoot.at(store.paths(id).mountPoint, writable ? id : undefined, mappedRoot(parts, options)?.uid);
  const peers = new Map(holders.map((holder) => [holder.pid, holder]));
  const paths = store.paths(id);
  const user = resolveUser(options.user ?? '', containerRoot.accounts, options.groupAdd);
  const spec = specFromOptions(options, {
    id,
    machine,
    user,
    files: etcFiles(parts, options, paths),
    sharedName: sharedName(parts, options),
    ...(networkPath === undefined ? {} : { networkPath }),
    joined: (text, type) => {
      const peer = joinedProcess(parts, text, type);
      peers.set(peer.pid, peer);
      return peer.pid;
    },
    cgroupsPath,
    hostDevices,
  });
  const control = cgroups?.containerParts(cgroupsPath, spec.linux?.resources ?? {}, makeParents, { fresh });
  if (control !== undefined) begin?.(planBeginning(control.parts));
  const made = options.mounts.flatMap(({ create, source, found }) => {
    const path = found?.kind === 'folder' ? found.path : source;
    return create && machine.kind(path) === 'missing' ? [path] : [];
  });
  if (makeParents) for (const folder of made) mkdirSync(folder, { recursive: true });
  const ownFiles = new Set([`${paths.dir}/hostname`, `${paths.dir}/hosts`, `${paths.dir}/resolv.conf`]);
  const planned = planContainer({
    id,
    spec,
    root,
    // the files that are bound from the container's own folder are written just before the plan runs
    machine: { ...machine, kind: (path) => (ownFiles.has(path) ? 'file' : made.includes(path) ? 'dir' : machine.kind(path)) },
    cgroup: control?.parts,
    stdio: stdioOf(options, size ?? consoleSize(hostConfig.ConsoleSize)),
    monitor: {
      ...monitorOf(options, paths, config.StdinOnce, config.AttachStdout, logAttributes({ id, name, config, hostConfig, imageId: image?.id ?? '' })),
      // what is mounted of the host's is its user's to unmount as soon as he is told of the end
      holdMounts: image !== undefined && options.mounts.every(({ type }) => type === 'tmpfs'),
    },
    bundle: paths.dir,
    special: specialMounts(options),
    marked: image !== undefined,
    initPath: options.init ? parts.helper : undefined,
    peers: [...peers.values()],
  });
  return { spec, plan: planned.plan, warnings: [...(control?.warnings ?? []), ...planned.warnings] };
}

/** The container's own, or those of the container whose network it joins: its name and addresses are that one's. */
function etcFiles({ store }: EngineParts, { namespaces: { network } }: RunOptions, { dir }: ContainerPaths) {
  const at = network.kind === 'container' ? store.paths(store.find(network.container).id).dir : dir;
  return { hostname: `${at}/hostname`, hosts: `${at}/hosts`, resolvConf: `${at}/resolv.conf` };
}

function sharedName({ store }: EngineParts, { namespaces: { network } }: RunOptions): string {
  return network.kind === 'container' ? (store.spec(store.find(network.container).id)?.hostname ?? hostname()) : hostname();
}

/** Who the container's root is on the host; undefined without a user namespace. A root file system of his is taken as it is. */
function mappedRoot(parts: EngineParts, { uidMap, gidMap, namespaces: { user } }: RunOptions): { uid: number; gid: number } | undefined {
  if (user.kind === 'container') {
    const { uidMappings = [], gidMappings = [] } = parts.store.spec(parts.store.find(user.container).id)?.linux ?? {};
    const of = (mappings: readonly IdMapping[]) => mappings.find(({ containerID }) => containerID === 0)?.hostID ?? 0;
    return { uid: of(uidMappings), gid: of(gidMappings) };
  }
  if (uidMap.length === 0 && gidMap.length === 0) return undefined;
  const of = (ranges: RunOptions['uidMap']) => ranges.find(({ container }) => container === 0)?.host ?? 0;
  return { uid: of(uidMap.length > 0 ? uidMap : gidMap), gid: of(gidMap.length > 0 ? gidMap : uidMap) };
}

function consoleSize([rows, cols]: readonly [number, number]): { rows: number; cols: number } | undefined {
  return rows > 0 && cols > 0 ? { rows, cols } : undefined;
}

function stdioOf(options: RunOptions, size: { rows: number; cols: number } | undefined): Stdio {
  if (options.tty) return { kind: 'pty', rows: size?.rows ?? 24, cols: size?.cols ?? 80 };
  return { kind: 'pipes', stdin: options.stdin };
}

function monitorOf(options: RunOptions, paths: ContainerPaths, stdinOnce: boolean, attached: boolean, extra: string): MonitorSettings {
  const logs = options.logDriver !== 'none';
  return {
    socket: paths.socket,
    log: logs ? { path: paths.log, maxSize: options.logMaxSize ?? 0, maxFiles: options.logMaxFile ?? 1, extra } : undefined,
    exitPath: paths.exit,
    spillDir: paths.dir,
    waitStart: true,
    stdinOnce,
    backpressure: !logs && attached,
    leave: false,
    forwardSignals: false,
    tellFirst: true,
  };
}

/** Throws in Docker's words where there is nothing to join. */
function joinedProcess({ store }: EngineParts, text: string, type: NamespaceType): ProcessId {
  const record = store.find(text);
  const { id, name, hostConfig } = record;
  const { state } = store.info(record);
  const failed = `failed to join ${type.toUpperCase()} namespace: container ${id}`;
  if (state !== 'running' && type === 'network')
    throw new EngineError('conflict', `cannot join network namespace of a non running container: container ${name} is ${state}`);
  if (state !== 'running') throw new EngineError('conflict', `${failed} is not running`);
  if (type === 'ipc' && (hostConfig.IpcMode === 'private' || hostConfig.IpcMode === 'none'))
    throw invalid(`${failed}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`);
  return record.process!;
}

/** What a container sees of itself and of its network in /etc, as its spec has it. */
export function writeEtcFiles(parts: EngineParts, record: ContainerRecord, options: RunOptions, spec: Spec): void {
  const { dir } = parts.store.paths(record.id);
  const owner = mappedRoot(parts, options);
  const write = (name: string, text: string) => {
    writeFileSync(`${dir}/${name}`, text, { mode: 0o644 });
    if (owner !== undefined) chownSync(`${dir}/${name}`, owner.uid, owner.gid);
  };
  write('hostname', hostnameFile(spec.hostname ?? hostname()));
  const network = options.namespaces.network.kind === 'host' ? { hostText: readOr('/etc/hosts') } : {};
  write('hosts', hostsFile(options, spec.hostname ?? '', { ...hostsNetworkOf(parts, record), ...network }));
  write('resolv.conf', hasNameServer(record) ? internalConf(options).text : resolvConfFile(options, readOr('/etc/resolv.conf')));
}
