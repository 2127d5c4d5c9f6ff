/** The other way round: what a run asks for, in plain options, as the documents that a container is created from. */
import { constants } from 'node:os';
import { type IdRange, type Limits, type MountOption, type NamespaceChoice, type RunOptions } from '../runtime/run-options.ts';
import type { ContainerCreate, HostConfig, KobakoConfig, Mount } from './types/container.ts';

/** What `runOptionsOf` gives for the document equals the options. */
export function documentOf(options: RunOptions): ContainerCreate {
  const { namespaces } = options;
  return {
    Image: options.image ?? '',
    Cmd: options.args,
    ...(options.entrypoint === undefined ? {} : { Entrypoint: options.entrypoint.length === 0 ? [''] : options.entrypoint }),
    ...(options.hostname === undefined ? {} : { Hostname: options.hostname }),
    ...(options.domainname === undefined ? {} : { Domainname: options.domainname }),
    Tty: options.tty,
    OpenStdin: options.stdin,
    StdinOnce: options.stdin && !options.detach,
    AttachStdin: options.stdin && !options.detach,
    AttachStdout: !options.detach,
    AttachStderr: !options.detach,
    Env: options.env,
    ...(options.workdir === undefined ? {} : { WorkingDir: options.workdir }),
    ...(options.user === undefined ? {} : { User: options.user }),
    ...(options.stopSignal === undefined ? {} : { StopSignal: signalName(options.stopSignal) }),
    ...(options.stopTimeout === undefined ? {} : { StopTimeout: options.stopTimeout }),
    HostConfig: {
      AutoRemove: options.autoRemove,
      ...(namespaces.network.kind === 'new' ? {} : { NetworkMode: choice(namespaces.network) }),
      PidMode: choice(namespaces.pid),
      IpcMode: choice(namespaces.ipc) || options.sharedMemory,
      UTSMode: choice(namespaces.uts),
      CgroupnsMode: choice(namespaces.cgroup) || 'private',
      UsernsMode: namespaces.user.kind === 'container' ? choice(namespaces.user) : '',
      GroupAdd: options.groupAdd,
      Privileged: options.privileged,
      CapAdd: options.capAdd,
      CapDrop: options.capDrop,
      SecurityOpt: [
        ...(options.noNewPrivileges ? ['no-new-privileges'] : []),
        ...(options.writableCgroups ? ['writable-cgroups=true'] : []),
        ...(options.seccomp === undefined ? [] : [`seccomp=${options.seccomp}`]),
        ...(options.apparmor === undefined ? [] : [`apparmor=${options.apparmor}`]),
      ],
      ...(options.systemPathsUnconfined ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
      ...(options.maskedPaths === undefined ? {} : { MaskedPaths: options.maskedPaths }),
      ...(options.readonlyPaths === undefined ? {} : { ReadonlyPaths: options.readonlyPaths }),
      ReadonlyRootfs: options.readonlyRootfs,
      ShmSize: options.shmSize,
      ...mounts(options.mounts),
      Devices: options.devices.map(({ host, container, access }) => ({ PathOnHost: host, PathInContainer: container, CgroupPermissions: access })),
      DeviceCgroupRules: options.deviceCgroupRules,
      Ulimits: options.ulimits.map(({ type, soft, hard }) => ({ Name: type.replace(/^RLIMIT_/, '').toLowerCase(), Soft: soft, Hard: hard })),
      Sysctls: options.sysctls,
      OomScoreAdj: options.oomScoreAdj ?? 0,
      ...resources(options.limits),
      CgroupParent: options.cgroupParent ?? '',
      Annotations: options.annotations,
      ...(options.init ? { Init: true } : {}),
      ExtraHosts: options.addHosts,
      Dns: options.dns,
      DnsSearch: options.dnsSearch,
      DnsOptions: options.dnsOptions,
      LogConfig: {
        Type: options.logDriver,
        Config: {
          ...(options.logMaxSize === undefined ? {} : { 'max-size': String(options.logMaxSize) }),
          ...(options.logMaxFile === undefined ? {} : { 'max-file': String(options.logMaxFile) }),
        },
      },
      Kobako: kobako(options),
    },
  };
}

function kobako(options: RunOptions): KobakoConfig {
  const ranges = (list: readonly IdRange[]) => list.map(({ container, host, size }) => ({ Container: container, Host: host, Size: size }));
  const { monotonic, boottime } = options.timeOffsets;
  const { hugepages, unified } = options.limits;
  return {
    ...(options.rootfs === undefined ? {} : { Rootfs: { Path: options.rootfs.path, Overlay: options.rootfs.overlay } }),
    ...(options.umask === undefined ? {} : { Umask: options.umask }),
    ...(options.uidMap.length === 0 ? {} : { UidMap: ranges(options.uidMap) }),
    ...(options.gidMap.length === 0 ? {} : { GidMap: ranges(options.gidMap) }),
    ...(options.namespaces.time.kind === 'host' ? {} : { TimeMode: choice(options.namespaces.time) || 'private' }),
    ...(monotonic === undefined && boottime === undefined
      ? {}
      : { TimeOffsets: { ...(monotonic === undefined ? {} : { Monotonic: monotonic }), ...(boottime === undefined ? {} : { Boottime: boottime }) } }),
    ...(options.selinux === undefined ? {} : { SelinuxLabel: options.selinux }),
    ...(hugepages.length === 0 ? {} : { Hugepages: Object.fromEntries(hugepages.map(({ pageSize, limit }) => [pageSize, limit])) }),
    ...(Object.keys(unified).length === 0 ? {} : { Unified: unified }),
  };
}

function choice(given: NamespaceChoice): string {
  return given.kind === 'new' ? '' : given.kind === 'host' ? 'host' : `container:${given.container}`;
}

function signalName(number: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? String(number);
}

function mounts(options: readonly MountOption[]): Pick<HostConfig, 'Binds' | 'Mounts' | 'Tmpfs'> {
  const binds: string[] = [];
  const others: Mount[] = [];
  const tmpfs: Record<string, string> = {};
  for (const { type, source, target, options: words, create, subpath } of options) {
    const ReadOnly = words.includes('ro') || words.includes('rro');
    if (type === 'volume') {
      const own = { ...(words.includes('nocopy') ? { NoCopy: true } : {}), ...(subpath === undefined ? {} : { Subpath: subpath }) };
      others.push({ Type: type, Source: source, Target: target, ReadOnly, ...(Object.keys(own).length === 0 ? {} : { VolumeOptions: own }) });
    } else if (type === 'image') {
      others.push({ Type: type, Source: source, Target: target, ...(subpath === undefined ? {} : { ImageOptions: { Subpath: subpath } }) });
    } else if (type === 'tmpfs') {
      if (Object.hasOwn(tmpfs, target)) others.push({ Type: 'tmpfs', Target: target });
      else tmpfs[target] = words.join(',');
    } else if (create) binds.push([source, target, ...(words.length === 0 ? [] : [words.join(',')])].join(':'));
    else {
      const propagation = words.find((word) => /^r?(private|shared|slave|unbindable)$/.test(word));
      others.push({
        Type: 'bind',
        Source: source,
        Target: target,
        ReadOnly,
        BindOptions: {
          ...(propagation === undefined ? {} : { Propagation: propagation }),
          NonRecursive: words.includes('bind'),
          ReadOnlyForceRecursive: words.includes('rro'),
          ReadOnlyNonRecursive: words.includes('ro'),
        },
      });
    }
  }
  return { Binds: binds, Mounts: others, Tmpfs: tmpfs };
}

function resources(limits: Limits): Partial<HostConfig> {
  const rates = (list: Limits['readBps']) => list.map(({ path, rate }) => ({ Path: path, Rate: rate }));
  return {
    Memory: limits.memory ?? 0,
    MemorySwap: limits.memorySwap ?? 0,
    MemoryReservation: limits.memoryReservation ?? 0,
    MemorySwappiness: limits.memorySwappiness ?? null,
    ...(limits.kernelMemoryTcp === undefined ? {} : { KernelMemoryTCP: limits.kernelMemoryTcp }),
    OomKillDisable: limits.oomKillDisable ?? null,
    CpuShares: limits.cpuShares ?? 0,
    CpuQuota: limits.cpuQuota ?? 0,
    CpuPeriod: limits.cpuPeriod ?? 0,
    NanoCpus: limits.nanoCpus ?? 0,
    CpuRealtimeRuntime: limits.cpuRtRuntime ?? 0,
    CpuRealtimePeriod: limits.cpuRtPeriod ?? 0,
    CpusetCpus: limits.cpusetCpus ?? '',
    CpusetMems: limits.cpusetMems ?? '',
    PidsLimit: limits.pids ?? null,
    BlkioWeight: limits.blkioWeight ?? 0,
    BlkioWeightDevice: limits.blkioWeightDevice.map(({ path, rate }) => ({ Path: path, Weight: rate })),
    BlkioDeviceReadBps: rates(limits.readBps),
    BlkioDeviceWriteBps: rates(limits.writeBps),
    BlkioDeviceReadIOps: rates(limits.readIops),
    BlkioDeviceWriteIOps: rates(limits.writeIops),
  };
}
