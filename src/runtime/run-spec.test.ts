/** From the options of a run to a spec: Docker's defaults, and what each option changes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { machine, runContext, runOptions } from '../../test/support/planner.ts';
import { MASKED_PATHS, READONLY_PATHS } from './default-spec.ts';
import { DEFAULT_RUN, inUserNamespace, type NamespaceChoices, type RunOptions } from './run-options.ts';
import { checkRunOptions, specFromOptions, withPrimary, type RunContext } from './run-spec.ts';
import { parseSpec } from './validate.ts';

const spec = (options: Partial<RunOptions> = {}, context: Partial<RunContext> = {}) => specFromOptions(runOptions(options), runContext(context));
const choose = (choices: Partial<NamespaceChoices>): Partial<RunOptions> => ({ namespaces: { ...DEFAULT_RUN.namespaces, ...choices } });
const HOST = { kind: 'host' } as const;
const NEW = { kind: 'new' } as const;
const of = (container: string) => ({ kind: 'container', container }) as const;
const IDS = [{ container: 0, host: 5, size: 9 }];

test('a spec of nothing but defaults passes our own check of config.json', () => {
  assert.deepEqual(parseSpec(JSON.stringify(spec())), JSON.parse(JSON.stringify(spec())));
});

describe('namespaces', () => {
  const list = (options: Partial<RunOptions>) => spec(options).linux!.namespaces!.map(({ type, path }) => (path === undefined ? type : `${type}=${path}`));
  const cases: [Partial<RunOptions>, string][] = [
    [{}, 'mount network uts pid ipc cgroup'],
    [choose({ pid: HOST, ipc: HOST, uts: HOST, network: HOST, cgroup: HOST }), 'mount'],
    [choose({ time: NEW }), 'mount network uts pid ipc cgroup time'],
    [choose({ network: of('a'), pid: of('b') }), 'mount network=/proc/77/ns/net uts pid=/proc/77/ns/pid ipc cgroup'],
    [
      choose({ cgroup: of('a'), time: of('a'), ipc: of('a'), uts: of('a') }),
      'mount network uts=/proc/77/ns/uts pid ipc=/proc/77/ns/ipc cgroup=/proc/77/ns/cgroup time=/proc/77/ns/time',
    ],
    [{ uidMap: IDS }, 'mount network uts pid ipc cgroup user'],
    [choose({ user: of('a') }), 'mount network uts pid ipc cgroup user=/proc/77/ns/user'],
  ];
  for (const [options, expected] of cases) test(expected, () => assert.equal(list(options).join(' '), expected));
  test('a user namespace needs maps; one kind of map is both', () => {
    assert.throws(() => spec(choose({ user: NEW })), /needs --uidmap and --gidmap/);
    const { uidMappings, gidMappings } = spec({ gidMap: IDS }).linux!;
    assert.deepEqual([uidMappings, gidMappings], [[{ containerID: 0, hostID: 5, size: 9 }], [{ containerID: 0, hostID: 5, size: 9 }]]);
    assert.equal(spec().linux!.uidMappings, undefined);
  });
  test('clock offsets need a new time namespace', () => {
    assert.throws(() => spec({ timeOffsets: { boottime: 5 } }), /clock offsets need a new time namespace/);
    assert.deepEqual(spec({ ...choose({ time: NEW }), timeOffsets: { monotonic: -2 } }).linux!.timeOffsets, { monotonic: { secs: -2 } });
  });
  test('who is in a user namespace', () => {
    assert.deepEqual(
      [{}, { uidMap: IDS }, { gidMap: IDS }, choose({ user: of('a') })].map((options) => inUserNamespace(runOptions(options))),
      [false, true, true, true],
    );
  });
});

describe('names', () => {
  const names = (options: Partial<RunOptions>) => {
    const { hostname, process } = spec(options, { sharedName: 'shared' });
    return [hostname, process!.env!.find((entry) => entry.startsWith('HOSTNAME='))!.slice(9)];
  };
  const cases: [string, Partial<RunOptions>, (string | undefined)[]][] = [
    ['the id', {}, ['0123456789ab', '0123456789ab']],
    ['given', { hostname: 'box' }, ['box', 'box']],
    ['the host’s with its network', choose({ network: HOST }), ['shared', 'shared']],
    ['the host’s with its uts namespace', choose({ uts: HOST }), [undefined, 'shared']],
    ['the other’s with its network', choose({ network: of('a') }), ['shared', 'shared']],
    ['given, in the host’s network', { ...choose({ network: HOST }), hostname: 'box' }, ['box', 'box']],
  ];
  for (const [name, options, expected] of cases) test(name, () => assert.deepEqual(names(options), expected));
  test('conflicts', () => {
    assert.throws(() => spec({ ...choose({ uts: HOST }), hostname: 'x' }), { message: 'conflicting options: hostname and the UTS mode' });
    for (const name of ['hostname', 'domainname']) {
      const named = (value: string) => checkRunOptions(runOptions({ [name]: value }), machine());
      named('x'.repeat(64));
      assert.throws(() => named('ä'.repeat(33)), { kind: 'invalid', message: `invalid ${name}: it is longer than 64 bytes` });
    }
    assert.throws(() => spec({ ...choose({ network: of('a') }), hostname: 'x' }), { message: 'conflicting options: hostname and the network mode' });
    assert.throws(() => spec({ ...choose({ network: of('a') }), dns: ['1.1.1.1'] }), /dns and the network mode/);
    assert.throws(() => spec({ ...choose({ network: of('a') }), addHosts: ['a:1.1.1.1'] }), /custom host-to-IP mapping and the network mode/);
  });
});

describe('the process', () => {
  const env = (options: Partial<RunOptions>, home = '/root') =>
    spec(options, { user: { uid: 0, gid: 0, groups: [], home } }).process!.env!.filter((entry) => !/^(PATH|HOSTNAME)=/.test(entry));
  test('environment: docker’s order, the user’s wins, HOME at last', () => {
    assert.deepEqual(env({}), ['HOME=/root']);
    assert.deepEqual(env({ tty: true, env: ['A=1', 'A=2', 'TERM=dumb', 'HOME=/h', 'E='] }), ['TERM=dumb', 'A=2', 'HOME=/h', 'E=']);
    assert.deepEqual(env({}, ''), ['HOME=/']);
    assert.equal(
      spec({ env: ['PATH'] }).process!.env!.some((entry) => entry.startsWith('PATH=')),
      false,
    );
    assert.throws(() => env({ env: ['=x'] }), /invalid environment variable: =x/);
  });
  test('the primary group is a supplementary one, once', () => {
    assert.deepEqual(withPrimary({ gid: 5, groups: [6, 5, 7] }), [5, 6, 7]);
    assert.deepEqual(spec({}, { user: { uid: 1, gid: 2, groups: [3], home: '/' } }).process!.user, { uid: 1, gid: 2, additionalGids: [2, 3] });
    assert.equal(spec({ umask: 0o77 }).process!.user!.umask, 0o77);
  });
  test('folder, command, init', () => {
    assert.equal(spec({}).process!.cwd, '/');
    assert.throws(() => spec({ workdir: 'relative' }), { message: "the working directory 'relative' is invalid, it needs to be an absolute path" });
    assert.throws(() => spec({ args: [] }), { message: 'no command specified' });
    assert.deepEqual(spec({ init: true, args: ['a', 'b'] }).process!.args, ['/sbin/docker-init', '--', 'a', 'b']);
  });
  test('labels, limits, score', () => {
    const { process } = spec({ apparmor: 'p', selinux: 'l', ulimits: [{ type: 'RLIMIT_CORE', soft: 0, hard: -1 }], noNewPrivileges: true });
    assert.deepEqual(
      [process!.apparmorProfile, process!.selinuxLabel, process!.rlimits, process!.noNewPrivileges, process!.oomScoreAdj],
      ['p', 'l', [{ type: 'RLIMIT_CORE', soft: 0, hard: -1 }], true, 0],
    );
    assert.equal(spec({ oomScoreAdj: -5 }).process!.oomScoreAdj, -5);
  });
});

describe('what is hidden', () => {
  test('docker’s paths; with the processors’ throttle counts where there are any', () => {
    assert.deepEqual(spec({}, { machine: machine({ kind: () => 'missing' }) }).linux!.maskedPaths, MASKED_PATHS);
    const two = machine({ kind: (path) => (/cpu[01]\/thermal_throttle$/.test(path) ? 'dir' : 'missing') });
    assert.deepEqual(spec({}, { machine: two }).linux!.maskedPaths!.slice(-2), [
      '/sys/devices/system/cpu/cpu0/thermal_throttle',
      '/sys/devices/system/cpu/cpu1/thermal_throttle',
    ]);
    assert.deepEqual(spec().linux!.readonlyPaths, READONLY_PATHS);
  });
  for (const options of [{ privileged: true }, { systemPathsUnconfined: true }]) {
    test(`nothing: ${JSON.stringify(options)}`, () => {
      const { maskedPaths, readonlyPaths } = spec(options).linux!;
      assert.deepEqual([maskedPaths, readonlyPaths], [[], []]);
    });
  }
});

describe('seccomp', () => {
  const of = (options: Partial<RunOptions>) => spec(options).linux!.seccomp;
  test('the default, none, one’s own', () => {
    assert.equal(of({})!.defaultAction, 'SCMP_ACT_ERRNO');
    assert.equal(of({ privileged: true }), undefined);
    assert.equal(of({ seccomp: 'unconfined' }), undefined);
    assert.deepEqual(of({ seccomp: 'builtin' }), of({}));
    assert.equal(of({ seccomp: '{"defaultAction":"SCMP_ACT_ALLOW"}' })!.defaultAction, 'SCMP_ACT_ALLOW');
    assert.equal(of({ privileged: true, seccomp: '{"defaultAction":"SCMP_ACT_LOG"}' })!.defaultAction, 'SCMP_ACT_LOG');
  });
  for (const text of ['{', '[]', 'null', '7'])
    test(`refused: ${text}`, () => assert.throws(() => of({ seccomp: text }), /^EngineError: Decoding seccomp profile failed|Decoding seccomp profile failed/));
});

describe('sysctls', () => {
  test('ports and ping need no capability in a network of one’s own', () => {
    assert.deepEqual(spec().linux!.sysctl, { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647' });
    assert.deepEqual(spec(choose({ network: HOST })).linux!.sysctl, {});
    assert.deepEqual(spec({ uidMap: IDS }).linux!.sysctl, { 'net.ipv4.ip_unprivileged_port_start': '0' });
    assert.equal(spec({ sysctls: { 'net.ipv4.ip_unprivileged_port_start': '1024' } }).linux!.sysctl!['net.ipv4.ip_unprivileged_port_start'], '1024');
  });
});

describe('mounts', () => {
  const mounts = (options: Partial<RunOptions> = {}) => spec(options).mounts!;
  const at = (destination: string, options: Partial<RunOptions> = {}) => mounts(options).find((mount) => mount.destination === destination);
  const user = (more: Partial<RunOptions['mounts'][number]>): RunOptions['mounts'][number] => ({
    type: 'bind',
    source: '/src',
    target: '/t',
    options: [],
    create: false,
    ...more,
  });
  test('docker’s, in docker’s order', () => {
    assert.deepEqual(
      mounts().map(({ destination }) => destination),
      ['/proc', '/dev', '/dev/pts', '/sys', '/sys/fs/cgroup', '/dev/mqueue', '/dev/shm', '/etc/resolv.conf', '/etc/hostname', '/etc/hosts'],
    );
    assert.ok(at('/dev/shm', { shmSize: 77 })!.options!.includes('size=77'));
  });
  test('the user’s: parents first, defaults and /etc files make way', () => {
    const own = [
      user({ target: '/a/b/c' }),
      user({ target: '/a' }),
      user({ type: 'tmpfs', source: '', target: '/etc' }),
      user({ target: '/etc/hosts' }),
      user({ target: '/dev/shm' }),
    ];
    const order = mounts({ mounts: own }).map(({ destination }) => destination);
    assert.ok(order.indexOf('/a') < order.indexOf('/a/b/c'));
    assert.ok(order.indexOf('/etc') < order.indexOf('/etc/hostname'), 'else it would cover them');
    assert.equal(order.filter((destination) => destination === '/etc/hosts').length, 1);
    assert.equal(at('/dev/shm', { mounts: own })!.source, '/src');
  });
  test('the user’s: recursive and private where nothing else is said', () => {
    const options = (...given: string[]) => at('/t', { mounts: [user({ options: given })] })!.options;
    assert.deepEqual(options(), ['rbind', 'rprivate']);
    assert.deepEqual(options('bind', 'ro'), ['rprivate', 'bind', 'ro']);
    assert.deepEqual(options('rslave'), ['rbind', 'rslave']);
    assert.deepEqual(at('/t', { mounts: [user({ type: 'tmpfs', source: '', options: ['exec'] })] })!.options, ['noexec', 'nosuid', 'nodev', 'exec']);
  });
  test('refused', () => {
    assert.throws(() => mounts({ mounts: [user({}), user({ target: '/t/' })] }), { message: 'Duplicate mount point: /t' });
    assert.throws(() => mounts({ mounts: [user({ target: 'x' })] }), { message: "invalid mount path: 'x' mount path must be absolute" });
    for (const target of ['/', '//', '/x/..'])
      assert.throws(() => mounts({ mounts: [user({ target })] }), { message: "invalid specification: destination can't be '/'" });
  });
  test('privileged: writable /sys and control groups', () => {
    for (const destination of ['/sys', '/sys/fs/cgroup']) {
      assert.ok(at(destination)!.options!.includes('ro'));
      assert.ok(!at(destination, { privileged: true })!.options!.includes('ro'));
    }
  });
  test('writable control groups, and nothing else', () => {
    assert.ok(!at('/sys/fs/cgroup', { writableCgroups: true })!.options!.includes('ro'));
    assert.ok(at('/sys', { writableCgroups: true })!.options!.includes('ro'));
    assert.ok(at('/sys/fs/cgroup', { writableCgroups: false })!.options!.includes('ro'));
  });
  test('a read-only root has read-only /etc files', () => {
    assert.deepEqual([at('/etc/hosts')!.options!.includes('ro'), at('/etc/hosts', { readonlyRootfs: true })!.options!.includes('ro')], [false, true]);
  });
  test('shared memory goes with the ipc namespace', () => {
    assert.equal(at('/dev/shm', { sharedMemory: 'none' }), undefined);
    assert.equal(at('/dev/shm', choose({ ipc: HOST }))!.source, '/dev/shm');
    assert.equal(at('/dev/shm', choose({ ipc: of('a') }))!.source, '/proc/77/root/dev/shm');
  });
  test('in a user namespace, what only an owner may mount is bound', () => {
    const mapped = { uidMap: IDS };
    assert.equal(at('/sys', { ...mapped, ...choose({ network: HOST }) })!.type, 'bind');
    assert.equal(at('/sys', mapped)!.type, 'sysfs');
    assert.equal(at('/proc', { ...mapped, ...choose({ pid: HOST }) })!.source, '/proc');
    assert.equal(at('/proc', { ...mapped, ...choose({ pid: of('a') }) })!.source, '/proc/77/root/proc');
    assert.equal(at('/proc', choose({ pid: of('a'), user: of('a') }))!.type, 'proc');
    assert.equal(at('/dev/mqueue', { ...mapped, ...choose({ ipc: HOST }) }), undefined);
  });
});
