/** Every flag of `kobako run` reaches its option; what is refused is refused in docker's words. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import { DEFAULT_RUN, type MountOption, type RunOptions } from '../engine/contract.ts';
import { parseFlags } from './flags.ts';
import { RUN_FLAGS } from './run-flags.ts';
import { runOptions } from './run-options.ts';

const context = {
  cwd: '/here',
  env: { FROM: 'outside' } as Record<string, string | undefined>,
  readFile: (path: string) => {
    if (path === '/profile') return '{"defaultAction":"SCMP_ACT_ALLOW"}';
    if (path === '/env') return '# comment\n\nA=1\n  B=2\nFROM\nNOT_THERE\nC=x=y\r\n';
    throw new EngineError('invalid', `open ${path}: no such file or directory`);
  },
};
const read = (...args: string[]) => runOptions(parseFlags(RUN_FLAGS, ['--rootfs', '/root', ...args]), context);
/** What differs from a run without flags. */
const changed = (...args: string[]) => {
  const plain = read() as unknown as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(read(...args)).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(plain[key])),
  ) as Partial<RunOptions>;
};
const bind = (target: string, options: string[], more: Partial<MountOption> = {}): MountOption => ({
  type: 'bind',
  source: '/a',
  target,
  options,
  create: false,
  ...more,
});
const spaces = (more: Partial<RunOptions['namespaces']>) => ({ namespaces: { ...DEFAULT_RUN.namespaces, ...more } });
const limits = (more: Partial<RunOptions['limits']>) => ({ limits: { ...read().limits, ...more } });
const HOST = { kind: 'host' } as const;
const OF = { kind: 'container', container: 'c' } as const;

test('without flags it is DEFAULT_RUN', () => {
  const clean = (value: unknown) => JSON.parse(JSON.stringify(value, (_key, inner: unknown) => (inner === false ? undefined : inner))) as unknown;
  assert.deepEqual(clean(read()), clean({ ...DEFAULT_RUN, rootfs: { path: '/root', overlay: false } }));
});

test('without --rootfs the first word is the image', () => {
  const { image, args, entrypoint, rootfs } = runOptions(parseFlags(RUN_FLAGS, ['--rm', '--entrypoint', '', 'redis:7', 'a', '-b']), context);
  assert.deepEqual({ image, args, entrypoint, rootfs }, { image: 'redis:7', args: ['a', '-b'], entrypoint: [], rootfs: undefined });
  assert.throws(() => runOptions(parseFlags(RUN_FLAGS, ['--rm']), context), { message: '"kobako run" requires at least 1 argument' });
});

const CASES: [args: string, expected: Partial<RunOptions>][] = [
  ['--platform linux/amd64 --pull never', {}],
  ['a -b --rm', { args: ['a', '-b', '--rm'] }],
  ['--entrypoint e a', { entrypoint: ['e'], args: ['a'] }],
  ['--rootfs /r', { rootfs: { path: '/r', overlay: false } }],
  ['--rootfs /r:O', { rootfs: { path: '/r', overlay: true } }],
  ['--name n', { name: 'n' }],
  ['-h box --domainname d', { hostname: 'box', domainname: 'd' }],
  ['-itd --rm', { tty: true, stdin: true, detach: true, autoRemove: true }],
  ['-e A=1 -e FROM --env GONE', { env: ['A=1', 'FROM=outside', 'GONE'] }],
  ['--env-file /env -e A=2', { env: ['A=1', 'B=2', 'FROM=outside', 'C=x=y', 'A=2'] }],
  ['-w /w -u 1:2', { workdir: '/w', user: '1:2' }],
  ['--group-add a --group-add 5', { groupAdd: ['a', '5'] }],
  ['--umask 027', { umask: 0o27 }],
  ['--pid host --ipc host --uts host --network host --cgroupns host', spaces({ pid: HOST, ipc: HOST, uts: HOST, network: HOST, cgroup: HOST })],
  [
    '--pid container:c --ipc container:c --uts container:c --network container:c --cgroupns container:c --userns container:c --time container:c',
    spaces({ pid: OF, ipc: OF, uts: OF, network: OF, cgroup: OF, user: OF, time: OF }),
  ],
  ['--ipc shareable --cgroupns private --network none', { sharedMemory: 'shareable' }],
  ['--ipc none', { sharedMemory: 'none' }],
  ['--network lan', {}],
  ['--time private --clock-boottime -5', { ...spaces({ time: { kind: 'new' } }), timeOffsets: { boottime: -5 } }],
  ['--clock-monotonic 5', { ...spaces({ time: { kind: 'new' } }), timeOffsets: { monotonic: 5 } }],
  [
    '--uidmap 0:1000:1 --uidmap 1:100000:9 --gidmap 0:5:1',
    {
      uidMap: [
        { container: 0, host: 1000, size: 1 },
        { container: 1, host: 100000, size: 9 },
      ],
      gidMap: [{ container: 0, host: 5, size: 1 }],
    },
  ],
  ['--privileged', { privileged: true, ...spaces({ cgroup: HOST }) }],
  ['--cap-add A,B --cap-add C --cap-drop ALL', { capAdd: ['A', 'B', 'C'], capDrop: ['ALL'] }],
  ['--security-opt no-new-privileges', { noNewPrivileges: true }],
  ['--security-opt no-new-privileges:true', { noNewPrivileges: true }],
  ['--security-opt no-new-privileges=false', {}],
  ['--security-opt seccomp=unconfined', { seccomp: 'unconfined' }],
  ['--security-opt seccomp=/profile', { seccomp: '{"defaultAction":"SCMP_ACT_ALLOW"}' }],
  ['--security-opt apparmor=p', { apparmor: 'p' }],
  ['--security-opt writable-cgroups=true', { writableCgroups: true }],
  ['--security-opt systempaths=unconfined', { systemPathsUnconfined: true }],
  ['--security-opt label=type:t --security-opt label=level:s1', { selinux: 'system_u:system_r:t:s1' }],
  ['--security-opt label=disable', {}],
  ['--read-only --shm-size 1m', { readonlyRootfs: true, shmSize: 1 << 20 }],
  ['-v name:/b:ro,nocopy', { mounts: [bind('/b', ['rro', 'nocopy'], { type: 'volume', source: 'name' })] }],
  ['-v /b', { mounts: [bind('/b', [], { type: 'volume', source: '' })] }],
  ['--mount type=volume,src=v,dst=/b,volume-subpath=x', { mounts: [bind('/b', [], { type: 'volume', source: 'v', subpath: 'x' })] }],
  ['--mount type=image,src=i,dst=/b', { mounts: [bind('/b', ['rprivate', 'ro'], { type: 'image', source: 'i' })] }],
  ['-v /a:/b', { mounts: [bind('/b', ['rprivate'], { create: true })] }],
  ['-v ./x:/b:ro,rslave,z', { mounts: [bind('/b', ['rslave', 'rro'], { create: true, source: '/here/x' })] }],
  ['--mount type=bind,src=/a,dst=/b,readonly', { mounts: [bind('/b', ['rbind', 'rprivate', 'rro'])] }],
  ['--mount type=bind,source=/a,target=/b,ro,bind-recursive=readonly,bind-propagation=rprivate', { mounts: [bind('/b', ['rbind', 'rro', 'rprivate'])] }],
  ['--mount type=bind,source=a,target=/b,bind-nonrecursive', { mounts: [bind('/b', ['bind', 'rprivate'], { source: '/here/a' })] }],
  ['--mount type=bind,source=/a,target=/b,readonly=false,consistency=cached', { mounts: [bind('/b', ['rbind', 'rprivate'])] }],
  [
    '--mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770',
    { mounts: [{ type: 'tmpfs', source: '', target: '/t', options: ['size=1048576', 'mode=1770'], create: false }] },
  ],
  [
    '--tmpfs /t --tmpfs /u:size=1m,exec',
    {
      mounts: [
        { type: 'tmpfs', source: '', target: '/t', options: [], create: false },
        { type: 'tmpfs', source: '', target: '/u', options: ['size=1m', 'exec'], create: false },
      ],
    },
  ],
  ['--device /dev/a', { devices: [{ host: '/dev/a', container: '/dev/a', access: 'rwm' }] }],
  ['--device /dev/a:r', { devices: [{ host: '/dev/a', container: '/dev/a', access: 'r' }] }],
  ['--device /dev/a:/dev/b:rw', { devices: [{ host: '/dev/a', container: '/dev/b', access: 'rw' }] }],
  [
    '--ulimit nofile=5:6 --ulimit core=-1',
    {
      ulimits: [
        { type: 'RLIMIT_NOFILE', soft: 5, hard: 6 },
        { type: 'RLIMIT_CORE', soft: -1, hard: -1 },
      ],
    },
  ],
  ['--sysctl a.b=c=d', { sysctls: { 'a.b': 'c=d' } }],
  ['--oom-score-adj -500', { oomScoreAdj: -500 }],
  ['--cgroup-parent /p --annotation a=b', { cgroupParent: '/p', annotations: { a: 'b' } }],
  ['--stop-signal KILL --stop-timeout -1', { stopSignal: 9, stopTimeout: -1 }],
  ['--init', { init: true }],
  ['--add-host a:1.2.3.4 --dns 1.1.1.1 --dns-search x --dns-option y', { addHosts: ['a:1.2.3.4'], dns: ['1.1.1.1'], dnsSearch: ['x'], dnsOptions: ['y'] }],
  ['--log-driver none', { logDriver: 'none' }],
  ['--log-opt max-size=1k --log-opt max-file=3', { logMaxSize: 1024, logMaxFile: 3 }],
  [
    '-m 64m --memory-swap -1 --memory-reservation 32m --memory-swappiness 0 --kernel-memory-tcp 1m --oom-kill-disable',
    limits({ memory: 64 << 20, memorySwap: -1, memoryReservation: 32 << 20, memorySwappiness: 0, kernelMemoryTcp: 1 << 20, oomKillDisable: true }),
  ],
  [
    '-c 5 --cpu-quota -1 --cpu-period 1000 --cpus 1.5 --cpu-rt-runtime 1 --cpu-rt-period 2 --cpuset-cpus 0-1 --cpuset-mems 0',
    limits({ cpuShares: 5, cpuQuota: -1, cpuPeriod: 1000, nanoCpus: 15e8, cpuRtRuntime: 1, cpuRtPeriod: 2, cpusetCpus: '0-1', cpusetMems: '0' }),
  ],
  [
    '--pids-limit -1 --blkio-weight 10 --blkio-weight-device /dev/a:500',
    limits({ pids: -1, blkioWeight: 10, blkioWeightDevice: [{ path: '/dev/a', rate: 500 }] }),
  ],
  ['--device-read-bps /dev/a:1k --device-write-iops /dev/b:7', limits({ readBps: [{ path: '/dev/a', rate: 1024 }], writeIops: [{ path: '/dev/b', rate: 7 }] })],
  [
    '--cgroup-conf memory.high=1G --unified a=b --hugetlb-limit 2MB:4m',
    limits({ unified: { 'memory.high': '1G', a: 'b' }, hugepages: [{ pageSize: '2MB', limit: 4 << 20 }] }),
  ],
  ['--kernel-memory 5m --isolation default --no-healthcheck --quiet --sig-proxy=false --attach stdout --cidfile f --detach-keys x', {}],
];
const words = (text: string) => text.split(' ');

describe('flags and their options', () => {
  for (const [args, expected] of CASES)
    test(args, () => assert.deepEqual(JSON.parse(JSON.stringify(changed(...words(args)))), JSON.parse(JSON.stringify(expected))));
  test('`--device-cgroup-rule "c 1:3 rwm"`', () => assert.deepEqual(read('--device-cgroup-rule', 'c 1:* rwm').deviceCgroupRules, ['c 1:* rwm']));
  test('no flag is without a case here', () => {
    const all = CASES.map(([args]) => args).join(' ') + ' --device-cgroup-rule --device-read-iops --device-write-bps --interactive --tty --detach';
    const short: Record<string, string> = Object.fromEntries(RUN_FLAGS.filter((flag) => flag.short).map((flag) => [flag.name, `-${flag.short!}`]));
    const missing = RUN_FLAGS.filter(({ name }) => !all.includes(`--${name}`) && !all.split(' ').includes(short[name] ?? '?'));
    assert.deepEqual(
      missing.map(({ name }) => name),
      [],
    );
  });
});

/** The messages of docker 28.5's own command line, recorded by hand (`docker run ARGS busybox`, no daemon needed). */
const DOCKER: [args: string[], message: string][] = [
  [['--memory', 'x'], `invalid argument "x" for "-m, --memory" flag: invalid size: 'x'`],
  [['-m', '1q'], `invalid argument "1q" for "-m, --memory" flag: invalid suffix: 'q'`],
  [['--memory-swap', '-5'], `invalid argument "-5" for "--memory-swap" flag: invalid size: '-5'`],
  [['--shm-size', 'x'], `invalid argument "x" for "--shm-size" flag: invalid size: 'x'`],
  [['--cpus', 'x'], 'invalid argument "x" for "--cpus" flag: failed to parse x as a rational number'],
  [['--cpus', '1.23456789012'], 'invalid argument "1.23456789012" for "--cpus" flag: value is too precise'],
  [['--ulimit', 'nofile'], 'invalid argument "nofile" for "--ulimit" flag: invalid ulimit argument: nofile'],
  [['--ulimit', 'nope=1'], 'invalid argument "nope=1" for "--ulimit" flag: invalid ulimit type: nope'],
  [['--ulimit', 'nofile=5:1'], 'invalid argument "nofile=5:1" for "--ulimit" flag: ulimit soft limit must be less than or equal to hard limit: 5 > 1'],
  [['--ulimit', 'nofile=a'], 'invalid argument "nofile=a" for "--ulimit" flag: strconv.ParseInt: parsing "a": invalid syntax'],
  [
    ['--ulimit', 'nofile=1:2:3'],
    'invalid argument "nofile=1:2:3" for "--ulimit" flag: too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`',
  ],
  [['--cpu-shares', 'x'], 'invalid argument "x" for "-c, --cpu-shares" flag: strconv.ParseInt: parsing "x": invalid syntax'],
  [['--pids-limit', 'x'], 'invalid argument "x" for "--pids-limit" flag: strconv.ParseInt: parsing "x": invalid syntax'],
  [['--stop-timeout', 'x'], 'invalid argument "x" for "--stop-timeout" flag: strconv.ParseInt: parsing "x": invalid syntax'],
  [['--blkio-weight', 'x'], 'invalid argument "x" for "--blkio-weight" flag: strconv.ParseUint: parsing "x": invalid syntax'],
  [['--blkio-weight', '70000'], 'invalid argument "70000" for "--blkio-weight" flag: strconv.ParseUint: parsing "70000": value out of range'],
  [['--blkio-weight-device', '/dev/zero:5'], 'invalid argument "/dev/zero:5" for "--blkio-weight-device" flag: invalid weight for device: /dev/zero:5'],
  [['--device-read-bps', 'x'], 'invalid argument "x" for "--device-read-bps" flag: bad format: x'],
  [
    ['--device-write-iops', '/dev/zero:x'],
    'invalid argument "/dev/zero:x" for "--device-write-iops" flag: invalid rate for device: /dev/zero:x. The correct format is <device-path>:<number>. Number must be a positive integer',
  ],
  [['--device-cgroup-rule', 'x'], `invalid argument "x" for "--device-cgroup-rule" flag: invalid device cgroup format 'x'`],
  [['-e', '=x'], 'invalid argument "=x" for "-e, --env" flag: invalid environment variable: =x'],
  [['--env-file', '/nope'], 'open /nope: no such file or directory'],
  [['--add-host', 'x'], 'invalid argument "x" for "--add-host" flag: bad format for add-host: "x"'],
  [['--add-host', 'x:y'], 'invalid argument "x:y" for "--add-host" flag: invalid IP address in add-host: "y"'],
  [['--dns', 'x'], 'invalid argument "x" for "--dns" flag: IP address is not correctly formatted: x'],
  [['--sysctl', 'x'], `invalid argument "x" for "--sysctl" flag: sysctl 'x' is not allowed`],
  [['--security-opt', 'nope'], 'Invalid --security-opt: "nope"'],
  [['--security-opt', 'seccomp=/nope'], 'opening seccomp profile (/nope) failed: open /nope: no such file or directory'],
  [['--pid', 'nope'], '--pid: invalid PID mode'],
  [['--pid', 'container:'], '--pid: invalid PID mode'],
  [['--uts', 'nope'], '--uts: invalid UTS mode'],
  [['--userns', 'nope'], '--userns: invalid USER mode'],
  [['--cgroupns', 'nope'], '--cgroupns: invalid CGROUP mode'],
  [['--mount', 'x'], `invalid argument "x" for "--mount" flag: invalid field 'x' must be a key=value pair`],
  [['--mount', 'type=bind'], 'invalid argument "type=bind" for "--mount" flag: target is required'],
  [
    ['--mount', 'type=bind,source=/a,target=/b,readonly=x'],
    'invalid argument "type=bind,source=/a,target=/b,readonly=x" for "--mount" flag: invalid value for readonly: x',
  ],
  [
    ['--mount', 'type=tmpfs,target=/t,tmpfs-size=x'],
    'invalid argument "type=tmpfs,target=/t,tmpfs-size=x" for "--mount" flag: invalid value for tmpfs-size: x',
  ],
  [
    ['--mount', 'type=tmpfs,target=/t,tmpfs-mode=9'],
    'invalid argument "type=tmpfs,target=/t,tmpfs-mode=9" for "--mount" flag: invalid value for tmpfs-mode: 9',
  ],
  [
    ['--mount', 'type=bind,source=/a,target=/b,nope=1'],
    `invalid argument "type=bind,source=/a,target=/b,nope=1" for "--mount" flag: unexpected key 'nope' in 'nope=1'`,
  ],
  [
    ['--mount', 'type=bind,source=/a,target=/b,bind-recursive=x'],
    'invalid argument "type=bind,source=/a,target=/b,bind-recursive=x" for "--mount" flag: invalid value for bind-recursive: x (must be "enabled", "disabled", "writable", or "readonly")',
  ],
  [
    ['--mount', 'type=bind,source=/a,target=/b,bind-recursive=writable'],
    `invalid argument "type=bind,source=/a,target=/b,bind-recursive=writable" for "--mount" flag: option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction`,
  ],
  [
    ['--mount', 'type=bind,source=/a,target=/b,bind-recursive=readonly'],
    `invalid argument "type=bind,source=/a,target=/b,bind-recursive=readonly" for "--mount" flag: option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction`,
  ],
  [
    ['--mount', 'type=bind,source=/a,target=/b,tmpfs-size=1m'],
    `invalid argument "type=bind,source=/a,target=/b,tmpfs-size=1m" for "--mount" flag: cannot mix 'tmpfs-*' options with mount type 'bind'`,
  ],
];

describe('refused as docker 28 refuses', () => {
  for (const [args, message] of DOCKER) test(args.join(' '), () => assert.throws(() => read(...args), { kind: 'invalid', message }));
});

describe('refused in docker’s manner', () => {
  const cases: [string, RegExp][] = [
    ['-v x', /invalid volume specification: 'x'/],
    ['-v :', /invalid volume specification/],
    ['-v /a:/b:nonsense', /invalid mode: nonsense/],
    ['--device a:b:c:d', /invalid device specification: a:b:c:d/],
    ['--ipc nope', /IPC mode: nope/],
    ['--umask 8', /not an octal number/],
    ['--uidmap x', /invalid id mapping "x"/],
    ['--log-driver syslog', /no log driver named 'syslog' is registered/],
    ['--log-opt x=y', /unknown log opt 'x' for json-file log driver/],
    ['--log-opt max-file=2', /max-file cannot be used without max-size/],
    ['--log-opt max-size=1k --log-opt max-file=0', /max-file cannot be less than 1/],
    ['--isolation process', /invalid isolation 'process'/],
    ['--security-opt no-new-privileges=maybe', /Invalid --security-opt/],
    ['--security-opt label=nope:x', /invalid --security-opt: "label=nope:x"/],
    ['--stop-signal NOPE', /invalid signal: NOPE/],
    ['--annotation x', /not like key=value/],
  ];
  for (const [args, message] of cases) test(args, () => assert.throws(() => read(...words(args)), { kind: 'invalid', message }));
});
