/** Completes what a user asks of a container: Docker's defaults, and what the image says where the user said nothing. */
import { hostname } from 'node:os';
import { posix } from 'node:path';
import { invalid } from '../base/errors.ts';
import type { ContainerConfig as ImageContainerConfig } from '../image/contract.ts';
import { LEASE_LABEL } from './leases-contract.ts';
import { MASKED_PATHS, READONLY_PATHS } from '../runtime/default-spec.ts';
import type { ContainerConfig, ContainerCreate, HealthConfig, HostConfig, Mount } from './types/container.ts';

const SHM_SIZE = 64 << 20;

/** As Docker shows it in `inspect` when nothing was asked. */
export const DEFAULT_HOST_CONFIG: HostConfig = {
  Binds: null,
  ContainerIDFile: '',
  LogConfig: { Type: 'json-file', Config: {} },
  NetworkMode: 'bridge',
  PortBindings: null,
  RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumeDriver: '',
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  CapAdd: null,
  CapDrop: null,
  CgroupnsMode: 'private',
  Dns: null,
  DnsOptions: null,
  DnsSearch: null,
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: 'private',
  Cgroup: '',
  Links: null,
  OomScoreAdj: 0,
  PidMode: '',
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: '',
  UsernsMode: '',
  ShmSize: SHM_SIZE,
  Runtime: 'runc',
  Isolation: '',
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: '',
  BlkioWeight: 0,
  BlkioWeightDevice: null,
  BlkioDeviceReadBps: null,
  BlkioDeviceWriteBps: null,
  BlkioDeviceReadIOps: null,
  BlkioDeviceWriteIOps: null,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: '',
  CpusetMems: '',
  Devices: null,
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: null,
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
  MaskedPaths: null,
  ReadonlyPaths: null,
};

/** Left out of the document where it says nothing. */
const OPTIONAL = ['Mounts', 'Annotations', 'StorageOpt', 'Tmpfs', 'Sysctls', 'Init'] as const;

/** The whole document. What makes no sense is refused later, by those who read it. */
export function completeHostConfig(given: Partial<HostConfig> = {}): HostConfig {
  const privileged = given.Privileged ?? false;
  const swap = given.Memory && !given.MemorySwap ? { MemorySwap: given.Memory * 2 } : {};
  const network = given.NetworkMode === undefined || given.NetworkMode === '' || given.NetworkMode === 'default' ? { NetworkMode: 'bridge' } : {};
  const policy = given.RestartPolicy;
  const unconfined = privileged || given.PidMode === 'host' || given.IpcMode === 'host';
  const host: { -readonly [K in keyof HostConfig]: HostConfig[K] } = {
    ...DEFAULT_HOST_CONFIG,
    ...given,
    ...swap,
    ...network,
    LogConfig: { Type: given.LogConfig?.Type || 'json-file', Config: given.LogConfig?.Config ?? {} },
    RestartPolicy: { Name: policy?.Name || 'no', MaximumRetryCount: policy?.MaximumRetryCount ?? 0 },
    CgroupnsMode: given.CgroupnsMode || (privileged ? 'host' : 'private'),
    IpcMode: given.IpcMode || 'private',
    ShmSize: given.ShmSize || SHM_SIZE,
    Runtime: given.Runtime || 'runc',
    Links: given.Links?.length ? given.Links : null,
    SecurityOpt: given.SecurityOpt ?? (unconfined ? ['label=disable'] : null),
    OomKillDisable: given.OomKillDisable ?? false,
    MemorySwappiness: given.MemorySwappiness === -1 ? null : (given.MemorySwappiness ?? null),
    PidsLimit: (given.PidsLimit ?? 0) > 0 ? given.PidsLimit! : null,
    DeviceRequests: given.DeviceRequests?.map(({ DeviceIDs = null, Options = null, ...request }) => ({ ...request, DeviceIDs, Options })) ?? null,
    MaskedPaths: given.MaskedPaths ?? (privileged ? null : MASKED_PATHS),
    ReadonlyPaths: given.ReadonlyPaths ?? (privileged ? null : READONLY_PATHS),
    Mounts: given.Mounts?.map(shortMount) ?? [],
  };
  for (const key of OPTIONAL) if (isEmpty(host[key])) delete host[key];
  return host;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** Without what says nothing; options that are there stay, empty as they may be. */
function shortMount(mount: Mount): Mount {
  const options = (value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).filter(([, each]) => each && !isEmpty(each)))
      : value;
  const kept = Object.entries(mount).filter(([, value]) => value !== false && value !== '' && value !== undefined && value !== null);
  return Object.fromEntries(kept.map(([key, value]) => [key, options(value)])) as unknown as Mount;
}

/**
 * The user's configuration on the image's, by Docker's rules: variables, labels, ports and volumes are merged; an entry
 * point of the user's takes the image's command out. `id` gives the host name. Throws `invalid` without a command.
 */
export function completeConfig(given: ContainerCreate, image: ImageContainerConfig, id: string): ContainerConfig {
  // the one empty string clears the image's
  const cleared = given.Entrypoint?.length === 1 && given.Entrypoint[0] === '';
  const ownEntrypoint = (given.Entrypoint?.length ?? 0) > 0;
  const Entrypoint = cleared ? null : ownEntrypoint ? given.Entrypoint! : (given.Entrypoint ?? image.Entrypoint ?? null);
  const Cmd = given.Cmd?.length ? given.Cmd : ownEntrypoint ? (given.Cmd ?? null) : (image.Cmd ?? null);
  if ((Entrypoint?.length ?? 0) + (Cmd?.length ?? 0) === 0) throw invalid('no command specified');
  const network = given.HostConfig?.NetworkMode ?? '';
  const exposed = { ...image.ExposedPorts, ...given.ExposedPorts };
  const volumes = { ...image.Volumes, ...given.Volumes };
  const healthcheck = mergedHealth(given.Healthcheck, image.Healthcheck);
  const [stopSignal, stopTimeout, shell] = [given.StopSignal || image.StopSignal, given.StopTimeout, given.Shell ?? image.Shell];
  return {
    // that of another container's network is told when it is joined
    Hostname: given.Hostname || (network === 'host' ? hostname() : id.slice(0, 12)),
    Domainname: given.Domainname ?? '',
    User: given.User || image.User || '',
    AttachStdin: given.AttachStdin ?? false,
    AttachStdout: given.AttachStdout ?? false,
    AttachStderr: given.AttachStderr ?? false,
    ...(Object.keys(exposed).length === 0 ? {} : { ExposedPorts: exposed as NonNullable<ContainerConfig['ExposedPorts']> }),
    Tty: given.Tty ?? false,
    OpenStdin: given.OpenStdin ?? false,
    StdinOnce: given.StdinOnce ?? false,
    Env: mergedEnv(given.Env, image.Env),
    Cmd,
    ...(healthcheck === undefined ? {} : { Healthcheck: healthcheck }),
    ...(given.ArgsEscaped ? { ArgsEscaped: true } : {}),
    Image: given.Image ?? '',
    Volumes: Object.keys(volumes).length === 0 ? null : (volumes as ContainerConfig['Volumes']),
    WorkingDir: cleanFolder(given.WorkingDir || image.WorkingDir || ''),
    Entrypoint,
    ...(given.NetworkDisabled ? { NetworkDisabled: true } : {}),
    ...(given.MacAddress ? { MacAddress: given.MacAddress } : {}),
    OnBuild: given.OnBuild ?? null,
    Labels: { ...withoutLease(image.Labels), ...given.Labels },
    ...(stopSignal ? { StopSignal: stopSignal } : {}),
    ...(stopTimeout === undefined || stopTimeout === null ? {} : { StopTimeout: stopTimeout }),
    ...(shell?.length ? { Shell: shell } : {}),
  };
}

/** What is run: the entry point and its arguments. */
export function commandOf({ Entrypoint, Cmd }: Pick<ContainerConfig, 'Entrypoint' | 'Cmd'>): string[] {
  return [...(Entrypoint ?? []), ...(Cmd ?? [])];
}

/** An image that was made of a container under a lease ties nothing to it. */
function withoutLease(labels: ImageContainerConfig['Labels']): Record<string, string> {
  const { [LEASE_LABEL]: _, ...rest } = labels ?? {};
  return rest;
}

function cleanFolder(path: string): string {
  return path.startsWith('/') ? posix.normalize(path).replace(/(.)\/+$/, '$1') : path;
}

/** The user's first, then what of the image's he did not name. */
function mergedEnv(given: readonly string[] | null | undefined, ofImage: readonly string[] | null | undefined): string[] | null {
  if (!given?.length && !ofImage?.length) return null;
  const [own, image] = [given ?? [], ofImage ?? []];
  const name = (entry: string) => entry.split('=', 1)[0]!;
  const named = new Set(own.map(name));
  return [...own, ...image.filter((entry) => !named.has(name(entry)))];
}

function mergedHealth(own: HealthConfig | undefined, image: ImageContainerConfig['Healthcheck']): HealthConfig | undefined {
  if (image === undefined || image === null) return own ?? undefined;
  if (own === undefined || own === null) return image;
  const merged = {
    Test: own.Test?.length ? own.Test : (image.Test ?? []),
    Interval: own.Interval || image.Interval || 0,
    Timeout: own.Timeout || image.Timeout || 0,
    StartPeriod: own.StartPeriod || image.StartPeriod || 0,
    StartInterval: own.StartInterval || image.StartInterval || 0,
    Retries: own.Retries || image.Retries || 0,
  };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== 0));
}
