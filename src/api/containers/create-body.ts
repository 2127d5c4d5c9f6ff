/** The documents that make, change and enter containers, as Docker's clients send them. */
import { invalid } from '../../base/errors.ts';
import type { ExecCreate } from '../../engine/containers-contract.ts';
import type { ContainerConfig, ContainerCreate, ContainerUpdate } from '../../engine/types/container.ts';
import {
  choice,
  decode,
  flag,
  int,
  int64,
  integer,
  list,
  map,
  optional,
  pair,
  partial,
  struct,
  text,
  textMap,
  texts,
  uint,
  uint16,
  uint64,
  words,
} from '../decode.ts';

const throttles = list(struct('blkiodev.ThrottleDevice', { Path: text(), Rate: uint64 }), '[]*blkiodev.ThrottleDevice');
const empty = struct('struct {}', {});
const duration = integer('time.Duration', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);

const restartPolicy = {
  Name: choice(
    'container.RestartPolicyMode',
    ['', 'no', 'always', 'unless-stopped', 'on-failure'],
    (name) => `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
  ),
  MaximumRetryCount: int,
};

const resources = {
  CpuShares: int64,
  Memory: int64,
  NanoCpus: int64,
  CgroupParent: text(),
  BlkioWeight: uint16,
  BlkioWeightDevice: list(struct('blkiodev.WeightDevice', { Path: text(), Weight: uint16 }), '[]*blkiodev.WeightDevice'),
  BlkioDeviceReadBps: throttles,
  BlkioDeviceWriteBps: throttles,
  BlkioDeviceReadIOps: throttles,
  BlkioDeviceWriteIOps: throttles,
  CpuPeriod: int64,
  CpuQuota: int64,
  CpuRealtimePeriod: int64,
  CpuRealtimeRuntime: int64,
  CpusetCpus: text(),
  CpusetMems: text(),
  Devices: list(struct('container.DeviceMapping', { PathOnHost: text(), PathInContainer: text(), CgroupPermissions: text() })),
  DeviceCgroupRules: texts,
  DeviceRequests: list(
    struct('container.DeviceRequest', { Driver: text(), Count: int, DeviceIDs: optional(texts), Capabilities: list(texts), Options: optional(textMap) }),
  ),
  KernelMemoryTCP: int64,
  MemoryReservation: int64,
  MemorySwap: int64,
  MemorySwappiness: int64,
  OomKillDisable: flag,
  PidsLimit: int64,
  Ulimits: list(struct('units.Ulimit', { Name: text(), Hard: int64, Soft: int64 }), '[]*units.Ulimit'),
  CpuCount: int64,
  CpuPercent: int64,
  IOMaximumIOps: uint64,
  IOMaximumBandwidth: uint64,
};

const mount = struct('mount.Mount', {
  Type: choice('mount.Type', ['bind', 'volume', 'tmpfs', 'image', 'npipe', 'cluster'], (type) => `invalid mount config for type "${type}": mount type unknown`),
  Source: optional(text()),
  Target: text(),
  ReadOnly: optional(flag),
  Consistency: optional(text('mount.Consistency')),
  BindOptions: optional(
    partial('mount.BindOptions', {
      Propagation: text('mount.Propagation'),
      NonRecursive: flag,
      CreateMountpoint: flag,
      ReadOnlyNonRecursive: flag,
      ReadOnlyForceRecursive: flag,
    }),
  ),
  VolumeOptions: optional(
    partial('mount.VolumeOptions', {
      NoCopy: flag,
      Labels: textMap,
      DriverConfig: partial('mount.Driver', { Name: text(), Options: textMap }),
      Subpath: text(),
    }),
  ),
  ImageOptions: optional(partial('mount.ImageOptions', { Subpath: text() })),
  TmpfsOptions: optional(partial('mount.TmpfsOptions', { SizeBytes: int64, Mode: integer('fs.FileMode', 0, 0xffff_ffff), Options: list(texts) })),
});

const idMap = list(struct('kobako.IDMap', { Container: uint, Host: uint, Size: uint }));

const kobako = partial('kobako.Config', {
  Rootfs: struct('kobako.Rootfs', { Path: text(), Overlay: flag }),
  Umask: integer('uint32', 0, 0o7777),
  UidMap: idMap,
  GidMap: idMap,
  TimeMode: text(),
  TimeOffsets: partial('kobako.TimeOffsets', { Monotonic: int64, Boottime: int64 }),
  SelinuxLabel: text(),
  Hugepages: map(int64),
  Unified: textMap,
});

const hostConfig = partial('container.HostConfig', {
  ...resources,
  Binds: texts,
  ContainerIDFile: text(),
  LogConfig: struct('container.LogConfig', { Type: text(), Config: textMap }),
  NetworkMode: text('container.NetworkMode'),
  PortBindings: map(list(struct('nat.PortBinding', { HostIp: text(), HostPort: text() })), 'nat.PortMap'),
  RestartPolicy: struct('container.RestartPolicy', restartPolicy),
  AutoRemove: flag,
  VolumeDriver: text(),
  VolumesFrom: texts,
  Mounts: list(mount),
  ConsoleSize: pair(uint),
  Annotations: textMap,
  CapAdd: words,
  CapDrop: words,
  CgroupnsMode: text('container.CgroupnsMode'),
  Dns: texts,
  DnsOptions: texts,
  DnsSearch: texts,
  ExtraHosts: texts,
  GroupAdd: texts,
  IpcMode: text('container.IpcMode'),
  Cgroup: text('container.CgroupSpec'),
  Links: texts,
  OomScoreAdj: int,
  PidMode: text('container.PidMode'),
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  SecurityOpt: texts,
  StorageOpt: textMap,
  Tmpfs: textMap,
  UTSMode: text('container.UTSMode'),
  UsernsMode: text('container.UsernsMode'),
  ShmSize: int64,
  Sysctls: textMap,
  Runtime: text(),
  Isolation: text('container.Isolation'),
  Init: flag,
  MaskedPaths: texts,
  ReadonlyPaths: texts,
  Kobako: kobako,
});

/** A container's place in a network. */
export const endpointSettings = partial('network.EndpointSettings', {
  IPAMConfig: partial('network.EndpointIPAMConfig', { IPv4Address: text(), IPv6Address: text(), LinkLocalIPs: texts }),
  Links: texts,
  Aliases: texts,
  DriverOpts: textMap,
  GwPriority: int,
  NetworkID: text(),
  EndpointID: text(),
  Gateway: text(),
  IPAddress: text(),
  MacAddress: text(),
  IPPrefixLen: int,
  IPv6Gateway: text(),
  GlobalIPv6Address: text(),
  GlobalIPv6PrefixLen: int,
  DNSNames: texts,
});

const config = {
  Hostname: text(),
  Domainname: text(),
  User: text(),
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ExposedPorts: map(empty, 'nat.PortSet'),
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: texts,
  Cmd: words,
  Healthcheck: partial('v1.HealthcheckConfig', {
    Test: texts,
    Interval: duration,
    Timeout: duration,
    Retries: int,
    StartPeriod: duration,
    StartInterval: duration,
  }),
  ArgsEscaped: flag,
  Image: text(),
  Volumes: map(empty),
  WorkingDir: text(),
  Entrypoint: words,
  NetworkDisabled: flag,
  MacAddress: text(),
  OnBuild: texts,
  Labels: textMap,
  StopSignal: text(),
  StopTimeout: int,
  Shell: words,
};

/** The shapes, for whoever compares them with the specification. */
export const containerShapes = {
  create: partial('container.CreateRequest', {
    ...config,
    HostConfig: hostConfig,
    NetworkingConfig: partial('network.NetworkingConfig', { EndpointsConfig: map(endpointSettings, 'map[string]*network.EndpointSettings') }),
  }),
  update: partial('container.UpdateConfig', { ...resources, RestartPolicy: partial('container.RestartPolicy', restartPolicy) }),
  exec: partial('container.ExecOptions', {
    AttachStdin: flag,
    AttachStdout: flag,
    AttachStderr: flag,
    DetachKeys: text(),
    Tty: flag,
    ConsoleSize: pair(uint),
    Env: texts,
    Cmd: texts,
    Privileged: flag,
    User: text(),
    WorkingDir: text(),
  }),
  execStart: partial('container.ExecStartOptions', { Detach: flag, Tty: flag, ConsoleSize: pair(uint) }),
};

const commitConfig = partial('container.CreateRequest', config);

/** The body of `POST /containers/create`; undefined: there was none. Throws `invalid`. */
export function decodeContainerCreate(body: unknown): ContainerCreate {
  if (body === undefined) throw invalid('invalid JSON: got EOF while reading request body');
  return decode(containerShapes.create, body, '');
}

/** A container's configuration alone, as `POST /commit` takes it. Throws `invalid`. */
export function decodeContainerConfig(body: unknown): Partial<ContainerConfig> {
  return decode(commitConfig, body, '');
}

/** The body of `POST /containers/ID/update`. Throws `invalid`. */
export function decodeContainerUpdate(body: unknown): ContainerUpdate {
  return decode(containerShapes.update, body);
}

/** The body of `POST /containers/ID/exec`. Throws `invalid`. */
export function decodeExecCreate(body: unknown): ExecCreate {
  return decode(containerShapes.exec, body);
}

/** The body of `POST /exec/ID/start`. Throws `invalid`. */
export function decodeExecStart(body: unknown): { readonly Detach?: boolean; readonly Tty?: boolean; readonly ConsoleSize?: readonly [number, number] } {
  return decode(containerShapes.execStart, body);
}
