import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ALL_CAPS, at, built, machine, opsOf } from '../../test/support/planner.ts';
import { addEarlyProcess, addProcess, cpuMask, type ProcessInput } from './process.ts';
import type { Process } from './spec.ts';

const input = (process: Partial<Process> = {}, more: Partial<ProcessInput> = {}): ProcessInput => ({
  process: { cwd: '/', args: ['true'], ...process },
  seccomp: undefined,
  machine: machine(),
  userNamespace: false,
  tty: false,
  deathSignal: 9,
  makeCwd: true,
  preserveFds: 0,
  ...more,
});
const late = (process: Partial<Process> = {}, more: Partial<ProcessInput> = {}) =>
  built((builder) =>
    addProcess(builder, input(process, more), {
      wait: () => builder.container('post', { token: 1 }),
      beforeExec: () => builder.container('post', { token: 2 }),
    }),
  );
const early = (process: Partial<Process>) => built((builder) => addEarlyProcess(builder, input(process))).ops;
const SECCOMP = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO' }] };

describe('rlimits', () => {
  const noRaise = { hardLimits: { RLIMIT_NOFILE: 100n, RLIMIT_CORE: undefined }, permittedCaps: ALL_CAPS & ~(1n << 24n) };
  const infinity = 2n ** 64n - 1n;
  const cases: [type: string, soft: number, hard: number, expected: [bigint, bigint], warned: boolean, facts?: typeof noRaise][] = [
    ['RLIMIT_NOFILE', 10, 20, [10n, 20n], false],
    ['RLIMIT_NOFILE', -1, -1, [infinity, infinity], false],
    ['RLIMIT_CORE', 0, -1, [0n, infinity], false, noRaise],
    ['RLIMIT_NOFILE', 50, 100, [50n, 100n], false, noRaise],
    ['RLIMIT_NOFILE', 50, 101, [50n, 100n], true, noRaise],
    ['RLIMIT_NOFILE', 200, 300, [100n, 100n], true, noRaise],
    ['RLIMIT_NOFILE', -1, -1, [100n, 100n], true, noRaise],
    ['RLIMIT_NOFILE', 2 ** 63, 2 ** 64, [infinity, infinity], false],
  ];
  for (const [type, soft, hard, expected, warned, facts] of cases) {
    test(`${type} ${soft}:${hard}${facts ? ' where none can be raised' : ''}`, () => {
      const { ops, warnings } = late({ rlimits: [{ type, soft, hard }] }, { machine: machine(facts) });
      assert.deepEqual(
        opsOf(ops, 'rlimit').map((op) => [op.soft, op.hard]),
        [expected],
      );
      assert.deepEqual(warnings, warned ? ['without CAP_SYS_RESOURCE a hard limit cannot be raised: RLIMIT_NOFILE to 100'] : []);
    });
  }
  test('refused', () => {
    assert.throws(() => late({ rlimits: [{ type: 'RLIMIT_NOPE', soft: 1, hard: 1 }] }), /rlimit RLIMIT_NOPE is unknown/);
    assert.throws(() => late({ rlimits: [{ type: 'RLIMIT_CPU', soft: 2, hard: 1 }] }), /the soft limit 2 is above the hard limit 1/);
    assert.throws(() => late({ rlimits: [{ type: 'RLIMIT_CPU', soft: -1, hard: 1 }] }), /above/);
  });
});

describe('scheduling', () => {
  test('policies, flags', () => {
    const [op] = opsOf(early({ scheduler: { policy: 'SCHED_BATCH', nice: 5, flags: ['SCHED_FLAG_RESET_ON_FORK', 'SCHED_FLAG_DL_OVERRUN'] } }), 'scheduler');
    assert.deepEqual([op!.policy, op!.flags, op!.nice, op!.runtime], [3, 5, 5, 0]);
    assert.throws(() => early({ scheduler: { policy: 'SCHED_NOPE' } }), /policy SCHED_NOPE is unknown/);
    assert.throws(() => early({ scheduler: { policy: 'SCHED_RR', flags: ['X'] } }), /flag X is unknown/);
  });
  test('io priority', () => {
    assert.deepEqual(
      opsOf(early({ ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 7 } }), 'ioprio').map((op) => op.value),
      [(2 << 13) | 7],
    );
    assert.throws(() => early({ ioPriority: { class: 'IOPRIO_CLASS_NONE' } }), /class IOPRIO_CLASS_NONE is unknown/);
  });
  test('processors', () => {
    assert.deepEqual([...cpuMask('0-3,9')].slice(0, 3), [0x0f, 0x02, 0]);
    for (const bad of ['', '3-1', 'a', '1024', '-1', '1,,2', '0-']) assert.throws(() => cpuMask(bad), /is not like 0-3,7/, bad);
    assert.equal(opsOf(early({ execCPUAffinity: { initial: '0', final: '1' } }), 'affinity')[0]!.mask[0], 2);
    assert.equal(opsOf(early({ execCPUAffinity: { final: '' } }), 'affinity').length, 0);
  });
  test('the oom score may stay as it is where it cannot be lowered', () => {
    assert.deepEqual(
      opsOf(early({ oomScoreAdj: -5 }), 'write-file').map((op) => [Buffer.from(op.data).toString(), op.ignore]),
      [['-5', ['EACCES', 'EPERM']]],
    );
    assert.equal(early({}).length, 0);
  });
});

describe('the order of the last steps', () => {
  test('fds are closed before the user changes, capabilities set after it, and nothing comes after exec', () => {
    const { ops } = late({ user: { uid: 7, gid: 8 } });
    const order = (['check-exec', 'umask', 'close-fds', 'cap-bound', 'keep-caps', 'groups', 'user', 'cap-set', 'cap-ambient', 'exec'] as const).map((name) =>
      at(ops, name),
    );
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    assert.equal(ops.at(-1)!.op, 'exec');
  });
  test('a missing program shows before start, fds are closed after it', () => {
    const { ops } = late();
    const start = at(ops, 'post', ({ token }: { token: number }) => token === 1);
    assert.ok(at(ops, 'check-exec') < start && start < at(ops, 'close-fds'));
  });
  test('seccomp: with no_new_privs as late as can be, without before the capabilities go', () => {
    const free = late({ noNewPrivileges: true }, { seccomp: SECCOMP }).ops;
    assert.ok(at(free, 'seccomp') > at(free, 'no-new-privs') && at(free, 'seccomp') > at(free, 'cap-set'));
    const needing = late({}, { seccomp: SECCOMP }).ops;
    assert.ok(at(needing, 'seccomp') < at(needing, 'user') && at(needing, 'seccomp') > at(needing, 'cap-bound'));
    assert.equal(opsOf(needing, 'no-new-privs').length, 0);
  });
  test('the death signal is set again: a change of user clears it', () => {
    const { ops } = late();
    assert.ok(at(ops, 'death-signal') > at(ops, 'user'));
    assert.equal(opsOf(late({}, { deathSignal: 0 }).ops, 'death-signal').length, 0);
  });
  test('a terminal is the controlling one, and the streams', () => {
    const { ops } = late({}, { tty: true });
    assert.ok(at(ops, 'set-ctty') < at(ops, 'stdio'));
    assert.deepEqual(
      opsOf(ops, 'stdio').map(({ stdin, stdout, stderr }) => [stdin, stdout, stderr]),
      [['tty', 'tty', 'tty']],
    );
  });
  test('fds to keep', () => assert.equal(opsOf(late({}, { preserveFds: 2 }).ops, 'close-fds')[0]!.from, 5));
  test('umask: 022 where nothing is said', () => {
    assert.deepEqual(
      [undefined, 0, 0o77].map((umask) => opsOf(late({ user: { uid: 0, gid: 0, ...(umask === undefined ? {} : { umask }) } }).ops, 'umask')[0]!.mask),
      [0o22, 0, 0o77],
    );
  });
  test('groups are all replaced, in a user namespace as far as it may', () => {
    assert.deepEqual(
      opsOf(late({ user: { uid: 1, gid: 1, additionalGids: [4, 5] } }).ops, 'groups').map(({ gids, ignore }) => [gids, ignore]),
      [[[4, 5], []]],
    );
    assert.deepEqual(
      opsOf(late({}, { userNamespace: true }).ops, 'groups').map(({ gids, ignore }) => [gids, ignore]),
      [[[], ['EPERM']]],
    );
  });
  test('the last PATH counts', () => assert.equal(opsOf(late({ env: ['PATH=/a', 'X=1', 'PATH=/b'] }).ops, 'exec')[0]!.path, '/b'));
  test('a command without a name is none that there is', () => {
    assert.throws(() => late({ args: [''] }), { message: 'exec: "": executable file not found in $PATH', detail: { exitCode: 127 } });
  });
  for (const args of [[], undefined]) {
    test(`no command: ${JSON.stringify(args)}`, () => assert.throws(() => late({ args: args as string[] }), /no command is given/));
  }
});
