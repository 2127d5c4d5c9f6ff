/** Use cases: what the engine is and runs on, as `docker info` and `docker version` ask it. */
import { nowNano, rfc3339Nano } from '../base/time.ts';
import { VERSION } from '../base/version.ts';
import type { CgroupAbilities } from '../cgroup/abilities.ts';
import { hostInfo, kernelRelease } from '../kernel/linux/host-info.ts';
import { stateOf } from './container-state.ts';
import { engineId } from './engine-id.ts';
import type { EngineParts } from './parts.ts';
import type { SystemInfo, SystemVersion } from './types/system-answers.ts';

/** What the engine was opened with, as far as it is shown. */
export interface SystemSettings {
  readonly addressPools: readonly { readonly base: string; readonly size: number }[];
  readonly labels: readonly string[];
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
}

const API_VERSION = '1.51';
const MIN_API_VERSION = '1.24';
/** Clients compare it with Docker's own: it is that of the Docker whose behaviour this is, and says whose it is after a plus. */
export const SERVER_VERSION = `28.5.2+kobako.${VERSION}`;
const DOCKER_HUB = 'https://index.docker.io/v1/';

const NO_ABILITIES: Readonly<Record<string, undefined>> = {};

export function systemInfo(parts: EngineParts, settings: SystemSettings): SystemInfo {
  const host = hostInfo();
  const { store, machine, cgroups } = parts;
  const { driver, store: images } = parts.images();
  const states = store.all().map((record) => stateOf(parts, record).Status);
  const count = (...of: readonly string[]) => states.filter((state) => of.includes(state)).length;
  const able: Partial<CgroupAbilities> = cgroups?.abilities ?? NO_ABILITIES;
  const onV2 = cgroups?.driver.kind === 'v2';
  const runtime = { path: 'kobako' };
  return {
    ID: engineId(parts.dataRoot),
    Containers: states.length,
    ContainersRunning: count('running', 'restarting'),
    ContainersPaused: count('paused'),
    ContainersStopped: count('created', 'exited', 'dead', 'removing'),
    Images: images.list().length,
    Driver: driver.name,
    DriverStatus: [
      ['Layers', driver.name === 'erofs' ? 'EROFS indexes over plain tars, mounted from files' : 'folders'],
      ['Writes', 'overlayfs'],
    ],
    Plugins: { Volume: ['local'], Network: ['bridge', 'host', 'ipvlan', 'macvlan', 'null'], Authorization: null, Log: ['json-file', 'local', 'none'] },
    MemoryLimit: able.memory ?? false,
    SwapLimit: able.swap ?? false,
    ...(onV2 ? {} : { KernelMemoryTCP: able.kernelMemoryTcp ?? false }),
    CpuCfsPeriod: able.cpuCfs ?? false,
    CpuCfsQuota: able.cpuCfs ?? false,
    CPUShares: able.cpuShares ?? false,
    CPUSet: able.cpuset ?? false,
    PidsLimit: able.pids ?? false,
    IPv4Forwarding: host.ipv4Forwarding,
    Debug: false,
    NFd: host.openFiles,
    OomKillDisable: able.oomKillDisable ?? false,
    NGoroutines: process.getActiveResourcesInfo().length,
    SystemTime: rfc3339Nano(nowNano()),
    LoggingDriver: 'json-file',
    CgroupDriver: cgroups === undefined ? 'none' : 'cgroupfs',
    CgroupVersion: onV2 ? '2' : '1',
    NEventsListener: parts.events.readers,
    KernelVersion: host.kernelVersion,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: 'linux',
    Architecture: host.architecture,
    IndexServerAddress: DOCKER_HUB,
    RegistryConfig: registryConfig(settings),
    NCPU: host.cpus,
    MemTotal: host.memory,
    GenericResources: null,
    DockerRootDir: parts.dataRoot,
    HttpProxy: process.env['HTTP_PROXY'] ?? '',
    HttpsProxy: process.env['HTTPS_PROXY'] ?? '',
    NoProxy: process.env['NO_PROXY'] ?? '',
    Name: host.name,
    Labels: settings.labels,
    ExperimentalBuild: false,
    ServerVersion: SERVER_VERSION,
    Runtimes: { 'io.containerd.runc.v2': runtime, kobako: runtime, runc: runtime },
    DefaultRuntime: 'runc',
    Swarm: { NodeID: '', NodeAddr: '', LocalNodeState: 'inactive', ControlAvailable: false, Error: '', RemoteManagers: null },
    // containers outlive the engine in any case
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: 'docker-init',
    ContainerdCommit: { ID: '' },
    RuncCommit: { ID: '' },
    InitCommit: { ID: '' },
    SecurityOptions: [
      ...(machine.apparmor ? ['name=apparmor'] : []),
      'name=seccomp,profile=builtin',
      ...(machine.selinux ? ['name=selinux'] : []),
      ...(parts.remap === undefined ? [] : ['name=userns']),
      'name=cgroupns',
    ],
    CDISpecDirs: [],
    ...(settings.addressPools.length === 0 ? {} : { DefaultAddressPools: settings.addressPools.map(({ base, size }) => ({ Base: base, Size: size })) }),
    Warnings: warningsOf(able, onV2),
  };
}

function registryConfig({ insecureRegistries, registryMirrors }: SystemSettings): SystemInfo['RegistryConfig'] {
  const isNetwork = (text: string) => /^[\d.]+\/\d+$|^[\da-f:]+\/\d+$/i.test(text);
  const hosts = insecureRegistries.filter((text) => !isNetwork(text));
  const hub = { Name: 'docker.io', Mirrors: registryMirrors, Secure: true, Official: true };
  return {
    IndexConfigs: { 'docker.io': hub, ...Object.fromEntries(hosts.map((Name) => [Name, { Name, Mirrors: [], Secure: false, Official: false }])) },
    InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8', ...insecureRegistries.filter(isNetwork)],
    Mirrors: registryMirrors.length === 0 ? null : registryMirrors,
  };
}

/** What `docker info` warns of; null when of nothing, as Docker has it. */
function warningsOf(able: Partial<CgroupAbilities>, onV2: boolean): readonly string[] | null {
  const missing = [
    ['memory limit', able.memory],
    ['swap limit', able.swap],
    ['kernel memory TCP limit', able.kernelMemoryTcp === true || onV2],
    ['oom kill disable', able.oomKillDisable === true || onV2],
    ['cpu cfs quota', able.cpuCfs],
    ['cpu cfs period', able.cpuCfs],
    ['cpu shares', able.cpuShares],
    ['cpuset', able.cpuset],
    ['pids limit', able.pids],
  ].flatMap(([what, can]) => (can === true ? [] : [`WARNING: No ${String(what)} support`]));
  return missing.length === 0 ? null : missing;
}

export function systemVersion(): SystemVersion {
  const kernelVersion = kernelRelease();
  const Arch = { x64: 'amd64', arm64: 'arm64' }[process.arch as 'x64' | 'arm64'] ?? process.arch;
  // there is no Go: what runs it instead
  const GoVersion = `node ${process.version}`;
  const about = {
    ApiVersion: API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    GitCommit: '',
    GoVersion,
    Os: 'linux',
    Arch,
    KernelVersion: kernelVersion,
    BuildTime: '',
  };
  return {
    Platform: { Name: `kobako ${VERSION}` },
    Components: [
      { Name: 'Engine', Version: SERVER_VERSION, Details: { ...about, Experimental: 'false' } },
      { Name: 'kobako', Version: VERSION, Details: { GitCommit: '', NodeVersion: process.version } },
    ],
    Version: SERVER_VERSION,
    ...about,
  };
}
