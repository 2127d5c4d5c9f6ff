import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../base/errors.ts';
import type { Seccomp } from '../spec.ts';
import { syscallTable } from './arches.ts';
import { decodeBpf, runBpf } from './bpf-run.ts';
import { compileSeccomp, type SeccompHost } from './compile.ts';

const X86_64 = 0xc000003e;
const I386 = 0x40000003;
const ALLOW = 0x7fff0000;
const EPERM = 0x50001;
const ENOSYS = 0x50026;
const host: SeccompHost = { arch: 'x86_64' };

type Rule = NonNullable<Seccomp['syscalls']>[number];
const rule = (names: string, action: string, more: Partial<Rule> = {}): Rule => ({ names: names.split(' '), action, ...more });
const allow = (names: string, ...args: NonNullable<Rule['args']>) => rule(names, 'SCMP_ACT_ALLOW', { args });
const arg = (op: string, value: bigint, index = 0, valueTwo = 0n) => ({ index, op: `SCMP_CMP_${op}`, value, valueTwo });

function answer(profile: Seccomp, name: string | number, args: bigint[] = [], arch = X86_64): number {
  const nr = typeof name === 'number' ? name : syscallTable(arch === I386 ? 'x86' : 'x86_64').get(name)!;
  return runBpf(decodeBpf(compileSeccomp(profile, host).filter), { nr, arch, args }).value;
}
const deny = (...syscalls: Rule[]): Seccomp => ({ defaultAction: 'SCMP_ACT_ERRNO', syscalls });

test('every action, with its errno', () => {
  const actions: [string, number | undefined, number][] = [
    ['SCMP_ACT_KILL', undefined, 0],
    ['SCMP_ACT_KILL_THREAD', undefined, 0],
    ['SCMP_ACT_KILL_PROCESS', undefined, 0x80000000],
    ['SCMP_ACT_TRAP', undefined, 0x30000],
    ['SCMP_ACT_ERRNO', undefined, 0x50001],
    ['SCMP_ACT_ERRNO', 0, 0x50000],
    ['SCMP_ACT_ERRNO', 4095, 0x50fff],
    ['SCMP_ACT_TRACE', undefined, 0x7ff00001],
    ['SCMP_ACT_TRACE', 0xffff, 0x7ff0ffff],
    ['SCMP_ACT_LOG', undefined, 0x7ffc0000],
    ['SCMP_ACT_NOTIFY', undefined, 0x7fc00000],
  ];
  for (const [action, errnoRet, ret] of actions) {
    const profile: Seccomp = { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/s', syscalls: [rule('getpid', action, { errnoRet })] };
    assert.equal(answer(profile, 'getpid'), ret, action);
    assert.equal(answer(profile, 'read'), ALLOW);
  }
});

test('comparisons of 64-bit values', () => {
  const big = 0x5_0000_0007n;
  const cases: [string, bigint[], bigint[]][] = [
    ['EQ', [big], [7n, 0x5_0000_0008n, 0x6_0000_0007n]],
    ['NE', [7n, 0x6_0000_0007n], [big]],
    ['GT', [big + 1n, 0x6_0000_0000n], [big, 0xffffffffn, 0x4_ffff_ffffn]],
    ['GE', [big, 0x6_0000_0000n], [big - 1n, 0x4_ffff_ffffn]],
    ['LT', [big - 1n, 0x4_ffff_ffffn, 0n], [big, 0x6_0000_0000n]],
    ['LE', [big, 0x4_ffff_ffffn], [big + 1n, 0x6_0000_0000n]],
  ];
  for (const [op, yes, no] of cases) {
    const profile = deny(allow('personality', arg(op, big)));
    for (const value of yes) assert.equal(answer(profile, 'personality', [value]), ALLOW, `${value} ${op}`);
    for (const value of no) assert.equal(answer(profile, 'personality', [value]), EPERM, `${value} ${op}`);
  }
  const masked = deny(allow('personality', arg('MASKED_EQ', 0xf_0000_00f0n, 0, 0x1_0000_0010n)));
  assert.equal(answer(masked, 'personality', [0xf1_1234_561fn]), ALLOW);
  assert.equal(answer(masked, 'personality', [0x2_0000_0010n]), EPERM);
  assert.equal(answer(masked, 'personality', [0x1_0000_0020n]), EPERM);
});

test('conditions of a rule all hold, rules are alternatives, a repeated argument makes alternatives too', () => {
  const both = deny(allow('socket', arg('EQ', 2n), arg('EQ', 1n, 1)));
  assert.equal(answer(both, 'socket', [2n, 1n]), ALLOW);
  assert.equal(answer(both, 'socket', [2n, 2n]), EPERM);
  const either = deny(allow('socket', arg('EQ', 2n)), allow('socket', arg('EQ', 1n, 1)));
  assert.equal(answer(either, 'socket', [2n, 2n]), ALLOW);
  assert.equal(answer(either, 'socket', [3n, 1n]), ALLOW);
  assert.equal(answer(either, 'socket', [3n, 3n]), EPERM);
  const repeated = deny(allow('socket', arg('GE', 10n), arg('LE', 2n), arg('EQ', 1n, 1)));
  for (const args of [
    [11n, 5n],
    [1n, 5n],
    [5n, 1n],
  ])
    assert.equal(answer(repeated, 'socket', args), ALLOW);
  assert.equal(answer(repeated, 'socket', [5n, 5n]), EPERM);
});

test('precedence: the first without conditions, then the first that matches', () => {
  const log = rule('getpid', 'SCMP_ACT_LOG');
  assert.equal(answer(deny(allow('getpid'), log), 'getpid'), ALLOW);
  assert.equal(answer(deny(log, allow('getpid')), 'getpid'), 0x7ffc0000);
  assert.equal(answer(deny({ ...log, args: [arg('EQ', 0n)] }, allow('getpid')), 'getpid', [0n]), ALLOW);
  const overlap = deny({ ...log, args: [arg('EQ', 7n)] }, allow('getpid', arg('GE', 5n)));
  assert.equal(answer(overlap, 'getpid', [7n]), 0x7ffc0000);
  assert.equal(answer(overlap, 'getpid', [6n]), ALLOW);
  // a rule with the default action is as good as absent, even before another
  assert.equal(answer(deny(rule('getpid', 'SCMP_ACT_ERRNO'), allow('getpid')), 'getpid'), ALLOW);
});

test('architectures: the native one always, an unnamed one is killed, x32 by its bit', () => {
  const plain = deny(allow('getpid rseq'));
  assert.equal(answer(plain, 'getpid'), ALLOW);
  assert.equal(answer(plain, 'getpid', [], I386), 0);
  assert.equal(answer(plain, 0x40000000 + 39), 0);
  assert.equal(answer(plain, 0xffffffff), EPERM); // what a tracer writes to skip a call
  assert.equal(answer(plain, 471), EPERM); // no ENOSYS for an architecture that is not named
  const three = { ...plain, architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32', 'SCMP_ARCH_X86'] };
  assert.equal(answer(three, 'getpid', [], I386), ALLOW);
  assert.equal(answer(three, 0x40000000 + 39), ALLOW);
  assert.equal(answer(three, 0x40000000 + 40), EPERM);
  assert.equal(answer(three, 471), ENOSYS);
  assert.equal(answer(three, 0x40000000 + 471), ENOSYS);
  const arm = compileSeccomp({ ...plain, architectures: ['SCMP_ARCH_ARM'] }, { arch: 'aarch64' });
  const run = (nr: number, arch: number) => runBpf(decodeBpf(arm.filter), { nr, arch, args: [] }).value;
  assert.equal(run(172, 0xc00000b7), ALLOW);
  assert.equal(run(20, 0x40000028), ALLOW);
  assert.equal(run(471, 0x40000028), ENOSYS);
  assert.equal(run(0x0f0005, 0x40000028), EPERM); // set_tls is not a new call
});

test('a call newer than the profile is ENOSYS, except where the default lets calls through', () => {
  const profile: Seccomp = { defaultAction: 'SCMP_ACT_KILL', architectures: ['SCMP_ARCH_X86_64'], syscalls: [allow('openat2')] };
  const last = syscallTable('x86_64').get('openat2')!;
  assert.equal(answer(profile, last), ALLOW);
  assert.equal(answer(profile, last - 1), 0);
  assert.equal(answer(profile, last + 1), ENOSYS);
  for (const action of ['ALLOW', 'LOG', 'TRACE']) assert.notEqual(answer({ ...profile, defaultAction: `SCMP_ACT_${action}` }, last + 1), ENOSYS);
});

test('32-bit x86: socketcall and ipc are covered by the rules of what they call', () => {
  const profile = { ...deny(allow('socket', arg('EQ', 2n), arg('EQ', 1n, 1)), allow('shmget')), architectures: ['SCMP_ARCH_X86'] };
  assert.equal(answer(profile, 'socketcall', [1n, 1n], I386), ALLOW);
  assert.equal(answer(profile, 'socketcall', [1n, 0n], I386), EPERM);
  assert.equal(answer(profile, 'socketcall', [2n, 1n], I386), EPERM);
  assert.equal(answer(profile, 'socket', [2n, 1n], I386), ALLOW);
  assert.equal(answer(profile, 'ipc', [23n], I386), ALLOW);
  assert.equal(answer(profile, 'ipc', [24n], I386), EPERM);
});

test('flags and the listener', () => {
  const flags = (more: Partial<Seccomp>, known?: number) => compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', ...more }, { ...host, flags: known }).flags;
  assert.equal(flags({}), 4); // SPEC_ALLOW unless the profile says otherwise
  assert.equal(flags({}, 2), 0);
  assert.equal(flags({ flags: [] }), 0);
  assert.equal(flags({ flags: ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_TSYNC'] }), 2);
  const notify: Partial<Seccomp> = { listenerPath: '/run/s', syscalls: [rule('mkdir', 'SCMP_ACT_NOTIFY')] };
  assert.equal(flags({ ...notify, flags: ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'] }), 8 | 32);
  assert.equal(compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', ...notify }, host).listener, true);
  const alone = compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'] }, host);
  assert.deepEqual([alone.flags, alone.listener, alone.warnings.length], [0, false, 1]);
});

test('unknown names are skipped with a warning; those of other architectures without', () => {
  const { warnings } = compileSeccomp(deny(allow('getpid frobnicate riscv_hwprobe _llseek')), host);
  assert.deepEqual(warnings, ['seccomp: unknown system calls are skipped: frobnicate']);
  assert.match(compileSeccomp({ ...deny(), architectures: ['SCMP_ARCH_S390X'] }, host).warnings[0]!, /S390X/);
});

test('a bad profile is refused, naming what was given', () => {
  const bad: [Partial<Seccomp>, RegExp][] = [
    [{ defaultAction: 'SCMP_ACT_FOO' }, /defaultAction: unknown action "SCMP_ACT_FOO"/],
    [{ defaultAction: 'toString' }, /unknown action "toString"/],
    [{ defaultAction: 'SCMP_ACT_NOTIFY', listenerPath: '/s' }, /cannot be the default/],
    [{ defaultErrnoRet: 4096, defaultAction: 'SCMP_ACT_ERRNO' }, /errno 4096/],
    [{ architectures: ['SCMP_ARCH_Z80'] }, /architectures: unknown architecture "SCMP_ARCH_Z80"/],
    [{ flags: ['SECCOMP_FILTER_FLAG_FOO'] }, /flags: unknown flag "SECCOMP_FILTER_FLAG_FOO"/],
    [{ flags: ['LOG'] }, /unknown flag "LOG"/],
    [{ syscalls: [rule('read', 'ALLOW')] }, /syscalls\[0\]\.action: unknown action "ALLOW"/],
    [{ syscalls: [{ names: [''], action: 'SCMP_ACT_LOG' }] }, /syscalls\[0\]\.names: ""/],
    [{ syscalls: [{ names: 'read' as never, action: 'SCMP_ACT_LOG' }] }, /names: "read" is not a list/],
    [{ syscalls: [null as never] }, /syscalls\[0\]: null/],
    [{ syscalls: [allow('read', arg('XX', 1n))] }, /args\[0\]\.op: unknown operator "SCMP_CMP_XX"/],
    [{ syscalls: [allow('read', arg('EQ', 1n, 6))] }, /args\[0\]\.index: 6/],
    [{ syscalls: [allow('read', arg('EQ', 1n << 64n))] }, /18446744073709551616 is not an unsigned 64-bit/],
    [{ syscalls: [allow('read', arg('EQ', -1n))] }, /-1 is not an unsigned/],
    [{ syscalls: [allow('read', { index: 0, op: 'SCMP_CMP_EQ', value: 2 ** 64 })] }, /not an exact integer/],
    [{ syscalls: [rule('mkdir', 'SCMP_ACT_NOTIFY')] }, /listenerPath/],
    [{ listenerPath: '/s', syscalls: [rule('write', 'SCMP_ACT_NOTIFY')] }, /cannot be used for write/],
  ];
  for (const [profile, message] of bad)
    assert.throws(
      () => compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', ...profile }, host),
      (error) => error instanceof EngineError && error.kind === 'invalid' && message.test(error.message),
      String(message),
    );
  const noLog = { ...host, flags: 4 };
  assert.throws(() => compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_LOG'] }, noLog), /does not have/);
});

test('jumps of more than 255 instructions, and a filter that is too long', () => {
  const names = [...syscallTable('x86_64').keys()];
  const conditional = (count: number): Seccomp => deny(...names.slice(0, count).map((name, i) => allow(name, arg('GT', (BigInt(i + 1) << 32n) | 5n, i % 6))));
  const { filter } = compileSeccomp(conditional(380), host);
  const program = decodeBpf(filter);
  assert.ok(program.length > 1500, `${program.length}`);
  names.slice(0, 380).forEach((name, i) => {
    const run = (value: bigint) => runBpf(program, { nr: syscallTable('x86_64').get(name)!, arch: X86_64, args: Array(6).fill(value) }).value;
    assert.equal(run((BigInt(i + 1) << 32n) | 5n), EPERM);
    assert.equal(run((BigInt(i + 1) << 32n) | 6n), ALLOW);
  });
  const rules = [1, 2, 3].flatMap((n) => names.slice(0, 380).map((name, i) => allow(name, arg('EQ', BigInt(n) << 33n, i % 6))));
  const huge = deny(...rules.map((r, i) => ({ ...r, args: [...r.args!, arg('GT', BigInt(i) << 32n, (i + 1) % 6)] })));
  assert.throws(() => compileSeccomp(huge, host), /needs \d+ instructions, the kernel takes 4096/);
});

test('an empty profile still returns', () => {
  assert.equal(answer({ defaultAction: 'SCMP_ACT_ALLOW' }, 'read'), ALLOW);
  assert.equal(answer({ defaultAction: 'SCMP_ACT_ALLOW' }, 'read', [], I386), 0);
});
