/** A machine and inputs as data, for the tests of the planners. */
import { CAPABILITIES } from '../../src/kernel/constants.ts';
import type { Op, OpName, OpOf } from '../../src/plan/ops.ts';
import { PlanBuilder } from '../../src/runtime/builder.ts';
import type { ContainerInput, MachineFacts, MonitorSettings } from '../../src/runtime/contract.ts';
import { defaultSpec } from '../../src/runtime/default-spec.ts';
import { DEFAULT_RUN, type RunOptions } from '../../src/runtime/run-options.ts';
import type { RunContext } from '../../src/runtime/run-spec.ts';
import type { Spec } from '../../src/runtime/spec.ts';

export const ALL_CAPS = (1n << BigInt(CAPABILITIES.length)) - 1n;

/** A roomy machine: everything is there, everything may be done. `/f…` are files, `/missing…` nothing, the rest folders. */
export function machine(facts: Partial<MachineFacts> = {}): MachineFacts {
  return {
    arch: 'x86_64',
    kernel: '6.18',
    lastCap: CAPABILITIES.length - 1,
    permittedCaps: ALL_CAPS,
    hardLimits: {},
    apparmor: false,
    selinux: false,
    namespaces: new Set(['pid', 'net', 'mnt', 'ipc', 'uts', 'user', 'cgroup', 'time']),
    device: (path) => (path === '/dev/zero' ? { type: 'c', major: 1, minor: 5, mode: 0o666 } : undefined),
    kind: (path) => (path.startsWith('/missing') ? 'missing' : path.startsWith('/f') ? 'file' : 'dir'),
    mountPoint: () => '/',
    idmap: () => true,
    ...facts,
  };
}

export const MONITOR: MonitorSettings = {
  socket: '/s',
  log: undefined,
  exitPath: '',
  spillDir: '/d',
  waitStart: true,
  stdinOnce: false,
  backpressure: false,
  leave: false,
  forwardSignals: false,
};

/** A default container that runs `true`; `change` changes its spec. */
export function containerInput(change: (spec: Spec) => void = () => {}, more: Partial<ContainerInput> = {}): ContainerInput {
  const spec = defaultSpec();
  spec.process!.args = ['true'];
  change(spec);
  return {
    id: 'c1',
    spec,
    root: { kind: 'dir', path: '/images/root' },
    machine: machine(),
    cgroup: undefined,
    stdio: { kind: 'pipes', stdin: false },
    monitor: MONITOR,
    bundle: '/bundle',
    ...more,
  };
}

export function runOptions(options: Partial<RunOptions> = {}): RunOptions {
  return { ...DEFAULT_RUN, args: ['true'], ...options };
}

export function runContext(context: Partial<RunContext> = {}): RunContext {
  return {
    id: '0123456789abcdef',
    machine: machine(),
    user: { uid: 0, gid: 0, groups: [], home: '/root' },
    files: { hostname: '/c/hostname', hosts: '/c/hosts', resolvConf: '/c/resolv.conf' },
    cgroupsPath: '/kobako/x',
    joined: () => 77,
    hostDevices: () => ['/dev/zero'],
    ...context,
  };
}

/** All operations of one kind. */
export function opsOf<K extends OpName>(ops: readonly Op[], name: K): OpOf<K>[] {
  return ops.filter((op): op is OpOf<K> & Op => op.op === name);
}

/** The position of the first operation that fits; a test fails where there is none. */
export function at(ops: readonly Op[], name: OpName, fits: (op: never) => boolean = () => true): number {
  const index = ops.findIndex((op) => op.op === name && fits(op as never));
  if (index < 0) throw new Error(`no operation ${name} in: ${ops.map((op) => op.op).join(' ')}`);
  return index;
}

/** The operations that `add` puts into an empty plan. */
export function built(add: (builder: PlanBuilder) => unknown): { ops: readonly Op[]; warnings: readonly string[] } {
  const builder = new PlanBuilder();
  add(builder);
  return builder;
}
