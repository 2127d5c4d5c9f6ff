/** What `run` and `create` make of the flags that plain run options know nothing of. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import type { ContainerCreate, HostConfig } from '../engine/types/container.ts';
import type { CliContext } from './context.ts';
import { createRequest } from './create-document.ts';
import { RUN_COMMAND_FLAGS } from './create-flags.ts';
import { parseFlags } from './flags.ts';

const context = {
  cwd: '/here',
  env: {},
  stdout: { isTTY: true, rows: 3, columns: 4 },
  readFile: (path: string) => {
    if (path === '/labels') return '# words\nfrom=file\nbare\n';
    if (path === '/profile') return '{"defaultAction":"SCMP_ACT_ALLOW"}';
    throw new EngineError('invalid', `open ${path}: no such file or directory`);
  },
} as unknown as CliContext;

const request = (...args: string[]) =>
  createRequest(parseFlags(RUN_COMMAND_FLAGS, [...args, 'image', 'sh']), context, { stdin: false, stdout: true, stderr: true });
const body = (...args: string[]) => request(...args).body;
const host = (...args: string[]): Partial<HostConfig> => body(...args).HostConfig!;

test('without flags nothing is asked for but defaults', () => {
  const { Image, Cmd, Tty, Labels, ExposedPorts, Healthcheck, NetworkingConfig } = body();
  assert.deepEqual([Image, Cmd, Tty, Labels, ExposedPorts, Healthcheck, NetworkingConfig], ['image', ['sh'], false, {}, undefined, undefined, undefined]);
  const { NetworkMode, RestartPolicy, IpcMode, CgroupnsMode, LogConfig, ShmSize, DeviceRequests, Kobako } = host();
  assert.deepEqual([NetworkMode, IpcMode, CgroupnsMode, ShmSize, DeviceRequests, Kobako], ['default', '', '', 0, null, undefined]);
  assert.deepEqual(
    [RestartPolicy, LogConfig],
    [
      { Name: 'no', MaximumRetryCount: 0 },
      { Type: '', Config: {} },
    ],
  );
});

test('names and platforms go beside the document', () => {
  assert.deepEqual([request('--name', 'n', '--platform', 'linux/arm64').name, request('--platform', 'linux/arm64').platform], ['n', 'linux/arm64']);
});

const CONFIG: [args: string[], expected: Partial<ContainerCreate>][] = [
  [['-l', 'a=b=c', '--label', 'bare', '--label-file', '/labels'], { Labels: { from: 'file', bare: '', a: 'b=c' } }],
  [['--expose', '80', '--expose', '90-91/udp'], { ExposedPorts: { '80/tcp': {}, '90/udp': {}, '91/udp': {} } }],
  [['-v', '/data'], { Volumes: { '/data': {} } }],
  [['--no-healthcheck'], { Healthcheck: { Test: ['NONE'] } }],
  [
    [
      '--health-cmd',
      'x y',
      '--health-interval',
      '1m30s',
      '--health-timeout',
      '500ms',
      '--health-retries',
      '3',
      '--health-start-period',
      '1s',
      '--health-start-interval',
      '2s',
    ],
    { Healthcheck: { Test: ['CMD-SHELL', 'x y'], Interval: 90e9, Timeout: 5e8, StartPeriod: 1e9, StartInterval: 2e9, Retries: 3 } },
  ],
  [['-it'], { Tty: true, OpenStdin: true, StdinOnce: false, AttachStdin: false, AttachStdout: true }],
  [
    ['--network', 'lan', '--network-alias', 'web', '--ip', '10.0.0.2', '--link', 'db', '--mac-address', '92:d0:c6:0a:29:33'],
    {
      NetworkingConfig: {
        EndpointsConfig: { lan: { Aliases: ['web'], Links: ['db:db'], MacAddress: '92:d0:c6:0a:29:33', IPAMConfig: { IPv4Address: '10.0.0.2' } } },
      },
    },
  ],
  [
    ['--network', 'name=a,alias=x,driver-opt=k=v,gw-priority=5', '--net', 'b'],
    { NetworkingConfig: { EndpointsConfig: { a: { Aliases: ['x'], DriverOpts: { k: 'v' }, GwPriority: 5 }, b: {} } } },
  ],
];

const HOST: [args: string[], expected: Partial<HostConfig>][] = [
  [
    ['-p', '8080:80', '-p', '127.0.0.1::53/udp', '-P'],
    { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }], '53/udp': [{ HostIp: '127.0.0.1', HostPort: '' }] }, PublishAllPorts: true },
  ],
  [['-p', '[::1]:1-2:3-4'], { PortBindings: { '3/tcp': [{ HostIp: '::1', HostPort: '1' }], '4/tcp': [{ HostIp: '::1', HostPort: '2' }] } }],
  [['-p', '8000-9000:80'], { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8000-9000' }] } }],
  [['-p', 'published=1,target=2,protocol=sctp'], { PortBindings: { '2/sctp': [{ HostIp: '', HostPort: '1' }] } }],
  [['--restart', 'on-failure:3'], { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } }],
  [['--restart', 'always'], { RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } }],
  [['--restart', 'no', '--rm'], { RestartPolicy: { Name: 'no', MaximumRetryCount: 0 }, AutoRemove: true }],
  [['-v', './a:/b:ro', '-v', 'named:/c', '-v', '/x:/y:z'], { Binds: ['/here/a:/b:ro', 'named:/c', '/x:/y:z'] }],
  [
    [
      '--mount',
      'type=volume,src=v,dst=/v,volume-nocopy,volume-driver=d,volume-opt=o=1,volume-label=l=2,volume-subpath=s',
      '--mount',
      'type=image,source=i,target=/i,image-subpath=p',
    ],
    {
      Mounts: [
        {
          Type: 'volume',
          Source: 'v',
          Target: '/v',
          VolumeOptions: { NoCopy: true, DriverConfig: { Name: 'd', Options: { o: '1' } }, Labels: { l: '2' }, Subpath: 's' },
        },
        { Type: 'image', Source: 'i', Target: '/i', ImageOptions: { Subpath: 'p' } },
      ],
    },
  ],
  [['--mount', 'dst=/v'], { Mounts: [{ Type: 'volume', Target: '/v' }] }],
  [
    ['--mount', 'type=bind,src=./a,dst=/b,ro,bind-recursive=writable'],
    { Mounts: [{ Type: 'bind', Source: '/here/a', Target: '/b', ReadOnly: true, BindOptions: { ReadOnlyNonRecursive: true } }] },
  ],
  [
    ['--volumes-from', 'a:ro', '--volume-driver', 'd', '--runtime', 'r', '--isolation', 'i'],
    { VolumesFrom: ['a:ro'], VolumeDriver: 'd', Runtime: 'r', Isolation: 'i' },
  ],
  [
    ['--storage-opt', 'size=1G', '--log-driver', 'syslog', '--log-opt', 'a=b'],
    { StorageOpt: { size: '1G' }, LogConfig: { Type: 'syslog', Config: { a: 'b' } } },
  ],
  [['--gpus', 'all'], { DeviceRequests: [{ Driver: '', Count: -1, DeviceIDs: null, Capabilities: [['gpu']], Options: {} }] }],
  [
    ['--gpus', '"device=0,1",capabilities=compute,driver=nvidia'],
    { DeviceRequests: [{ Driver: 'nvidia', Count: 0, DeviceIDs: ['0', '1'], Capabilities: [['compute', 'gpu']], Options: {} }] },
  ],
  [
    ['--device', 'vendor.com/class=all', '--device', '/dev/null'],
    {
      DeviceRequests: [{ Driver: 'cdi', Count: 0, DeviceIDs: ['vendor.com/class=all'], Capabilities: null, Options: null }],
      Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/null', CgroupPermissions: 'rwm' }],
    },
  ],
  [['--network', 'none'], { NetworkMode: 'none' }],
  [
    ['--network', 'container:x', '--ipc', 'shareable', '--userns', 'host', '--cgroupns', 'host'],
    { NetworkMode: 'container:x', IpcMode: 'shareable', UsernsMode: 'host', CgroupnsMode: 'host' },
  ],
  [
    ['--security-opt', 'seccomp=/profile', '--security-opt', 'label:type:t', '--security-opt', 'systempaths=unconfined', '--security-opt', 'no-new-privileges'],
    { SecurityOpt: ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}', 'label=type:t', 'no-new-privileges'], MaskedPaths: [], ReadonlyPaths: [] },
  ],
  [['-t', '--cidfile', '/id', '--umask', '077'], { ConsoleSize: [3, 4], ContainerIDFile: '/id', Kobako: { Umask: 0o77 } }],
];

const some = (all: object, expected: object) => Object.fromEntries(Object.keys(expected).map((key) => [key, (all as Record<string, unknown>)[key]]));

describe('flags and their fields', () => {
  for (const [args, expected] of CONFIG) test(args.join(' '), () => assert.deepEqual(some(body(...args), expected), expected));
  for (const [args, expected] of HOST) test(args.join(' '), () => assert.deepEqual(some(host(...args), expected), expected));
});

describe('refused in docker’s words', () => {
  const cases: [args: string[], message: RegExp][] = [
    [['-p', 'x'], /invalid containerPort: x/],
    [['-p', 'x:80'], /invalid hostPort: x/],
    [['-p', '1.2.3:80:80'], /invalid IP address: 1\.2\.3/],
    [['-p', '80/x'], /invalid proto: x/],
    [['-p', '1-3:1-2'], /invalid ranges specified for container and host Ports: 1-2 and 1-3/],
    [['-p', '80:'], /no port specified: 80:<empty>/],
    [['-p', '99999'], /invalid containerPort: 99999/],
    [['--expose', '1:2'], /invalid port format for --expose: 1:2/],
    [['--expose', 'x'], /invalid range format for --expose: x, error: /],
    [['--restart', ':3'], /no policy provided before colon/],
    [['--restart', 'on-failure:x'], /maximum retry count must be an integer/],
    [['--restart', 'always', '--rm'], /conflicting options: cannot specify both --restart and --rm/],
    [['--no-healthcheck', '--health-cmd', 'x'], /--no-healthcheck conflicts with --health-\* options/],
    [['--health-interval', 'x'], /invalid argument "x" for "--health-interval" flag: time: invalid duration "x"/],
    [['--health-retries', '-1'], /--health-retries cannot be negative/],
    [['--health-timeout', '-1s'], /--health-timeout cannot be negative/],
    [['--label', '=x'], /invalid label '=x': empty name/],
    [['--network', 'a', '--network', 'host'], /cannot attach both user-defined and non-user-defined network-modes/],
    [['--network', 'a', '--network', 'a'], /cannot attach to network a multiple times/],
    [['--network', 'name=a,alias=x', '--network-alias', 'y'], /cannot specify both --network-alias and per-network alias/],
    [['--network', 'alias=x'], /network name\/id is not specified/],
    [['--mac-address', 'x'], /x is not a valid mac address/],
    [['--ip', '::1'], /invalid IPv4 address: ::1/],
    [['--gpus', 'x'], /invalid argument "x" for "--gpus" flag: invalid count \(x\)/],
    [['--gpus', 'count=1,count=2'], /gpu request key 'count' can be specified only once/],
    [['--storage-opt', 'x'], /invalid storage option/],
    [['--log-driver', 'none', '--log-opt', 'a=b'], /invalid logging opts for driver none/],
    [['--mount', 'type=volume,dst=/a,bind-propagation=rprivate'], /cannot mix 'bind-\*' options with mount type 'volume'/],
    [['-v', 'x'], /invalid volume specification: 'x'/],
  ];
  for (const [args, message] of cases) test(args.join(' '), () => assert.throws(() => body(...args), { kind: 'invalid', message }));
});
