import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OP_NAMES, OPS, type Op } from '../plan/ops.ts';
import { samplePlan } from '../../test/support/sample-plan.ts';
import { explainPlan, explainStep, planJson } from './explain.ts';

const ops: Op[] = [
  { op: 'umask', side: 'monitor', mask: 0o22 },
  { op: 'clone', side: 'monitor', flags: 0x20000000 | 0x20000, why: 'a new process' },
  { op: 'open-tree', side: 'container', into: 'x', path: '/a b', flags: 0x8001, subject: 'bind mount /a b to /c' },
  { op: 'mount-setattr', side: 'container', slot: 'x', set: 3, clear: 0, propagation: 0, recursive: 1 },
  { op: 'seccomp', side: 'container', filter: Buffer.from([0, 1, 255]), flags: 0 },
  { op: 'exec', side: 'container', argv: ['echo', 'hi there'], env: [], path: '/bin' },
  { op: 'rmdir', side: 'cleanup', path: '/x', retryMs: 5 },
];

test('a small plan, word for word', () => {
  assert.equal(
    explainPlan({ ops }),
    `The monitor, on the host:
   0  umask mask=022
        set the file mode creation mask  [umask(2)]
   1  clone flags=CLONE_NEWNS|CLONE_NEWPID
        a new process  [clone3(2)]

The container's process:
   2  open-tree into=x path="/a b" flags=CLONE|RECURSIVE
        bind mount /a b to /c  [open_tree(2)]
   3  mount-setattr slot=x set=MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOSUID clear=0 propagation=0 recursive=1
        change the attributes of a mount by its slot  [mount_setattr(2)]
   4  seccomp filter=(3 bytes) flags=0
        install a system call filter; with a listener, wait until the monitor has taken it (seccomp-listener)  [seccomp(2)]
   5  exec argv=["echo","hi there"] env=[] path=/bin
        become the program: argv[0] as it is when it has a slash, else searched in path  [execve(2)]

At the end, whatever happened:
   6  rmdir path=/x retryMs=5
        remove an empty folder; while it is EBUSY, as a cgroup with others below, first the empty ones below, every millisecond for up to retryMs  [rmdir(2)]`,
  );
});

describe('as JSON', () => {
  test('everything of the plan, with man page and meaning; bytes as text or base64', () => {
    const all = (JSON.parse(planJson({ ops })) as { ops: (Record<string, unknown> & { op: Op['op'] })[] }).ops;
    assert.deepEqual(
      all.map(({ op }) => op),
      ops.map(({ op }) => op),
    );
    for (const op of all) assert.deepEqual([op['man'], op['does']], [OPS[op.op].man, OPS[op.op].does]);
    assert.deepEqual(all[4]!['filter'], { base64: 'AAH/' });
    const [write] = (
      JSON.parse(planJson({ ops: [{ op: 'write', side: 'monitor', slot: 'x', data: Buffer.from('1\n') }] })) as { ops: Record<string, unknown>[] }
    ).ops;
    assert.equal(write!['data'], '1\n');
  });
  test('large numbers keep all their bits', () => {
    assert.match(planJson({ ops: [{ op: 'cap-bound', side: 'container', mask: 2n ** 64n - 1n }] }), /"0xffffffffffffffff"/);
  });
});

test('every operation can be shown, in one line and its reason', () => {
  const shown = samplePlan().ops.map((op, index) => explainStep(op, index));
  for (const text of shown) assert.match(text, /^ *\d+ {2}\S.*\n {8}\S.* {2}\[\S+\(\d\w*\)\]$/);
  assert.ok(OP_NAMES.every((name) => shown.some((text) => text.includes(`  ${name}`))));
});

test('text with control characters is not put on a terminal', () => {
  const evil = 'a\u001b[31m';
  const steps: Op[] = [
    { op: 'sethostname', side: 'container', name: evil },
    { op: 'exec', side: 'container', argv: [evil], env: [], path: '' },
    { op: 'write', side: 'container', slot: 's', data: Buffer.from(evil) },
    { op: 'umask', side: 'container', mask: 0, subject: evil },
  ];
  for (const step of steps) assert.ok(!explainStep(step, 0).includes('\u001b'), step.op);
  assert.ok(explainStep(steps[3]!, 0).includes('a\\u001b[31m'));
});
