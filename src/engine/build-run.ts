/** RUN: a program in a container of our own, on the layers below, and what it changed as one more layer. */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Digest } from '../base/digest.ts';
import { EngineError } from '../base/errors.ts';
import { SIGKILL } from '../base/signals.ts';
import type { BuildLimits, LayerRef } from '../build/contract.ts';
import type { StepNote } from '../build/progress.ts';
import { hostDevices } from '../kernel/linux/machine.ts';
import { planContainer } from '../runtime/container-plan.ts';
import { hostsFile, resolvConfFile } from '../runtime/etc-files.ts';
import { specialMounts } from '../runtime/run-mounts.ts';
import { DEFAULT_RUN, type MountOption, type RunOptions } from '../runtime/run-options.ts';
import { specFromOptions } from '../runtime/run-spec.ts';
import { resolveUser } from '../runtime/users.ts';
import { accountsOf, keepChanges, mountable, writableLayer } from './build-layer.ts';
import { noteRun, workFolder, type BuildParts } from './build-parts.ts';
import { StepSaid } from './build-said.ts';
import { withDeviceRequests } from './cdi.ts';
import { completeConfig, completeHostConfig } from './container-document.ts';
import type { ContainerRecord } from './container-record.ts';
import { endGroup, endGroupBeside, lostExit } from './lost.ts';
import { OWN_PLACES } from './own-places.ts';
import { processId } from './process-id.ts';
import { hasNameServer, hostsNetworkOf, internalConf, readOr } from './sandbox-files.ts';
import { despiteOthers, startProcess } from './start-process.ts';

export interface RunInput {
  /** Lowest first. */
  readonly layers: readonly Digest[];
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly mounts: readonly MountOption[];
  /** Names in CDI specs. */
  readonly devices: readonly string[];
  /** `default`, `none`, `host`, or a network's name. */
  readonly network: string;
  readonly privileged: boolean;
  readonly addHosts: readonly string[];
  readonly ulimits: RunOptions['ulimits'];
  readonly shmSize: number | undefined;
  readonly cgroupParent: string | undefined;
  readonly limits: BuildLimits;
  /** The program has begun: what was needed until then can go. */
  onStarted?(): void;
}

/** BuildKit's. */
const HOSTNAME = 'buildkitsandbox';

/** Throws `invalid` in BuildKit's words for a program that fails, with its exit code in the detail; then nothing is left. */
export function runStep(parts: BuildParts, input: RunInput, options: RunStepOptions): Promise<LayerRef> {
  return despiteOthers(() => attempt(parts, input, options));
}

interface RunStepOptions {
  readonly signal: AbortSignal;
  readonly tell: (note: StepNote) => void;
}

async function attempt(parts: BuildParts, input: RunInput, { signal, tell }: RunStepOptions): Promise<LayerRef> {
  const layers = await mountable(parts, input.layers);
  using work = workFolder(parts, 'run');
  using _writable = writableLayer(parts, work.id);
  const command = input.argv.join(' ');
  const failed = (exitCode: number, detail: object = {}) =>
    new EngineError('invalid', `process ${JSON.stringify(command)} did not complete successfully: exit code: ${exitCode}`, {
      detail: { exitCode, command, ...detail },
    });
  const exitCode = await runIn(parts, { ...input, layers }, work, { signal, tell }).catch((error: unknown) => {
    if (!isNotStarted(error)) throw error;
    tell({ kind: 'log', stream: 2, data: Buffer.from(`runc run failed: ${NOT_STARTED}: ${error.message}\n`) });
    throw failed(1, { notStarted: `${NOT_STARTED}: ${error.message}` });
  });
  if (exitCode !== 0) throw failed(exitCode);
  const places = input.mounts.map(({ target }) => target);
  const stubs = places.length === 0 ? [] : await mountStubs(parts, layers, work.id, places);
  return await keepChanges(parts, layers, work.id, { without: [...OWN_PLACES, ...stubs], signal });
}

/** runc's words, which clients show. */
const NOT_STARTED = 'unable to start container process: error during container init';

/** The program is none, or may not be run. */
function isNotStarted(error: unknown): error is EngineError {
  const code = error instanceof EngineError ? (error.detail as { exitCode?: number } | undefined)?.exitCode : undefined;
  return code === 126 || code === 127;
}

async function runIn(
  parts: BuildParts,
  input: RunInput,
  work: { readonly path: string; readonly id: string },
  { signal, tell }: RunStepOptions,
): Promise<number> {
  const { engine } = parts;
  const accounts = await accountsOf(parts, input.layers);
  const requests = [{ Driver: 'cdi', Count: 0, DeviceIDs: [...input.devices], Capabilities: null, Options: null }];
  const options = withDeviceRequests(optionsOf(input), input.devices.length === 0 ? null : requests);
  const cgroupsPath = `${input.cgroupParent ?? '/kobako'}/${work.id}`;
  const guest = guestOf(work.id, input, cgroupsPath);
  using _guest = engine.store.admit(guest);
  using sandbox = input.network === 'none' || input.network === 'host' ? undefined : await engine.sandboxes.open(guest, { ownUser: false });
  const record = sandbox?.record ?? guest;
  const files = writeEtc(parts, work.path, record, options);
  const mountPoint = `${work.path}/root`;
  mkdirSync(mountPoint);
  const spec = specFromOptions(options, {
    id: work.id,
    machine: engine.machine,
    user: resolveUser(input.user, accounts),
    files,
    ...(sandbox?.path === undefined ? {} : { networkPath: sandbox.path }),
    joined: () => 0,
    cgroupsPath,
    hostDevices,
  });
  spec.process!.env = spec.process!.env!.filter((entry) => !entry.startsWith('HOSTNAME=') || input.env.includes(entry));
  const control = engine.cgroups?.containerParts(cgroupsPath, spec.linux?.resources ?? {}, true);
  const { machine } = engine;
  const own = new Set(Object.values(files));
  const { plan, warnings } = planContainer({
    id: work.id,
    spec,
    root: engine.images().driver.root(input.layers, work.id, mountPoint),
    machine: { ...machine, kind: (path) => (own.has(path) ? 'file' : machine.kind(path)) },
    cgroup: control?.parts,
    stdio: { kind: 'pipes', stdin: false },
    monitor: {
      socket: engine.store.socket(work.id),
      log: undefined,
      exitPath: '',
      spillDir: work.path,
      waitStart: true,
      stdinOnce: false,
      backpressure: true,
      leave: false,
      forwardSignals: false,
    },
    bundle: work.path,
    special: specialMounts(options),
  });
  if (signal.aborted) throw signal.reason;
  using said = new StepSaid(tell);
  const running = await startProcess(engine, {
    plan,
    warnings,
    containerId: work.id,
    socket: engine.store.socket(work.id),
    tty: false,
    streams: said,
    detached: false,
    meanwhile: () => sandbox?.attach(),
    onWaiting: async (pid, monitor) => {
      const process = processId(pid);
      noteRun(work.path, { process, monitor: processId(monitor), cgroupsPath });
      await sandbox?.arrived(process);
    },
    onLost: () => lostExit(),
  });
  sandbox?.started();
  input.onStarted?.();
  const kill = () => void running.kill(SIGKILL).catch(() => endGroupBeside(engine, cgroupsPath));
  signal.addEventListener('abort', kill);
  if (signal.aborted) kill();
  try {
    const exit = await running.wait();
    await running.attached().catch(() => {});
    if (signal.aborted) throw signal.reason;
    return exit.status;
  } finally {
    signal.removeEventListener('abort', kill);
    await endGroup(engine, cgroupsPath);
  }
}

function optionsOf(input: RunInput): RunOptions {
  const { network, argv, env, cwd, user, mounts, privileged, addHosts, ulimits, shmSize, limits } = input;
  return {
    ...DEFAULT_RUN,
    args: argv,
    env,
    workdir: cwd,
    user,
    hostname: HOSTNAME,
    namespaces: { ...DEFAULT_RUN.namespaces, network: { kind: network === 'host' ? 'host' : 'new' } },
    privileged,
    addHosts,
    ulimits,
    ...(shmSize === undefined ? {} : { shmSize }),
    limits: { ...DEFAULT_RUN.limits, ...limits },
    mounts,
  };
}

/** For places in networks: as a container's record says what it wants of them. */
function guestOf(id: string, { network, addHosts, argv }: RunInput, cgroupsPath: string): ContainerRecord {
  const mode = network === 'default' ? 'bridge' : network;
  return {
    id,
    name: id,
    createdAt: Date.now(),
    rootfs: '',
    config: completeConfig({ Hostname: HOSTNAME, Cmd: [...argv] }, {}, id),
    hostConfig: { ...completeHostConfig(), NetworkMode: mode, ExtraHosts: [...addHosts] },
    endpoints: mode === 'none' || mode === 'host' ? {} : { [mode]: {} },
    cgroupsPath,
    maker: processId(process.pid),
  };
}

function writeEtc({ engine }: BuildParts, dir: string, record: ContainerRecord, options: RunOptions) {
  const files = { hostname: `${dir}/hostname`, hosts: `${dir}/hosts`, resolvConf: `${dir}/resolv.conf` };
  const network = options.namespaces.network.kind === 'host' ? { hostText: readOr('/etc/hosts') } : {};
  writeFileSync(files.hostname, `${HOSTNAME}\n`);
  writeFileSync(files.hosts, hostsFile(options, HOSTNAME, { ...hostsNetworkOf(engine, record), ...network }));
  writeFileSync(files.resolvConf, hasNameServer(record) ? internalConf(options).text : resolvConfFile(options, readOr('/etc/resolv.conf')));
  return files;
}

/** Places that only the mounts made: they were not there before, and nothing was put into them beside the mounts. */
async function mountStubs({ engine }: BuildParts, layers: readonly Digest[], writable: string, places: readonly string[]): Promise<string[]> {
  const changes = await engine.images().driver.changes(layers, writable);
  const added = new Map(changes.map(({ kind, path }) => [path.toString(), kind]));
  const stubs = new Set<string>();
  const only = (path: string) => [...added.keys()].every((other) => !other.startsWith(`${path}/`) || stubs.has(other));
  for (const place of places) {
    for (let path = place.replace(/(.)\/+$/, '$1'); path !== '' && path !== '/'; path = path.slice(0, path.lastIndexOf('/'))) {
      if (added.get(path) !== 'added' || !only(path)) break;
      stubs.add(path);
    }
  }
  return [...stubs];
}
