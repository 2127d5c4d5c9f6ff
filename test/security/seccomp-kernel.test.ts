/** What the compiled filters do on the real kernel: every action, comparisons, architectures, flags, size, and bad profiles. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { syscallTable } from '../../src/runtime/seccomp/arches.ts';
import { debs } from '../support/debs.ts';
import { kobako } from '../support/kobako.ts';
import { projectDir } from '../support/paths.ts';
import { busyboxRootfs, copyRootfs } from '../support/rootfs.ts';
import { run, runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const native = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const NR = syscallTable(native);
const nr = (name: string) => String(NR.get(name)!);
const ENOSYS = 38;

let folder: string;
let cleanup: () => unknown = () => {};
before(async () => {
  folder = tempFor({ after: (hook) => (cleanup = hook) });
  await copyRootfs(await busyboxRootfs(), `${folder}/root`);
  for (const name of ['act', 'probe'])
    await runOk('cc', ['-O1', '-static', '-pthread', '-o', `${folder}/root/${name}`, `${projectDir}/test/security/seccomp-${name}.c`]);
});
after(() => cleanup());

type Rule = { names: readonly string[]; action: string; errnoRet?: number; args?: readonly object[] };
const deny = (names: readonly string[], errnoRet: number, args?: readonly object[]): Rule => ({
  names,
  action: 'SCMP_ACT_ERRNO',
  errnoRet,
  ...(args && { args }),
});

/** Numbers above 2^53 go into the file as they are. */
function json(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? `#${item}#` : item)).replace(/"#(\d+)#"/g, '$1');
}

async function under(profile: object | string, ...command: readonly string[]) {
  writeFileSync(`${folder}/profile.json`, typeof profile === 'string' ? profile : json(profile));
  return kobako(['run', '--rm', '--rootfs', `${folder}/root:O`, '--security-opt', `seccomp=${folder}/profile.json`, ...command]);
}

const allowBut = (syscalls: readonly Rule[], more: object = {}) => ({ defaultAction: 'SCMP_ACT_ALLOW', ...more, syscalls });
const act = (action: string, errnoRet?: number) => allowBut([{ names: ['getppid'], action, ...(errnoRet === undefined ? {} : { errnoRet }) }]);

describe('actions', () => {
  test('ALLOW, LOG, ERRNO', async () => {
    for (const action of ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG']) {
      assert.equal((await under(act(action), '/act', 'call', nr('getppid'))).stdout, 'value 0\n', action);
    }
    assert.equal((await under(act('SCMP_ACT_ERRNO'), '/act', 'call', nr('getppid'))).stdout, 'errno 1\n');
    assert.equal((await under(act('SCMP_ACT_ERRNO', 4095), '/act', 'call', nr('getppid'))).stdout, 'errno 4095\n');
    assert.equal((await under(act('SCMP_ACT_ERRNO', 0), '/act', 'call', nr('getppid'))).stdout, 'value 0\n');
  });

  test('KILL_PROCESS and KILL_THREAD', async () => {
    const process = await under(act('SCMP_ACT_KILL_PROCESS'), '/act', 'thread', nr('getppid'));
    assert.deepEqual([process.code, process.stdout], [128 + 31, '']);
    for (const action of ['SCMP_ACT_KILL', 'SCMP_ACT_KILL_THREAD']) {
      const thread = await under(act(action), '/act', 'thread', nr('getppid'));
      assert.deepEqual([thread.code, thread.stdout], [0, 'thread ended\n'], action);
      assert.equal((await under(act(action), '/act', 'call', nr('getppid'))).code, 128 + 31);
    }
  });

  test('TRAP is SIGSYS, which can be caught', async () => {
    const caught = await under(act('SCMP_ACT_TRAP'), '/act', 'catch', nr('getppid'));
    const arch = native === 'x86_64' ? 'c000003e' : 'c00000b7';
    assert.equal(caught.stdout, `trap ${nr('getppid')} ${arch} 0\n`);
    assert.equal((await under(act('SCMP_ACT_TRAP'), '/act', 'call', nr('getppid'))).code, 128 + 31);
  });

  test('TRACE asks a tracer, with its number; without one it is ENOSYS', async () => {
    assert.equal((await under(act('SCMP_ACT_TRACE', 777), '/act', 'traced', nr('getppid'))).stdout, 'event 777\n');
    assert.equal((await under(act('SCMP_ACT_TRACE', 777), '/act', 'call', nr('getppid'))).stdout, `errno ${ENOSYS}\n`);
  });
});

test('comparisons, with both halves of 64 bits', async () => {
  const values = [0n, 1n, 7n, 0x7fffffffn, 0xffffffffn, 0x100000000n, 0x100000007n, 0xfedcba9876543210n, 0xfedcba9876543211n, 0xffffffffffffffffn];
  const second = 0x100000000n;
  const calls = ['getpid', 'getuid', 'getgid', 'geteuid', 'getegid', 'getppid', 'gettid'];
  const ops: Record<string, (a: bigint, v: bigint) => boolean> = {
    NE: (a, v) => a !== v,
    LT: (a, v) => a < v,
    LE: (a, v) => a <= v,
    EQ: (a, v) => a === v,
    GE: (a, v) => a >= v,
    GT: (a, v) => a > v,
    MASKED_EQ: (a, v) => (a & v) === (second & v),
  };
  for (const value of [7n, 0x100000007n, 0xfedcba9876543210n]) {
    const rules = Object.keys(ops).map((op, i) =>
      deny([calls[i]!], 1000 + i, [{ index: i % 6, op: `SCMP_CMP_${op}`, value, ...(op === 'MASKED_EQ' ? { valueTwo: second } : {}) }]),
    );
    const script = calls.map((call, i) => `/act args ${nr(call)} ${i % 6} ${values.join(' ')}`).join('; ');
    const { stdout, stderr, code } = await under(allowBut(rules), 'sh', '-c', script);
    assert.equal(code, 0, stderr);
    const got = stdout.split('\n').slice(0, -1);
    const expected = Object.entries(ops).flatMap(([, holds], i) => values.map((v) => (holds(v, value) ? `errno ${1000 + i}` : 'value')));
    assert.deepEqual(
      got.map((line) => (line.startsWith('value') ? 'value' : line)),
      expected,
      `compared with ${value}`,
    );
  }
});

describe('architectures', { skip: native === 'x86_64' ? false : 'int 0x80 and x32 are of x86_64' }, () => {
  const rules = [deny(['getppid'], 701)];
  const getppid32 = String(syscallTable('x86').get('getppid')!);

  test('one that the profile does not name is killed', async () => {
    const only = allowBut(rules, { architectures: ['SCMP_ARCH_X86_64'] });
    assert.equal((await under(only, '/act', 'call', nr('getppid'))).stdout, 'errno 701\n');
    assert.equal((await under(only, '/act', 'call32', getppid32)).code, 128 + 31);
    assert.equal((await under(only, '/act', 'x32', nr('getppid'))).code, 128 + 31);
  });

  test('those that it names have their own numbers', async () => {
    const all = allowBut(rules, { architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'] });
    assert.equal((await under(all, '/act', 'call32', getppid32)).stdout, 'errno 701\n');
    assert.equal((await under(all, '/act', 'x32', nr('getppid'))).stdout, 'errno 701\n');
    // the number that is getppid natively is another call there, and goes through
    assert.match((await under(all, '/act', 'call32', String(syscallTable('x86').get('getpid')!))).stdout, /^value \d+\n$/);
  });

  test('int 0x80 compares the lower half; socketcall is covered by what it calls', async () => {
    const half = allowBut([deny(['getppid'], 702, [{ index: 0, op: 'SCMP_CMP_EQ', value: 5 }]), deny(['socket'], 703)], {
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
    });
    assert.equal((await under(half, '/act', 'call32', getppid32, '5')).stdout, 'errno 702\n');
    assert.equal((await under(half, '/act', 'call32', getppid32, '6')).stdout, 'value 0\n');
    assert.equal((await under(half, '/act', 'call32', String(syscallTable('x86').get('socketcall')!), '1')).stdout, 'errno 703\n');
  });
});

describe('flags', () => {
  const one = [deny(['getppid'], 704)];
  for (const flags of [['LOG'], ['SPEC_ALLOW'], ['TSYNC'], ['LOG', 'SPEC_ALLOW', 'TSYNC', 'WAIT_KILLABLE_RECV'], []]) {
    test(`${flags.join(', ') || 'none'}: taken by the kernel, and the filter holds`, async () => {
      const profile = allowBut(one, { flags: flags.map((flag) => `SECCOMP_FILTER_FLAG_${flag}`) });
      assert.equal((await under(profile, '/act', 'call', nr('getppid'))).stdout, 'errno 704\n');
    });
  }

  test('SPEC_ALLOW leaves speculation alone, its absence does not', async (t) => {
    const look = ['grep', 'Speculation_Store_Bypass', '/proc/self/status'];
    const [allowed, forced] = [(await under(allowBut(one), ...look)).stdout, (await under(allowBut(one, { flags: [] }), ...look)).stdout];
    if (!/thread/.test(forced)) return t.skip(`this kernel does not tie speculation to seccomp: ${forced.trim()}`);
    assert.match(forced, /force mitigated/);
    assert.doesNotMatch(allowed, /force mitigated/);
  });
});

test('large profiles: jumps over 255 instructions, thousands of rules', async () => {
  const names = [...NR.keys()].filter((name) => !/^(execve|brk|mmap|exit_group|write|arch_prctl)$/.test(name)).slice(0, 350);
  const rare = { op: 'SCMP_CMP_EQ', value: 0xabcdef0123456789n };
  const far = allowBut(names.map((name, i) => deny([name], 800 + i, [{ index: 5, ...rare }])));
  const some = names.filter((name) => /^get.{0,2}[ug]id$|^gettid$|^getpid$/.test(name));
  assert.ok(some.length >= 5);
  const script = some.map((name) => `/act args ${nr(name)} 5 0xabcdef0123456789 1`).join('; ');
  const { stdout, stderr } = await under(far, 'sh', '-c', script);
  assert.deepEqual(
    stdout.split('\n').filter((line) => line.startsWith('errno')),
    some.map((name) => `errno ${800 + names.indexOf(name)}`),
    stderr,
  );
  const thousands = allowBut([
    ...Array.from({ length: 5000 }, (_, i) => deny(['getppid'], 900, [{ index: i % 6, op: 'SCMP_CMP_EQ', value: i + 1 }])).slice(0, 900),
    ...Array.from({ length: 5000 }, () => deny(['getuid'], 901)),
  ]);
  assert.equal((await under(thousands, '/act', 'args', nr('getppid'), '5', '900', '899')).stdout, 'errno 900\nvalue 0\n');
  assert.equal((await under(thousands, '/act', 'call', nr('getuid'))).stdout, 'errno 901\n');
});

describe('bad profiles: one line that names what is wrong', () => {
  const rule = (more: object) => ({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['getppid'], action: 'SCMP_ACT_ERRNO', ...more }] });
  const arg = (more: object) => rule({ args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 1, ...more }] });
  const many = Array.from({ length: 2000 }, (_, i) => rule({ args: [{ index: 0, op: 'SCMP_CMP_EQ', value: (BigInt(i) << 32n) | 1n }] }).syscalls[0]);
  const cases: [string, object | string, RegExp][] = [
    ['no JSON', '{', /Decoding seccomp profile failed: .*JSON/],
    ['a list', '[]', /Decoding seccomp profile failed: not an object/],
    ['null', 'null', /Decoding seccomp profile failed: not an object/],
    ['an unknown action', rule({ action: 'SCMP_ACT_NOPE' }), /seccomp: syscalls\[0\]\.action: unknown action "SCMP_ACT_NOPE"/],
    ['an unknown default', { defaultAction: 'allow' }, /seccomp: defaultAction: unknown action "allow"/],
    ['no default', { syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }] }, /seccomp: defaultAction: unknown action/],
    ['rules that are none', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: 'all' }, /seccomp: syscalls is not a list/],
    ['a rule that is none', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [7] }, /seccomp: syscalls\[0\] is not an object/],
    ['names that are none', rule({ names: 'getppid' }), /seccomp: syscalls\[0\]\.names is not a list/],
    ['a name that is none', rule({ names: [{}] }), /seccomp: syscalls\[0\]\.names: \{\} is not a system call/],
    ['conditions that are none', rule({ args: 5 }), /seccomp: syscalls\[0\]\.args: 5 is not a list/],
    ['an index over 5', arg({ index: 6 }), /seccomp: syscalls\[0\]\.args\[0\]\.index: 6 is not a number from 0 to 5/],
    ['an unknown operator', arg({ op: 'EQ' }), /args\[0\]\.op: unknown operator "EQ"/],
    ['a value over 64 bits', arg({ value: 1n << 64n }), /18446744073709551616 is not an unsigned 64-bit number/],
    ['a value that is a text', arg({ value: '1' }), /value: "1" is not an unsigned 64-bit number/],
    ['a number that is none', arg({ value: 1.5 }), /value: 1\.5 is not an exact integer/],
    ['an unknown architecture', { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_VAX'] }, /unknown architecture "SCMP_ARCH_VAX"/],
    ['an unknown flag', { defaultAction: 'SCMP_ACT_ALLOW', flags: ['FAST'] }, /unknown flag "FAST"/],
    ['filters that are none', rule({ includes: 5 }), /seccomp: syscalls\[0\]\.includes is not an object/],
    ['a kernel version that is none', rule({ includes: { minKernel: 'new' } }), /"new" is not a kernel version/],
    ['a notify with nobody to tell', rule({ action: 'SCMP_ACT_NOTIFY' }), /SCMP_ACT_NOTIFY is used, but listenerPath is not given/],
    ['too long for the kernel', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: many }, /seccomp: the profile needs \d+ instructions, the kernel takes 4096/],
  ];
  for (const [name, profile, message] of cases) {
    test(name, async () => {
      const { code, stderr, stdout } = await under(profile, 'echo', 'ran');
      assert.deepEqual([code, stdout], [125, ''], stderr);
      assert.match(stderr, message);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
    });
  }

  test('an unknown name is a warning, as with Docker', async () => {
    const { code, stdout, stderr } = await under(rule({ names: ['no_such_call', 'getppid'] }), '/act', 'call', nr('getppid'));
    assert.deepEqual([code, stdout], [0, 'errno 1\n'], stderr);
    assert.match(stderr, /unknown system calls are skipped: no_such_call/);
  });
});

test('the same verdicts as libseccomp, through real runc', { timeout: 120_000 }, async (t) => {
  const tree = await debs(['runc', 'crun'], { dependencies: true });
  const env = { ...process.env, LD_LIBRARY_PATH: `${tree}/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu` };
  const real = [`${tree}/usr/sbin/runc`, `${tree}/usr/bin/runc`].find((file) => existsSync(file))!;
  const caps = ['CAP_SYS_ADMIN'];
  const arches = native === 'x86_64' ? ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'] : ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'];
  const when = (op: string, value: number, valueTwo?: number, index = 0) => ({ index, op: `SCMP_CMP_${op}`, value, valueTwo });
  const needed = ['exit_group', 'ptrace', 'fork', 'vfork', 'clone', 'wait4', 'kill', 'tgkill', 'getpid', 'gettid', 'prctl', 'seccomp', 'brk', 'mmap', 'munmap'];
  const more =
    'execve write read close fstat newfstatat mprotect rt_sigaction rt_sigprocmask set_tid_address set_robust_list rseq prlimit64 arch_prctl openat futex getdents64 fcntl epoll_pwait nanosleep sched_yield newfstat rt_sigreturn sigaltstack getrandom tkill mlock epoll_ctl fstatfs statfs readlinkat readlink capget capset setuid setgid setgroups dup3 pipe2 uname getcwd chdir faccessat2 faccessat access stat lstat waitid clone3 madvise getppid close_range';
  const profiles = [
    allowBut(
      [
        deny(['personality'], 11, [when('GE', 0x20000)]),
        deny(['clone'], 12, [when('MASKED_EQ', 0x7e020000, 0x40000000)]),
        deny(['socket'], 13, [when('NE', 1)]),
        { names: ['mount', 'umount2'], action: 'SCMP_ACT_TRAP' },
        { names: ['bpf'], action: 'SCMP_ACT_KILL_PROCESS' },
        deny(['shmget', 'semop'], 14),
      ],
      { architectures: arches },
    ),
    {
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 99,
      architectures: arches,
      syscalls: [
        { names: [...needed, ...more.split(' ')], action: 'SCMP_ACT_ALLOW' },
        { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [when('EQ', 1), when('EQ', 2)] },
        { names: ['personality'], action: 'SCMP_ACT_ALLOW', args: [when('LT', 8)] },
        { names: ['personality'], action: 'SCMP_ACT_LOG', args: [when('EQ', 0x20008)] },
      ],
    },
  ];
  for (const [i, seccomp] of profiles.entries()) {
    mkdirSync(`${folder}/bundle`, { recursive: true });
    const config = {
      ociVersion: '1.0.2',
      process: {
        user: { uid: 0, gid: 0 },
        args: ['/probe', 'verdict'],
        cwd: '/',
        noNewPrivileges: i > 0,
        capabilities: { bounding: caps, effective: caps, permitted: caps },
      },
      root: { path: `${folder}/root` },
      mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
      linux: { namespaces: ['pid', 'mount'].map((type) => ({ type })), seccomp },
    };
    writeFileSync(`${folder}/bundle/config.json`, JSON.stringify(config));
    const verdicts = async (program: string, root: string) => {
      const made = await run(program, ['--root', root, 'run', '-b', `${folder}/bundle`, `kobako-test-verdict-${process.pid}`], { env });
      return { lines: made.stdout.trim().split('\n'), stderr: made.stderr };
    };
    const theirs = await verdicts(real, `${folder}/runc`);
    if (i === 0 && theirs.lines.length < 400) return t.skip(`runc does not run here: ${theirs.stderr}`);
    const ours = await verdicts(`${projectDir}/bin/kobako-runc`, `${folder}/state`);
    assert.ok(theirs.lines.length > 400 && new Set(theirs.lines.map((line) => line.split(' ').slice(3).join(' '))).size > 2, theirs.stderr);
    assert.deepEqual(
      ours.lines.filter((line, at) => line !== theirs.lines[at]).map((line) => `${line}, libseccomp: ${theirs.lines[ours.lines.indexOf(line)]}`),
      [],
      `profile ${i}`,
    );
    assert.equal(ours.lines.length, theirs.lines.length);
  }
});
