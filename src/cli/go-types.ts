/**
 * Docker's documents as the structs that its client decodes them to: `inspect --format` sees their fields, in their order
 * and with their zero values, not the keys of the JSON.
 */
import { goTime, parseTime } from './go-time.ts';
import { goJson } from './template/json.ts';
import { anyJson, GoMap, GoSlice, Nil, Struct } from './template/values.ts';

/**
 * A field is `Name`, `Name:type`, or `Name=key:type` where its key in the JSON is another; strings need no type. `+Type` is
 * embedded: its fields are also those of what it is in.
 */
const TYPES: Readonly<Record<string, string>> = {
  'container.InspectResponse': `ID=Id Created Path Args:[]string State:*container.State Image ResolvConfPath HostnamePath HostsPath LogPath Name
    RestartCount:int Driver Platform MountLabel ProcessLabel AppArmorProfile ExecIDs:[]string HostConfig:*container.HostConfig
    GraphDriver:storage.DriverData SizeRw:*int SizeRootFs:*int Mounts:[]container.MountPoint Config:*container.Config
    NetworkSettings:*container.NetworkSettings ImageManifestDescriptor:*any`,
  'container.State': `Status Running:bool Paused:bool Restarting:bool OOMKilled:bool Dead:bool Pid:int ExitCode:int Error StartedAt FinishedAt
    Health:*container.Health`,
  'container.Health': 'Status FailingStreak:int Log:[]*container.HealthcheckResult',
  'container.HealthcheckResult': 'Start:time End:time ExitCode:int Output',
  'container.HostConfig': `Binds:[]string ContainerIDFile LogConfig:container.LogConfig NetworkMode PortBindings:map[][]nat.PortBinding
    RestartPolicy:container.RestartPolicy AutoRemove:bool VolumeDriver VolumesFrom:[]string ConsoleSize:[]int Annotations:map[]string
    CapAdd:[]string CapDrop:[]string CgroupnsMode DNS=Dns:[]string DNSOptions=DnsOptions:[]string DNSSearch=DnsSearch:[]string
    ExtraHosts:[]string GroupAdd:[]string IpcMode Cgroup Links:[]string OomScoreAdj:int PidMode Privileged:bool PublishAllPorts:bool
    ReadonlyRootfs:bool SecurityOpt:[]string StorageOpt:map[]string Tmpfs:map[]string UTSMode UsernsMode ShmSize:int Sysctls:map[]string
    Runtime Isolation +container.Resources Mounts:[]mount.Mount MaskedPaths:[]string ReadonlyPaths:[]string Init:*bool`,
  'container.Resources': `CPUShares=CpuShares:int Memory:int NanoCPUs=NanoCpus:int CgroupParent BlkioWeight:int
    BlkioWeightDevice:[]*blkiodev.WeightDevice BlkioDeviceReadBps:[]*blkiodev.ThrottleDevice BlkioDeviceWriteBps:[]*blkiodev.ThrottleDevice
    BlkioDeviceReadIOps:[]*blkiodev.ThrottleDevice BlkioDeviceWriteIOps:[]*blkiodev.ThrottleDevice CPUPeriod=CpuPeriod:int
    CPUQuota=CpuQuota:int CPURealtimePeriod=CpuRealtimePeriod:int CPURealtimeRuntime=CpuRealtimeRuntime:int CpusetCpus CpusetMems
    Devices:[]container.DeviceMapping DeviceCgroupRules:[]string DeviceRequests:[]container.DeviceRequest KernelMemory:int
    KernelMemoryTCP:int MemoryReservation:int MemorySwap:int MemorySwappiness:*int OomKillDisable:*bool PidsLimit:*int
    Ulimits:[]*units.Ulimit CPUCount=CpuCount:int CPUPercent=CpuPercent:int IOMaximumIOps:int IOMaximumBandwidth:int`,
  'container.LogConfig': 'Type Config:map[]string',
  'container.RestartPolicy': 'Name MaximumRetryCount:int',
  'container.DeviceMapping': 'PathOnHost PathInContainer CgroupPermissions',
  'container.DeviceRequest': 'Driver Count:int DeviceIDs:[]string Capabilities:[][]string Options:map[]string',
  'blkiodev.WeightDevice': 'Path Weight:int',
  'blkiodev.ThrottleDevice': 'Path Rate:int',
  'units.Ulimit': 'Name Hard:int Soft:int',
  'nat.PortBinding': 'HostIP=HostIp HostPort',
  'mount.Mount': `Type Source Target ReadOnly:bool Consistency BindOptions:*any VolumeOptions:*any ImageOptions:*any TmpfsOptions:*any
    ClusterOptions:*any`,
  'container.MountPoint': 'Type Name Source Destination Driver Mode RW:bool Propagation',
  'container.Config': `Hostname Domainname User AttachStdin:bool AttachStdout:bool AttachStderr:bool ExposedPorts:map[]empty Tty:bool
    OpenStdin:bool StdinOnce:bool Env:[]string Cmd:[]string Healthcheck:*v1.HealthcheckConfig ArgsEscaped:bool Image Volumes:map[]empty
    WorkingDir Entrypoint:[]string NetworkDisabled:bool MacAddress OnBuild:[]string Labels:map[]string StopSignal StopTimeout:*int
    Shell:[]string`,
  'v1.HealthcheckConfig': 'Test:[]string Interval:duration Timeout:duration StartPeriod:duration StartInterval:duration Retries:int',
  'container.NetworkSettings': '+container.NetworkSettingsBase +container.DefaultNetworkSettings Networks:map[]*network.EndpointSettings',
  'container.NetworkSettingsBase': `Bridge SandboxID SandboxKey Ports:map[][]nat.PortBinding HairpinMode:bool LinkLocalIPv6Address
    LinkLocalIPv6PrefixLen:int SecondaryIPAddresses:[]any SecondaryIPv6Addresses:[]any`,
  'container.DefaultNetworkSettings': `EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen:int IPAddress IPPrefixLen:int IPv6Gateway
    MacAddress`,
  'network.EndpointSettings': `IPAMConfig:*network.EndpointIPAMConfig Links:[]string Aliases:[]string MacAddress DriverOpts:map[]string
    GwPriority:int NetworkID EndpointID Gateway IPAddress IPPrefixLen:int IPv6Gateway GlobalIPv6Address GlobalIPv6PrefixLen:int
    DNSNames:[]string`,
  'network.EndpointIPAMConfig': 'IPv4Address IPv6Address LinkLocalIPs:[]string',
  'storage.DriverData': 'Data:map[]string Name',
  'image.InspectResponse': `ID=Id RepoTags:[]string RepoDigests:[]string Parent Comment Created DockerVersion Author Config:*spec.ImageConfig
    Architecture Variant Os OsVersion Size:int VirtualSize:int GraphDriver:storage.DriverData RootFS:image.RootFS Metadata:image.Metadata
    Descriptor:*any Manifests:[]any`,
  'spec.ImageConfig': '+v1.ImageConfig +spec.ImageConfigExt',
  'v1.ImageConfig': `User ExposedPorts:map[]empty Env:[]string Entrypoint:[]string Cmd:[]string Volumes:map[]empty WorkingDir Labels:map[]string
    StopSignal ArgsEscaped:bool`,
  'spec.ImageConfigExt': 'Healthcheck:*v1.HealthcheckConfig OnBuild:[]string Shell:[]string',
  'image.RootFS': 'Type Layers:[]string',
  'image.Metadata': 'LastTagTime:time',
  'network.Inspect': `Name ID=Id Created:time Scope Driver EnableIPv4:bool EnableIPv6:bool IPAM:network.IPAM Internal:bool Attachable:bool
    Ingress:bool ConfigFrom:network.ConfigReference ConfigOnly:bool Containers:map[]network.EndpointResource Options:map[]string
    Labels:map[]string Peers:[]any Services:map[]any`,
  'network.IPAM': 'Driver Options:map[]string Config:[]network.IPAMConfig',
  'network.IPAMConfig': 'Subnet IPRange Gateway AuxAddress=AuxiliaryAddresses:map[]string',
  'network.ConfigReference': 'Network',
  'network.EndpointResource': 'Name EndpointID MacAddress IPv4Address IPv6Address',
  'volume.Volume': `ClusterVolume:*any CreatedAt Driver Labels:map[]string Mountpoint Name Options:map[]string Scope Status:map[]any
    UsageData:*volume.UsageData`,
  'volume.UsageData': 'RefCount:int Size:int',
};

/** What docker's client writes anew, in the order of its struct: the keys that it leaves out where they are empty. */
const REWRITTEN: Readonly<Record<string, string>> = {
  'image.InspectResponse': 'Created Variant OsVersion VirtualSize Descriptor Manifests',
  'spec.ImageConfig': 'User ExposedPorts Env Entrypoint Cmd Volumes WorkingDir Labels StopSignal ArgsEscaped Healthcheck OnBuild Shell',
};

interface Field {
  readonly name: string;
  readonly key: string;
  readonly type: string;
  readonly embedded: boolean;
}

function fieldsOf(type: string): Field[] {
  return TYPES[type]!.split(/\s+/).map((word) => {
    if (word.startsWith('+')) return { name: word.slice(word.indexOf('.') + 1), key: '', type: word.slice(1), embedded: true };
    const [names, kind = 'string'] = word.split(/:(.*)/s) as [string, string | undefined];
    const [name, key = name] = names.split('=') as [string, string | undefined];
    return { name, key, type: kind, embedded: false };
  });
}

const ZEROS: Readonly<Record<string, unknown>> = { string: '', int: 0, bool: false, any: null };

/** A decoded document as a value of that type; what it lacks, or has in another type, is the type's zero. */
export function goValue(type: string, value: unknown): unknown {
  if (type.startsWith('*')) return value === null || value === undefined ? new Nil(type) : goValue(type.slice(1), value);
  if (type.startsWith('[]')) {
    const items = Array.isArray(value) ? value : undefined;
    return new GoSlice(type, items === undefined ? [] : items.map((each) => goValue(type.slice(2), each)), items === undefined);
  }
  if (type.startsWith('map[]')) {
    const element = type.slice(5);
    const entries = isObject(value) ? value : undefined;
    const made = Object.fromEntries(Object.entries(entries ?? {}).map(([key, each]) => [key, goValue(element, each)]));
    return new GoMap(`map[string]${element}`, made, goValue(element, undefined), entries === undefined);
  }
  if (type === 'empty') return new Struct('struct {}', [], () => undefined);
  if (type === 'any') return anyJson(value ?? null);
  if (type === 'time') return timeValue(value);
  if (type === 'duration') return durationValue(value);
  if (Object.hasOwn(ZEROS, type)) return typeof value === typeof ZEROS[type] ? value : ZEROS[type];
  return structValue(type, isObject(value) ? value : {});
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function structValue(type: string, document: Readonly<Record<string, unknown>>): Struct {
  const fields = fieldsOf(type);
  const get = (name: string): unknown => {
    const field = fields.find((each) => each.name === name);
    if (field?.embedded) return structValue(field.type, document);
    if (field !== undefined) return goValue(field.type, Object.hasOwn(document, field.key) ? document[field.key] : undefined);
    for (const { embedded, type: inner } of fields)
      if (embedded && fieldsOf(inner).some((each) => each.name === name)) return structValue(inner, document).get(name);
    return undefined;
  };
  const promoted = fields.flatMap(({ embedded, type: inner }) => (embedded ? fieldsOf(inner).map(({ name }) => name) : []));
  const text = type === 'units.Ulimit' ? { text: () => `${String(document['Name'])}=${String(document['Soft'])}:${String(document['Hard'])}` } : {};
  return new Struct(
    type,
    fields.map(({ name }) => name),
    get,
    { promoted, json: () => goJson(rewritten(type, document)), ...text },
  );
}

function rewritten(type: string, document: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const optional = REWRITTEN[type]?.split(' ');
  if (optional === undefined) return document;
  const fields = fieldsOf(type).flatMap((field) => (field.embedded ? fieldsOf(field.type) : [field]));
  const values = fields.map(({ key, type: inner }) => [key, goValue(inner, document[key])] as const);
  return Object.fromEntries(values.filter(([key, value]) => !(optional.includes(key) && isEmpty(value))));
}

/** As Go's omitempty takes it. */
function isEmpty(value: unknown): boolean {
  if (value instanceof GoSlice) return value.items.length === 0;
  if (value instanceof GoMap) return Object.keys(value.entries).length === 0;
  return value === '' || value === 0 || value === false || value instanceof Nil;
}

function timeValue(value: unknown): Struct {
  const text = typeof value === 'string' ? value : '0001-01-01T00:00:00Z';
  const time = parseTime(text);
  return new Struct('time.Time', [], () => undefined, { text: () => (time === undefined ? text : goTime(time, 'UTC')), json: () => goJson(text) });
}

/** Nanoseconds as Go shows a duration: `1m30s`. */
function durationValue(value: unknown): Struct {
  const nanoseconds = typeof value === 'number' ? value : 0;
  return new Struct('time.Duration', [], () => undefined, { text: () => duration(nanoseconds), json: () => String(nanoseconds) });
}

function duration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  const units: [string, number][] = [
    ['ns', 1],
    ['µs', 1e3],
    ['ms', 1e6],
  ];
  const small = units.findLast(([, size]) => nanoseconds >= size);
  if (nanoseconds < 1e9 && small !== undefined) return `${nanoseconds / small[1]}${small[0]}`;
  const seconds = nanoseconds / 1e9;
  const [hours, minutes] = [Math.trunc(seconds / 3600), Math.trunc((seconds % 3600) / 60)];
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${Number((seconds % 60).toFixed(9))}s`;
}
