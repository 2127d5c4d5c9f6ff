/** From a container's documents to what the planners take. Throws `invalid` in Docker's words for what makes no sense. */
import { commandOf } from './container-document.ts';
import { invalid } from '../base/errors.ts';
import { signalNumber } from '../base/signals.ts';
import { DEFAULT_RUN, type DeviceOption, type IdRange, type Limits, type NamespaceChoice, type RunOptions, sharedMemoryOf } from '../runtime/run-options.ts';
import { MASKED_PATHS, READONLY_PATHS } from '../runtime/default-spec.ts';
import { parseSecurityOptions } from '../runtime/security-options.ts';
import { logSettings } from './log-settings.ts';
import { mountsOfRecord } from './mounts-asked.ts';
import { mountOptions } from './mount-option.ts';
import type { MountRecord } from './mount-record.ts';
import type { ContainerConfig, HostConfig, KobakoConfig, Resources } from './types/container.ts';

export interface ContainerDocuments {
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly mounts?: readonly MountRecord[] | undefined;
}

const RLIMITS = /^(as|core|cpu|data|fsize|locks|memlock|msgqueue|nice|nofile|nproc|rss|rtprio|rttime|sigpending|stack)$/;

export function runOptionsOf({ config, hostConfig, mounts }: ContainerDocuments): RunOptions {
  const host = hostConfig;
  const kobako = host.Kobako ?? {};
  const open = host.MaskedPaths?.length === 0 && host.ReadonlyPaths?.length === 0;
  const offsets = kobako.TimeOffsets;
  if (host.Runtime !== 'runc' && host.Runtime !== 'io.containerd.runc.v2' && host.Runtime !== 'kobako')
    throw invalid(`unknown or invalid runtime name: ${host.Runtime}`);
  if (host.AutoRemove && host.RestartPolicy.Name !== 'no') throw invalid("can't create 'AutoRemove' container with restart policy");
  checkRestartPolicy(host);
  return {
    ...DEFAULT_RUN,
    ...(kobako.Rootfs === undefined ? { image: config.Image } : { rootfs: { path: kobako.Rootfs.Path, overlay: kobako.Rootfs.Overlay } }),
    args: commandOf(config),
    ...(config.Hostname === '' || othersName(host) ? {} : { hostname: config.Hostname }),
    ...(config.Domainname === '' ? {} : { domainname: config.Domainname }),
    tty: config.Tty,
    stdin: config.OpenStdin,
    detach: true,
    autoRemove: host.AutoRemove,
    env: config.Env ?? [],
    ...(config.WorkingDir === '' ? {} : { workdir: config.WorkingDir }),
    ...(config.User === '' ? {} : { user: config.User }),
    groupAdd: host.GroupAdd ?? [],
    ...(kobako.Umask === undefined ? {} : { umask: kobako.Umask }),
    namespaces: {
      pid: mode(host.PidMode, 'PID'),
      ipc: sharedMemoryOf(host.IpcMode) === 'private' ? mode(host.IpcMode, 'IPC') : { kind: 'new' },
      uts: mode(host.UTSMode, 'UTS'),
      network: network(host.NetworkMode),
      cgroup: mode(host.CgroupnsMode, 'CGROUP'),
      user: host.UsernsMode === '' || host.UsernsMode === 'host' ? { kind: 'host' } : mode(host.UsernsMode, 'USER'),
      time: kobako.TimeMode === undefined || kobako.TimeMode === 'host' ? { kind: 'host' } : mode(kobako.TimeMode, 'time'),
    },
    uidMap: ranges(kobako.UidMap),
    gidMap: ranges(kobako.GidMap),
    timeOffsets: {
      ...(offsets?.Monotonic === undefined ? {} : { monotonic: offsets.Monotonic }),
      ...(offsets?.Boottime === undefined ? {} : { boottime: offsets.Boottime }),
    },
    privileged: host.Privileged,
    capAdd: host.CapAdd ?? [],
    capDrop: host.CapDrop ?? [],
    // the API takes the profile's text itself
    ...parseSecurityOptions(host.SecurityOpt ?? [], (text) => text),
    ...(kobako.SelinuxLabel === undefined ? {} : { selinux: kobako.SelinuxLabel }),
    systemPathsUnconfined: open,
    ...(open ? {} : { ...paths('maskedPaths', host.MaskedPaths, MASKED_PATHS), ...paths('readonlyPaths', host.ReadonlyPaths, READONLY_PATHS) }),
    readonlyRootfs: host.ReadonlyRootfs,
    shmSize: host.ShmSize,
    sharedMemory: sharedMemoryOf(host.IpcMode),
    mounts: mountOptions(mountsOfRecord({ mounts, hostConfig }), host.Tmpfs),
    devices: (host.Devices ?? []).map(device),
    deviceCgroupRules: (host.DeviceCgroupRules ?? []).map(deviceRule),
    ulimits: (host.Ulimits ?? []).map(({ Name, Soft, Hard }) => {
      if (!RLIMITS.test(Name)) throw invalid(`invalid ulimit type: ${Name}`);
      return { type: `RLIMIT_${Name.toUpperCase()}`, soft: Soft, hard: Hard };
    }),
    sysctls: host.Sysctls ?? {},
    ...(host.OomScoreAdj === 0 ? {} : { oomScoreAdj: host.OomScoreAdj }),
    limits: limitsOf(host, kobako),
    ...(host.CgroupParent === '' ? {} : { cgroupParent: host.CgroupParent }),
    annotations: host.Annotations ?? {},
    ...(config.StopSignal ? { stopSignal: signalNumber(config.StopSignal) } : {}),
    ...(config.StopTimeout === undefined ? {} : { stopTimeout: config.StopTimeout }),
    init: host.Init ?? false,
    addHosts: host.ExtraHosts ?? [],
    dns: host.Dns ?? [],
    dnsSearch: host.DnsSearch ?? [],
    dnsOptions: host.DnsOptions ?? [],
    ...logSettings(host.LogConfig),
  };
}

/** What `update` can change, too. */
export function limitsOf(host: Resources, kobako: KobakoConfig = {}): Limits {
  const rates = (list: Resources['BlkioDeviceReadBps']) => (list ?? []).map(({ Path, Rate }) => ({ path: Path, rate: Rate }));
  const some = (name: keyof Limits, value: number | null | undefined) => (value ? { [name]: value } : {});
  return {
    ...some('memory', host.Memory),
    ...some('memorySwap', host.MemorySwap),
    ...some('memoryReservation', host.MemoryReservation),
    ...(host.MemorySwappiness === null ? {} : { memorySwappiness: host.MemorySwappiness }),
    ...some('kernelMemoryTcp', host.KernelMemoryTCP),
    ...(host.OomKillDisable ? { oomKillDisable: true } : {}),
    ...some('cpuShares', host.CpuShares),
    ...some('cpuQuota', host.CpuQuota),
    ...some('cpuPeriod', host.CpuPeriod),
    ...some('nanoCpus', host.NanoCpus),
    ...some('cpuRtRuntime', host.CpuRealtimeRuntime),
    ...some('cpuRtPeriod', host.CpuRealtimePeriod),
    ...(host.CpusetCpus === '' ? {} : { cpusetCpus: host.CpusetCpus }),
    ...(host.CpusetMems === '' ? {} : { cpusetMems: host.CpusetMems }),
    ...some('pids', host.PidsLimit),
    ...some('blkioWeight', host.BlkioWeight),
    blkioWeightDevice: (host.BlkioWeightDevice ?? []).map(({ Path, Weight }) => ({ path: Path, rate: Weight })),
    readBps: rates(host.BlkioDeviceReadBps),
    writeBps: rates(host.BlkioDeviceWriteBps),
    readIops: rates(host.BlkioDeviceReadIOps),
    writeIops: rates(host.BlkioDeviceWriteIOps),
    hugepages: Object.entries(kobako.Hugepages ?? {}).map(([pageSize, limit]) => ({ pageSize, limit })),
    unified: kobako.Unified ?? {},
  };
}

function mode(text: string, what: string): NamespaceChoice {
  if (text === '' || text === 'private') return { kind: 'new' };
  if (text === 'host') return { kind: 'host' };
  if (text.startsWith('container:') && text.length > 10) return { kind: 'container', container: text.slice(10) };
  throw invalid(`invalid ${what} mode: ${text}`);
}

/** Of one that shares nobody's network, whatever networks it then is in. */
function network(text: string): NamespaceChoice {
  if (text === 'container:') throw invalid('invalid network mode: invalid container format container:<name|id>');
  return text === 'host' || text.startsWith('container:') ? mode(text, 'network') : { kind: 'new' };
}

/** The document has a name of the container's own all the same, as Docker's. */
function othersName({ NetworkMode, UTSMode }: HostConfig): boolean {
  return NetworkMode.startsWith('container:') || UTSMode === 'host';
}

function ranges(list: KobakoConfig['UidMap'] = []): IdRange[] {
  return list.map(({ Container, Host, Size }) => ({ container: Container, host: Host, size: Size }));
}

function paths(name: 'maskedPaths' | 'readonlyPaths', list: readonly string[] | null, usual: readonly string[]): Partial<RunOptions> {
  if (list === null || (list.length === usual.length && list.every((path, index) => path === usual[index]))) return {};
  for (const path of list) if (!path.startsWith('/') || path.includes('\0')) throw invalid(`invalid path in ${name}: ${JSON.stringify(path)}`);
  return { [name]: list };
}

function device({ PathOnHost, PathInContainer, CgroupPermissions }: NonNullable<HostConfig['Devices']>[number]): DeviceOption {
  return { host: PathOnHost, container: PathInContainer || PathOnHost, access: CgroupPermissions || 'rwm' };
}

function deviceRule(text: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text)) throw invalid(`invalid device cgroup rule format: '${text}'`);
  return text;
}

/** In Docker's words. */
export function checkRestartPolicy({ RestartPolicy: { Name, MaximumRetryCount } }: Pick<HostConfig, 'RestartPolicy'>): void {
  if (!['no', 'always', 'unless-stopped', 'on-failure'].includes(Name)) {
    throw invalid(`invalid restart policy: unknown policy '${String(Name)}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
  }
  if (MaximumRetryCount < 0) throw invalid('invalid restart policy: maximum retry count cannot be negative');
  if (MaximumRetryCount > 0 && Name !== 'on-failure') throw invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'");
}
