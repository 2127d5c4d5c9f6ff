import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import type { Op, Plan } from '../plan/ops.ts';
import { describeFailure } from './failure.ts';

const { errno } = constants;
const side = 'container';
const exec = (file: string): Op => ({ op: 'exec', side, argv: [file], env: [], path: '' });
const check = (file: string): Op => ({ op: 'check-exec', side, file, path: '' });
const bind: Op = { op: 'open-tree', side, into: 'x', path: '/src', flags: 1, subject: 'bind mount /src to /dst' };
const cases: [op: Op, error: keyof typeof errno, message: string, exitCode: number, kind: string, hint?: RegExp][] = [
  [exec('nope'), 'ENOENT', 'exec: "nope": executable file not found in $PATH', 127, 'invalid'],
  [check('nope'), 'ENOENT', 'exec: "nope": executable file not found in $PATH', 127, 'invalid'],
  [check('/nope'), 'ENOENT', 'exec: "/nope": stat /nope: no such file or directory', 127, 'invalid'],
  [exec('/nope'), 'ENOENT', 'exec: "/nope": no such file or directory', 127, 'invalid'],
  [check('/f/x'), 'ENOTDIR', 'exec: "/f/x": not a directory', 127, 'invalid'],
  [check('/etc'), 'EACCES', 'exec: "/etc": permission denied', 126, 'invalid'],
  [exec('/bad'), 'ENOEXEC', 'exec: "/bad": exec format error', 126, 'invalid', /another kind of processor/],
  [exec('/bad'), 'E2BIG', 'exec: "/bad": argument list too long', 126, 'invalid'],
  [{ op: 'cwd', side, path: '/no', mode: 0 }, 'ENOENT', 'chdir to cwd ("/no") set in config.json failed: no such file or directory', 127, 'not-found'],
  [bind, 'ENOENT', 'bind mount /src to /dst: no such file or directory', 125, 'not-found'],
  [bind, 'EACCES', 'bind mount /src to /dst: permission denied', 125, 'denied'],
  [{ op: 'clone', side: 'monitor', flags: 0 }, 'EPERM', 'clone: operation not permitted', 125, 'denied', /needs root/],
  [{ op: 'clone', side: 'monitor', flags: 0 }, 'ENOSPC', 'clone: no space left on device', 125, 'exhausted', /max_\*_namespaces/],
  [
    { op: 'fs-create', side, fs: 'x', subject: 'mount zfs to /z' },
    'ENODEV',
    'mount zfs to /z: no such device',
    125,
    'internal',
    /no support for this file system/,
  ],
  [
    { op: 'check-process', side: 'monitor', pid: 5, start: '9', subject: 'process 5 of the container to join' },
    'ESRCH',
    'process 5 of the container to join: no such process',
    125,
    'internal',
    /just ended/,
  ],
  [
    { op: 'mount-setattr', side: 'monitor', slot: 'x', set: 1 << 20, clear: 0, propagation: 0, recursive: 0, userns: 'u', subject: 'root, idmapped' },
    'EINVAL',
    'root, idmapped: invalid argument',
    125,
    'invalid',
    /MOUNT_ATTR_IDMAP/,
  ],
  [
    { op: 'write-file', side, path: '/proc/thread-self/attr/apparmor/exec', data: Buffer.from('exec x'), resolve: 0, subject: 'apparmor profile x' },
    'ENOENT',
    'apparmor profile x: no such file or directory',
    125,
    'not-found',
    /not loaded/,
  ],
];

describe('a failed step is one sentence, with docker’s exit code', () => {
  for (const [op, name, message, exitCode, kind, hint] of cases) {
    test(`${op.op}: ${name}`, () => {
      const plan: Plan = { ops: [exec('other'), op] };
      const error = describeFailure(plan, { index: 1, errno: errno[name], detail: '' });
      assert.deepEqual([error.message, error.detail!.exitCode, error.kind, error.detail!.step], [message, exitCode, kind, 1]);
      if (hint === undefined) assert.equal(error.hint, undefined);
      else assert.match(error.hint!, hint);
      assert.equal((error.cause as { code: string }).code, name);
    });
  }
});

test('what the helper says besides stands in the sentence, unless it is there already', () => {
  const plan = { ops: [bind] };
  assert.equal(
    describeFailure(plan, { index: 0, errno: errno.EINVAL, detail: 'overlay: bad' }).message,
    'bind mount /src to /dst: overlay: bad: invalid argument',
  );
  assert.equal(describeFailure(plan, { index: 0, errno: errno.EINVAL, detail: '/src' }).message, 'bind mount /src to /dst: invalid argument');
});

test('the step is shown as explain shows it; a program that is not there says enough by itself', () => {
  assert.match(describeFailure({ ops: [bind] }, { index: 0, errno: errno.EINVAL, detail: '' }).detail!.shown!, /open-tree .*\[open_tree\(2\)\]$/s);
  assert.equal(describeFailure({ ops: [exec('x')] }, { index: 0, errno: errno.ENOENT, detail: '' }).detail!.shown, undefined);
});

test('a plan that was refused, an errno without a name', () => {
  const refused = describeFailure({ ops: [] }, { index: -1, errno: 22, detail: 'malformed plan: a second clone' });
  assert.deepEqual([refused.kind, refused.message, refused.detail!.exitCode], ['internal', 'the helper refused the plan: malformed plan: a second clone', 125]);
  assert.equal(describeFailure({ ops: [bind] }, { index: 0, errno: 4000, detail: '' }).message, 'bind mount /src to /dst: errno 4000');
});
