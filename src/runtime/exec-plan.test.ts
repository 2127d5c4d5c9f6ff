import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CLONE_NEW } from '../kernel/constants.ts';
import { encodePlan } from '../plan/encode.ts';
import { at, machine, MONITOR, opsOf } from '../../test/support/planner.ts';
import { planExec, type ExecInput } from './exec-plan.ts';
import type { NamespaceType } from './spec.ts';

const ALL: NamespaceType[] = ['pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time'];
const exec = (more: Partial<ExecInput> = {}) =>
  planExec({
    container: { id: 'c', ociVersion: '1.2.0', bundle: '/b', annotations: undefined },
    pid: 7,
    start: '99',
    namespaces: ALL.filter((type) => type !== 'user'),
    process: { cwd: '/', args: ['true'] },
    seccomp: undefined,
    machine: machine(),
    cgroup: undefined,
    stdio: { kind: 'pipes', stdin: true },
    monitor: MONITOR,
    ...more,
  }).plan.ops;

describe('an exec', () => {
  test('holds the process by a pidfd, and only then makes sure that it is the right one', () => {
    const ops = exec();
    assert.deepEqual(
      ops.slice(0, 2).map(({ op }) => op),
      ['pidfd-open', 'check-process'],
    );
    assert.deepEqual([opsOf(ops, 'check-process')[0]!.pid, opsOf(ops, 'check-process')[0]!.start], [7, '99']);
    assert.equal(
      ops.some((op) => 'path' in op && typeof op.path === 'string' && op.path.startsWith('/proc/7')),
      false,
      'no path with a pid',
    );
  });
  test('the mount namespace last, and no path of the host is looked up after it', () => {
    const ops = exec();
    const sets = opsOf(ops, 'setns').map(({ side, flags }) => [side, flags]);
    const first = CLONE_NEW.network | CLONE_NEW.ipc | CLONE_NEW.uts | CLONE_NEW.cgroup | CLONE_NEW.time;
    assert.deepEqual(sets, [
      ['monitor', CLONE_NEW.pid],
      ['container', first],
      ['container', CLONE_NEW.mount],
    ]);
  });
  test('in a user namespace: the others first, as the host’s root', () => {
    const flags = opsOf(exec({ namespaces: ALL }), 'setns').map((op) => op.flags);
    assert.deepEqual(flags.slice(2), [CLONE_NEW.user, CLONE_NEW.mount]);
  });
  test('is not dumpable before it joins anything', () => {
    const ops = exec({ namespaces: ALL });
    assert.ok(at(ops, 'dumpable') < ops.findIndex((op) => op.op === 'setns' && op.side === 'container'));
    assert.equal(ops[ops.findIndex((op) => op.op === 'user') + 1]!.op, 'dumpable');
  });
  test('only what the container does not share with the host', () => {
    assert.deepEqual(
      opsOf(exec({ namespaces: ['uts'] }), 'setns').map((op) => op.flags),
      [CLONE_NEW.uts],
    );
    assert.deepEqual(opsOf(exec({ namespaces: [] }), 'setns'), []);
  });
  test('labels are written by the host’s /proc, before the container’s is there', () => {
    const process = { cwd: '/', args: ['true'], apparmorProfile: 'p', selinuxLabel: 'l' };
    const ops = exec({ process, machine: machine({ apparmor: true, selinux: true }) });
    assert.deepEqual(
      opsOf(ops, 'write-file').map(({ path, data }) => [path, Buffer.from(data).toString()]),
      [
        ['/proc/thread-self/attr/apparmor/exec', 'exec p'],
        ['/proc/thread-self/attr/exec', 'l'],
      ],
    );
    assert.ok(at(ops, 'write-file') < ops.findIndex((op) => op.op === 'setns' && op.side === 'container'));
  });
  test('a terminal comes from the container’s devpts, and only where there is a mount namespace', () => {
    const stdio = { kind: 'pty', rows: 3, cols: 4 } as const;
    const [op] = opsOf(exec({ stdio }), 'pty-open');
    assert.deepEqual([op!.path, op!.rows, op!.cols], ['ptmx', 3, 4]);
    assert.throws(() => exec({ stdio, namespaces: ['pid'] }), /a terminal needs a container with a mount namespace/);
  });
  test('waits for start where its monitor does', () => {
    assert.equal(opsOf(exec(), 'wait').length, 1);
    assert.equal(opsOf(exec({ monitor: { ...MONITOR, waitStart: false } }), 'wait').length, 0);
  });
  test('can be encoded', () => {
    for (const namespaces of [ALL, []]) encodePlan({ ops: exec({ namespaces }) });
  });
});
