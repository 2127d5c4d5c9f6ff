/** Plans that have every operation once, for the encoder, the C validator and the fuzzer. */
import { fieldsOf, OP_NAMES, type Op, type OpName, type Plan, type Side } from '../../src/plan/ops.ts';

/** Operations that only one side may have; every other one is put on the container's side. */
const SIDES: Partial<Record<OpName, Side>> = {
  clone: 'monitor',
  'id-map': 'monitor',
  'cgroup-attach': 'monitor',
  'seccomp-listener': 'monitor',
  'send-state': 'monitor',
  'hold-mounts': 'monitor',
  'host-sync': 'monitor',
  listen: 'monitor',
  monitor: 'monitor',
  report: 'cleanup',
  'kill-cgroup': 'cleanup',
  'tell-exit': 'cleanup',
};

/** Values that the validator wants to be of a certain form. */
const VALUES: Record<string, unknown> = {
  'clone.flags': 0x2c020000,
  'unshare.flags': 0x2000000,
  'setns.flags': 0,
  'mount-setattr.recursive': 1,
  'close-fds.from': 3,
  'cwd.path': '/srv',
  'exec.argv': ['/bin/sh', '-c', 'true'],
  'seccomp.filter': Buffer.from([6, 0, 0, 0, 0, 0, 0xff, 0x7f]),
  'affinity.mask': Buffer.from([3]),
  'dumpable.value': 0,
  'groups.gids': [0, 5, 4294967294],
};

function valueOf(op: OpName, field: string, kind: string): unknown {
  const fixed = VALUES[`${op}.${field}`];
  if (fixed !== undefined) return fixed;
  switch (kind) {
    case 'int':
      return 1;
    case 'new':
      return `${op}.${field}`;
    case 'slot':
      return 'base';
    case 'slot?':
      return op.length % 2 === 0 ? 'base' : undefined;
    case 'str':
      return `${field}-é`;
    case 'bytes':
      return Buffer.from([0, 1, 2, 0xff]);
    case 'strs':
      return ['A=1', '', 'B=2'];
    case 'u32s':
      return [1, 2];
    default:
      throw new TypeError(`field kind ${kind} has no sample value`);
  }
}

function sampleOp(name: OpName, side: Side): Op {
  const fields = Object.fromEntries(fieldsOf(name).map(([field, kind]) => [field, valueOf(name, field, kind)]));
  return { op: name, side, ...fields } as unknown as Op;
}

/** A sound plan in which every operation comes up, with all three sides, ignored errors and a slot that is closed. */
export function samplePlan(): Plan {
  const base: Op = { op: 'open', side: 'monitor', into: 'base', path: '/', flags: 0o10000000, mode: 0, resolve: 0, ignore: ['ENOENT', 'EACCES'] };
  const of = (side: Side) => OP_NAMES.filter((name) => (SIDES[name] ?? 'container') === side && !['clone', 'monitor', 'exec', 'close'].includes(name));
  return {
    ops: [
      base,
      { ...base, into: 'scratch' },
      { op: 'close', side: 'monitor', slot: 'scratch' },
      sampleOp('clone', 'monitor'),
      ...of('container').map((name) => sampleOp(name, 'container')),
      sampleOp('exec', 'container'),
      ...of('monitor').map((name) => sampleOp(name, 'monitor')),
      sampleOp('monitor', 'monitor'),
      ...of('cleanup').map((name) => sampleOp(name, 'cleanup')),
    ],
  };
}

/** A few sound plans of different shapes: everything, only a clean-up, nothing. */
export function samplePlans(): Plan[] {
  return [
    samplePlan(),
    {
      ops: [
        { op: 'mkdir', side: 'monitor', path: 'a', mode: 0o755 },
        { op: 'rmdir', side: 'cleanup', path: 'a', retryMs: 0 },
      ],
    },
    { ops: [] },
  ];
}
