import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeContainerConfig, decodeContainerCreate, decodeContainerUpdate, decodeExecCreate, decodeExecStart } from './create-body.ts';

/** What `docker run -d --name x -p 8080:80/tcp -v /a:/b:ro --mount type=tmpfs,dst=/t -m 64m --ulimit nofile=10 busybox top` sends. */
const SENT = {
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  ExposedPorts: { '80/tcp': {} },
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: ['top'],
  Image: 'busybox',
  Volumes: {},
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: {},
  HostConfig: {
    Binds: ['/a:/b:ro'],
    ContainerIDFile: '',
    LogConfig: { Type: '', Config: {} },
    NetworkMode: 'default',
    PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] },
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    AutoRemove: false,
    VolumeDriver: '',
    VolumesFrom: null,
    ConsoleSize: [24, 80],
    CapAdd: null,
    CapDrop: null,
    CgroupnsMode: '',
    Dns: [],
    DnsOptions: [],
    DnsSearch: [],
    ExtraHosts: null,
    GroupAdd: null,
    IpcMode: '',
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
    ShmSize: 0,
    Isolation: '',
    CpuShares: 0,
    Memory: 67108864,
    NanoCpus: 0,
    CgroupParent: '',
    BlkioWeight: 0,
    BlkioWeightDevice: [],
    BlkioDeviceReadBps: [],
    BlkioDeviceWriteBps: [],
    BlkioDeviceReadIOps: [],
    BlkioDeviceWriteIOps: [],
    CpuPeriod: 0,
    CpuQuota: 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: '',
    CpusetMems: '',
    Devices: [],
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: 0,
    MemorySwap: 0,
    MemorySwappiness: -1,
    OomKillDisable: false,
    PidsLimit: 0,
    Ulimits: [{ Name: 'nofile', Hard: 10, Soft: 10 }],
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    Mounts: [{ Type: 'tmpfs', Target: '/t' }],
    MaskedPaths: null,
    ReadonlyPaths: null,
  },
  NetworkingConfig: { EndpointsConfig: { default: { IPAMConfig: null, Links: null, Aliases: null, DriverOpts: null, GwPriority: 0, IPPrefixLen: 0 } } },
};

/** As `value`, without what is null: it is as if absent. */
function withoutNull(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== null)
      .map(([name, each]) => [name, withoutNull(each)]),
  );
}

test('what docker run sends comes through whole', () => {
  assert.deepEqual(decodeContainerCreate(SENT), withoutNull(SENT));
  assert.deepEqual(decodeContainerConfig({ ...SENT, HostConfig: 5 }).Cmd, ['top']);
});

test('what small clients send: a command as one string, nested things with what is missing as zero', () => {
  const got = decodeContainerCreate({
    image: 'x',
    Cmd: 'true',
    Entrypoint: null,
    Shell: 'sh',
    HostConfig: {
      CapAdd: 'SYS_ADMIN',
      RestartPolicy: { Name: 'always' },
      PortBindings: { '80/tcp': [{ HostPort: '1' }], '81/udp': null },
      LogConfig: {},
      DeviceRequests: [{ Capabilities: [['gpu']] }],
      Kobako: { Rootfs: { Path: '/r' }, UidMap: [{ Size: 5 }] },
    },
  });
  assert.deepEqual(got, {
    Image: 'x',
    Cmd: ['true'],
    Shell: ['sh'],
    HostConfig: {
      CapAdd: ['SYS_ADMIN'],
      RestartPolicy: { Name: 'always', MaximumRetryCount: 0 },
      PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '1' }], '81/udp': [] },
      LogConfig: { Type: '', Config: {} },
      DeviceRequests: [{ Driver: '', Count: 0, Capabilities: [['gpu']] }],
      Kobako: { Rootfs: { Path: '/r', Overlay: false }, UidMap: [{ Container: 0, Host: 0, Size: 5 }] },
    },
  });
});

test('what dockerd 28 refuses is refused in its words', () => {
  const cases: readonly (readonly [document: unknown, message: string])[] = [
    [[], 'invalid JSON: json: cannot unmarshal array into Go value of type container.CreateRequest'],
    [{ Image: 5 }, 'invalid JSON: json: cannot unmarshal number into Go struct field .Image of type string'],
    [{ hostconfig: { memory: true } }, 'invalid JSON: json: cannot unmarshal bool into Go struct field .hostconfig.memory of type int64'],
    [{ ExposedPorts: { '80/tcp': 5 } }, 'invalid JSON: json: cannot unmarshal number into Go struct field .ExposedPorts.80~1tcp of type struct {}'],
    [
      { HostConfig: { PortBindings: { '80/tcp': {} } } },
      'invalid JSON: json: cannot unmarshal object into Go struct field .HostConfig.PortBindings.80~1tcp of type []nat.PortBinding',
    ],
    [
      { HostConfig: { RestartPolicy: { Name: 1 } } },
      'invalid JSON: json: cannot unmarshal number into Go struct field .HostConfig.RestartPolicy.Name of type container.RestartPolicyMode',
    ],
    [{ HostConfig: { ConsoleSize: 'x' } }, 'invalid JSON: json: cannot unmarshal string into Go struct field .HostConfig.ConsoleSize of type [2]uint'],
    [{ HostConfig: { Ulimits: [{ Name: 1 }] } }, 'invalid JSON: json: cannot unmarshal number into Go struct field .HostConfig.Ulimits.0.Name of type string'],
    [{ HostConfig: { Devices: [5] } }, 'invalid JSON: json: cannot unmarshal number into .HostConfig.Devices.0 of type container.DeviceMapping'],
    [
      { HostConfig: { BlkioDeviceReadBps: [{ Rate: -1 }] } },
      'invalid JSON: json: cannot unmarshal number -1 into Go struct field .HostConfig.BlkioDeviceReadBps.0.Rate of type uint64',
    ],
    [
      { NetworkingConfig: { EndpointsConfig: 5 } },
      'invalid JSON: json: cannot unmarshal number into Go struct field .NetworkingConfig.EndpointsConfig of type map[string]*network.EndpointSettings',
    ],
    [{ Healthcheck: { Interval: '1s' } }, 'invalid JSON: json: cannot unmarshal string into Go struct field .Healthcheck.Interval of type time.Duration'],
    [{ HostConfig: { Mounts: [{ Type: 'x', Target: '/a' }] } }, 'invalid mount config for type "x": mount type unknown'],
    [{ HostConfig: { Mounts: [{ Target: '/a' }] } }, 'invalid mount config for type "": mount type unknown'],
    [
      { HostConfig: { RestartPolicy: { Name: 'x' } } },
      "invalid restart policy: unknown policy 'x'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
    ],
    [undefined, 'invalid JSON: got EOF while reading request body'],
  ];
  for (const [document, message] of cases) assert.throws(() => decodeContainerCreate(document), { kind: 'invalid', message });
  assert.throws(() => decodeContainerUpdate({ Memory: 'x' }), {
    message: 'invalid JSON: json: cannot unmarshal string into Go struct field UpdateConfig.Memory of type int64',
  });
  assert.throws(() => decodeExecCreate({ Env: [1] }), { message: 'invalid JSON: json: cannot unmarshal number into ExecOptions.Env.0 of type string' });
  assert.throws(() => decodeExecCreate({ Cmd: 5 }), {
    message: 'invalid JSON: json: cannot unmarshal number into Go struct field ExecOptions.Cmd of type []string',
  });
  assert.throws(() => decodeExecStart({ Detach: 'x' }), {
    message: 'invalid JSON: json: cannot unmarshal string into Go struct field ExecStartOptions.Detach of type bool',
  });
});

test('update, exec', () => {
  assert.deepEqual(decodeContainerUpdate({ Memory: 5, RestartPolicy: { Name: 'no' }, BlkioDeviceReadBps: [{ Path: '/dev/a' }] }), {
    Memory: 5,
    RestartPolicy: { Name: 'no' },
    BlkioDeviceReadBps: [{ Path: '/dev/a', Rate: 0 }],
  });
  assert.deepEqual(decodeExecCreate({ Cmd: ['a'], Tty: true, ConsoleSize: [1, 2], DetachKeys: '' }), {
    Cmd: ['a'],
    Tty: true,
    ConsoleSize: [1, 2],
    DetachKeys: '',
  });
  assert.deepEqual(decodeExecStart(undefined), {});
});
