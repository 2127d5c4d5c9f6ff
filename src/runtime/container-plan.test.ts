/** The order of a container's life, as invariants over many plans. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CLONE_NEW, MS, O, S_IFIFO } from '../kernel/constants.ts';
import { encodePlan } from '../plan/encode.ts';
import type { Op } from '../plan/ops.ts';
import { at, containerInput, machine, MONITOR, opsOf } from '../../test/support/planner.ts';
import { planBeginning, planContainer } from './container-plan.ts';
import type { ContainerInput } from './contract.ts';
import type { Spec } from './spec.ts';

type Change = (spec: Spec) => void;
const plan = (change?: Change, more?: Partial<ContainerInput>) => planContainer(containerInput(change, more)).plan.ops;
const userns: Change = (spec) => {
  spec.linux!.namespaces!.push({ type: 'user' });
  spec.linux!.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  spec.linux!.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
};
const joined: Change = (spec) => {
  spec.linux!.namespaces = [{ type: 'mount' }, ...(['pid', 'network', 'ipc', 'uts'] as const).map((type) => ({ type, path: `/proc/7/ns/${type}` }))];
};
const everything: Change = (spec) => {
  spec.hostname = 'box';
  spec.domainname = 'example.org';
  spec.linux!.sysctl = { 'net.ipv4.ip_forward': '1' };
  spec.linux!.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO' }] };
  spec.linux!.personality = { domain: 'LINUX32' };
  spec.mounts!.push(
    { destination: '/data', type: 'bind', source: '/src', options: ['rbind', 'ro'] },
    { destination: '/t', type: 'tmpfs', options: ['tmpcopyup'] },
  );
  spec.hooks = { createRuntime: [{ path: '/h1' }], createContainer: [{ path: '/h2', timeout: 2 }], startContainer: [{ path: '/h3' }] };
  spec.process!.apparmorProfile = 'profile';
  spec.process!.selinuxLabel = 'a:b:c:d';
  spec.process!.noNewPrivileges = true;
  spec.root!.readonly = true;
};
const labels = machine({ apparmor: true, selinux: true });
const overlay = { kind: 'overlay', lower: ['/a:b', '/c'], mountPoint: '/state/root' } as const;
const pty = { kind: 'pty', rows: 1, cols: 2 } as const;

const PLANS: Readonly<Record<string, Op[]>> = Object.fromEntries(
  Object.entries({
    default: () => plan(),
    overlay: () => plan(undefined, { root: overlay }),
    'user namespace': () => plan(userns),
    'user namespace, overlay, idmapped': () => plan(userns, { root: { ...overlay, idmap: true } }),
    'user namespace of another': () =>
      plan((spec) => void spec.linux!.namespaces!.push({ type: 'user', path: '/proc/7/ns/user' }), { peers: [{ pid: 7, start: '1' }] }),
    joined: () => plan(joined, { peers: [{ pid: 7, start: '1' }] }),
    everything: () => plan(everything, { machine: labels, stdio: pty, initPath: '/f-init' }),
    'everything in a user namespace': () => plan((spec) => (everything(spec), userns(spec)), { machine: labels, stdio: pty }),
    'inherited streams, left alone': () => plan(undefined, { stdio: { kind: 'inherit' }, monitor: { ...MONITOR, leave: true, socket: '', waitStart: false } }),
    'a fifo to start': () => plan(undefined, { startFifo: '/state/fifo' }),
    'console socket': () => plan(undefined, { stdio: { kind: 'console-socket', path: '/c', rows: 0, cols: 0 } }),
    'no pivot': () => plan(undefined, { noPivot: true }),
  }).map(([name, make]) => [name, [...make()]]),
);

test('a plan begins with what is begun before all of it is made, byte for byte', () => {
  const create: Op[] = [
    { op: 'mkdir', side: 'monitor', path: '/cg/c', mode: 0o755, ignore: ['EEXIST'] },
    { op: 'open', side: 'monitor', into: 'cg', path: '/cg/c', flags: 0, mode: 0, resolve: 0 },
  ];
  const side = 'cleanup';
  const rmdir: Op = { op: 'rmdir', side, path: '/cg/c', retryMs: 1 };
  const cleanup: Op[] = [{ op: 'kill-cgroup', side, path: '/cg/c/cgroup.procs' }, rmdir];
  const cgroup = { create, join: [], cloneSlot: 'cg', cleanup, hierarchies: [] };
  const first = planBeginning(cgroup);
  const done = encodePlan({ ops: first.ops.slice(0, -1) }).subarray(24);
  const whole = encodePlan({ ops: plan(undefined, { cgroup }) });
  assert.ok(first.more && done.equals(whole.subarray(24, 24 + done.length)));
  assert.deepEqual(first.ops.slice(1), [...create, rmdir]);
});

/** Each container's every plan keeps these. */
const INVARIANTS: Readonly<Record<string, (ops: readonly Op[]) => void>> = {
  'it can be encoded': (ops) => void encodePlan({ ops }),
  'one clone, one exec, one monitor': (ops) => {
    for (const name of ['clone', 'exec', 'monitor'] as const) assert.equal(opsOf(ops, name).length, 1, name);
  },
  'the container’s last operation is exec, and cleanup comes after all': (ops) => {
    assert.equal(ops.findLast((op) => op.side === 'container')!.op, 'exec');
    const first = ops.findIndex((op) => op.side === 'cleanup');
    assert.ok(first < 0 || ops.slice(first).every((op) => op.side === 'cleanup'));
  },
  'masks and read-only paths are in place before the root is entered': (ops) => {
    const enter = ops.findIndex((op) => op.op === 'pivot-root' || op.op === 'chroot');
    assert.ok(enter > 0);
    assert.ok(ops.every((op, index) => (op.op !== 'mask-path' && op.op !== 'readonly-path') || index < enter));
  },
  'no mount is made or moved once the root is entered, nor before mounts stop spreading': (ops) => {
    const enter = ops.findIndex((op) => op.op === 'pivot-root' || op.op === 'chroot');
    const private_ = at(ops, 'propagation');
    for (const [index, op] of ops.entries()) if (op.op === 'move-mount') assert.ok(index > private_ && index < enter, `${index}`);
  },
  'fds are closed before the user changes for good, and before seccomp': (ops) => {
    const close = at(ops, 'close-fds');
    const users = ops.flatMap((op, index) => (op.op === 'user' ? [index] : []));
    assert.ok(close < users.at(-1)!);
    for (const [index, op] of ops.entries()) if (op.op === 'seccomp') assert.ok(index > close);
  },
  'it cannot be traced before anything is joined, and again after each change of owner that is not the last': (ops) => {
    const dumpable = at(ops, 'dumpable');
    for (const [index, op] of ops.entries()) if (op.side === 'container' && (op.op === 'setns' || op.op === 'user')) assert.ok(index > dumpable);
    const users = ops.flatMap((op, index) => (op.op === 'user' && op.side === 'container' ? [index] : [])).slice(0, -1);
    for (const index of users) assert.equal(ops[index + 1]!.op, 'dumpable');
  },
  'nothing is written through a /proc that somebody else could have changed': (ops) => {
    const writes = ops.filter((op) => op.op === 'write-file' && op.side === 'container');
    for (const op of writes) {
      if (op.op !== 'write-file') continue;
      assert.ok(op.dir !== undefined || op.path === '/proc/self/oom_score_adj', op.path);
    }
  },
  'bind targets are found inside the root': (ops) => {
    const roots = new Set(
      opsOf(ops, 'pivot-root')
        .map((op) => op.root)
        .concat(opsOf(ops, 'chroot').map((op) => op.root)),
    );
    for (const op of [...opsOf(ops, 'ensure-dir'), ...opsOf(ops, 'ensure-file')]) assert.ok(roots.has(op.root), op.path);
    // what hides or protects a path of a kernel file system hangs on that very mount, not on a path to it
    const kernel = new Set(opsOf(ops, 'fsmount').flatMap(({ into }) => (/^(proc|sysfs)\./.test(into) ? [into] : [])));
    for (const op of [...opsOf(ops, 'mask-path'), ...opsOf(ops, 'readonly-path')]) assert.ok(roots.has(op.root) || kernel.has(op.root), op.path);
  },
  'what the monitor opened for the container it closes after clone': (ops) => {
    const clone = at(ops, 'clone');
    const opened = ops.slice(0, clone).flatMap((op) => (op.side === 'monitor' && (op.op === 'open-tree' || op.op === 'tree-of') ? [op.into] : []));
    const closed = new Set(
      opsOf(ops, 'close')
        .filter((op) => op.side === 'monitor')
        .map((op) => op.slot),
    );
    for (const slot of opened) assert.ok(closed.has(slot), slot);
  },
  'each step says why it is there, or what for': (ops) => {
    for (const op of ops) if (op.op === 'setns' || op.op === 'check-process' || op.op === 'dumpable') assert.ok(op.why ?? op.subject, op.op);
  },
};

for (const [name, ops] of Object.entries(PLANS)) {
  describe(name, () => {
    for (const [invariant, check] of Object.entries(INVARIANTS)) test(invariant, () => check(ops));
  });
}

describe('sysctls', () => {
  const write = (sysctl: Record<string, string>, change: Change = () => {}) =>
    opsOf(
      plan((spec) => ((spec.linux!.sysctl = sysctl), change(spec))),
      'write-file',
    )
      .filter((op) => op.path.startsWith('sys/'))
      .map((op) => op.path);
  const hostNetwork: Change = (spec) => (spec.linux!.namespaces = [{ type: 'mount' }, { type: 'pid' }]);
  const good: [string, string][] = [
    ['net.ipv4.ip_forward', 'sys/net/ipv4/ip_forward'],
    ['net/ipv4/conf/eth0.1/forwarding', 'sys/net/ipv4/conf/eth0.1/forwarding'],
    ['net.ipv4.conf.eth0/1.forwarding', 'sys/net/ipv4/conf/eth0.1/forwarding'],
    ['kernel.shmmax', 'sys/kernel/shmmax'],
    ['fs.mqueue.msg_max', 'sys/fs/mqueue/msg_max'],
    ['kernel.domainname', 'sys/kernel/domainname'],
  ];
  for (const [key, path] of good) test(key, () => assert.deepEqual(write({ [key]: '1' }), [path]));
  for (const key of [
    'kernel.pid_max',
    'vm.swappiness',
    'kernel.shmmaxx',
    'net/../kernel/core_pattern',
    'net.//.kernel',
    'user.max_user_namespaces',
    '',
    'fs.file-max',
    'kernel/../net.x',
  ]) {
    test(`refused: ${key}`, () => assert.throws(() => write({ [key]: '1' }), /is not in a separate kernel namespace/));
  }
  test('refused in the host’s network', () => assert.throws(() => write({ 'net.ipv4.ip_forward': '1' }, hostNetwork), /separate kernel namespace/));
  test('written below a /proc of its own, beneath and without links', () => {
    const [op] = opsOf(
      plan((spec) => (spec.linux!.sysctl = { 'net.ipv4.ip_forward': '1' })),
      'write-file',
    ).filter((write) => write.path.startsWith('sys/'));
    assert.match(op!.dir!, /^proc\./);
    assert.equal(op!.resolve, 8 | 4 | 1);
  });

  const sysctl: Change = (spec) => (spec.linux!.sysctl = { 'net.ipv4.ip_forward': '1' });
  const procs = (ops: readonly Op[]) => opsOf(ops, 'fsmount').flatMap(({ into }) => (into.startsWith('proc.') ? [into] : []));
  test('that /proc becomes the container’s, with what its mount asks for', () => {
    const ops = plan((spec) => {
      sysctl(spec);
      spec.mounts!.find(({ type }) => type === 'proc')!.options = ['nosuid', 'noexec', 'nodev'];
    });
    const [proc, ...others] = procs(ops);
    assert.deepEqual(others, []);
    const set = opsOf(ops, 'mount-setattr').find(({ slot }) => slot === proc);
    assert.equal(set?.set, 2 | 4 | 8);
    const attached = at(ops, 'move-mount', ({ from }: { from: string }) => from === proc);
    assert.ok(ops.indexOf(set!) < attached);
  });
  test('not where its mount has options of its own', () => {
    const ops = plan((spec) => {
      sysctl(spec);
      spec.mounts!.find(({ type }) => type === 'proc')!.options = ['hidepid=2'];
    });
    assert.equal(procs(ops).length, 2);
  });
});

describe('what makes no sense', () => {
  const cases: [string, Change, RegExp, Partial<ContainerInput>?][] = [
    ['no process', (spec) => delete spec.process, /the spec has no process/],
    ['a hostname without a uts namespace', (spec) => ((spec.linux!.namespaces = [{ type: 'mount' }]), (spec.hostname = 'x')), /hostname needs a uts namespace/],
    ['mounts without a mount namespace', (spec) => (spec.linux!.namespaces = []), /mounts need a mount namespace/],
    [
      'an overlay without a mount namespace',
      (spec) => ((spec.linux!.namespaces = []), (spec.mounts = [])),
      /an overlay needs a mount namespace/,
      { root: overlay },
    ],
    [
      'a terminal without a mount namespace',
      (spec) => ((spec.linux!.namespaces = []), (spec.mounts = [])),
      /a terminal needs a mount namespace/,
      { stdio: pty },
    ],
    ['a mount to nowhere', (spec) => spec.mounts!.push({ destination: '' }), /a mount has no destination/],
    [
      'a bind of nothing',
      (spec) => spec.mounts!.push({ destination: '/x', type: 'bind', source: '/missing/x' }),
      /bind mount \/missing\/x to \/x: \/missing\/x: no such file/,
    ],
    ['an unknown personality', (spec) => (spec.linux!.personality = { domain: 'VMS' }), /personality VMS is unknown/],
    ['apparmor where there is none', (spec) => (spec.process!.apparmorProfile = 'x'), /apparmor is not enabled/],
    ['a user namespace without maps', (spec) => spec.linux!.namespaces!.push({ type: 'user' }), /needs uidMappings/],
    ['an unknown propagation', (spec) => (spec.linux!.rootfsPropagation = 'loud'), /rootfsPropagation "loud"/],
  ];
  for (const [name, change, message, more] of cases) test(name, () => assert.throws(() => plan(change, more), { kind: 'invalid', message }));
});

describe('details', () => {
  test('an unconfined profile is none; an SELinux label without SELinux is a warning', () => {
    assert.equal(
      plan((spec) => (spec.process!.apparmorProfile = 'unconfined')).some((op) => op.subject?.includes('apparmor')),
      false,
    );
    const { warnings } = planContainer(containerInput((spec) => (spec.process!.selinuxLabel = 'x')));
    assert.ok(warnings.includes('selinux is not enabled on this machine: the label is ignored'), warnings.join());
  });
  test('labels are written after the last hook of the creation and before the root is entered', () => {
    const ops = PLANS['everything']!;
    const label = at(ops, 'write-file', ({ path }: { path: string }) => path === 'thread-self/attr/apparmor/exec');
    assert.ok(label > at(ops, 'hook', ({ path }: { path: string }) => path === '/h2') && label < at(ops, 'pivot-root'));
    assert.ok(at(ops, 'hook', ({ path }: { path: string }) => path === '/h3') > at(ops, 'pivot-root'));
  });
  test('a hook gets its state with the pid in the middle', () => {
    const [hook] = opsOf(PLANS['everything']!, 'hook');
    const whole = `${Buffer.from(hook!.head).toString()}123${Buffer.from(hook!.tail).toString()}`;
    assert.deepEqual({ ...(JSON.parse(whole) as object) }, { ociVersion: '1.2.0', id: 'c1', status: 'creating', pid: 123, bundle: '/bundle' });
    assert.equal(hook!.timeoutMs, 2000);
  });
  test('a fifo is made and opened before clone, and read just before the end', () => {
    const ops = PLANS['a fifo to start']!;
    assert.equal(opsOf(ops, 'mknod')[0]!.mode, S_IFIFO | 0o600);
    const open = at(ops, 'open', ({ path }: { path: string }) => path === '/state/fifo');
    assert.equal((ops[open] as { flags: number }).flags, O.RDWR | O.CLOEXEC);
    assert.ok(open < at(ops, 'clone') && at(ops, 'read-byte') < at(ops, 'close-fds'));
  });
  test('shared root propagation: only the mount that holds the root is made private', () => {
    const flags = (name: string) =>
      opsOf(
        plan((spec) => (spec.linux!.rootfsPropagation = name)),
        'propagation',
      ).map((op) => op.flags);
    assert.deepEqual(flags('rshared'), [MS.SHARED | MS.REC, MS.PRIVATE]);
    assert.deepEqual(flags('slave'), [MS.SLAVE]);
    assert.deepEqual(flags(''), [MS.SLAVE | MS.REC]);
    assert.deepEqual(flags('runbindable'), [MS.SLAVE | MS.REC]);
  });
  test('a cgroup namespace begins when the process is in its cgroup', () => {
    const change: Change = (spec) => void spec.linux!.namespaces!.push({ type: 'cgroup' });
    const join: Op = { op: 'write', side: 'container', slot: 'cg', data: Buffer.from('0') };
    const cgroup = {
      create: [{ op: 'open', side: 'monitor', into: 'cg', path: '/cg', flags: 0, mode: 0, resolve: 0 } as Op],
      join: [join],
      cloneSlot: 'cg',
      cleanup: [],
      hierarchies: [],
    };
    const ops = plan(change, { cgroup });
    assert.ok(ops.indexOf(join) < at(ops, 'unshare', ({ flags }: { flags: number }) => flags === CLONE_NEW.cgroup));
    assert.equal(opsOf(ops, 'clone')[0]!.cgroup, 'cg');
  });
  test('with tellFirst the end is told when nothing runs any more, and cgroups go after that; mounts are held on request', () => {
    const side = 'cleanup' as const;
    const kill: Op = { op: 'kill-cgroup', side, path: '/cg/cgroup.procs' };
    const rmdir: Op = { op: 'rmdir', side, path: '/cg', retryMs: 1 };
    const cgroup = { create: [], join: [], cloneSlot: undefined, cleanup: [kill, rmdir, rmdir], hierarchies: [] };
    const cleanup = (more: Partial<ContainerInput>) => plan(undefined, { cgroup, ...more }).flatMap((op) => (op.side === side ? [op.op] : []));
    assert.deepEqual(cleanup({}), ['unlink', 'kill-cgroup', 'rmdir', 'rmdir']);
    assert.deepEqual(cleanup({ monitor: { ...MONITOR, tellFirst: true } }), ['unlink', 'kill-cgroup', 'tell-exit', 'rmdir', 'rmdir']);
    assert.deepEqual(cleanup({ monitor: { ...MONITOR, tellFirst: true }, cgroup: undefined }), ['unlink']);
    const held = plan(undefined, { monitor: { ...MONITOR, holdMounts: true } });
    assert.ok(at(held, 'hold-mounts') > at(held, 'clone') && at(held, 'hold-mounts') < at(held, 'monitor'));
  });
});
