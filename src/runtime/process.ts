/** The last part of a plan: who the process is and what it may do. The order matters, and says why. */
import { RLIMITS } from '../kernel/constants.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { PlanBuilder } from './builder.ts';
import { capabilitySets, type CapabilitySets } from './capabilities.ts';
import type { MachineFacts } from './contract.ts';
import type { Process } from './spec.ts';
import { compileSeccomp } from './seccomp/compile.ts';
import type { Seccomp } from './spec.ts';

export interface ProcessInput {
  readonly process: Process;
  readonly seccomp: Seccomp | undefined;
  readonly machine: MachineFacts;
  readonly userNamespace: boolean;
  /** A pty's slave is in slot `tty`. */
  readonly tty: boolean;
  readonly deathSignal: number;
  readonly preserveFds: number;
  /** Make the working folder where it is missing. */
  readonly makeCwd: boolean;
}

const SCHED_POLICIES: Readonly<Record<string, number>> = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
};
const SCHED_FLAGS: Readonly<Record<string, number>> = {
  SCHED_FLAG_RESET_ON_FORK: 1,
  SCHED_FLAG_RECLAIM: 2,
  SCHED_FLAG_DL_OVERRUN: 4,
  SCHED_FLAG_KEEP_POLICY: 8,
  SCHED_FLAG_KEEP_PARAMS: 16,
  SCHED_FLAG_UTIL_CLAMP_MIN: 32,
  SCHED_FLAG_UTIL_CLAMP_MAX: 64,
};
const IO_CLASSES: Readonly<Record<string, number>> = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 };

/** A session keyring of the container's own: the keys of whoever started the engine are not the container's. */
export function addKeyring(builder: PlanBuilder, containerId: string): void {
  const note = { subject: 'session keyring', why: "the engine's keys stay its own", ignore: ['ENOSYS'] };
  builder.container('session-keyring', { name: `_ses.${containerId}` }, note);
}

/** What can be set while the process is still fully privileged and has the host's /proc before it. */
export function addEarlyProcess(builder: PlanBuilder, input: ProcessInput): void {
  const { process } = input;
  if (process.oomScoreAdj !== undefined) {
    const data = Buffer.from(String(process.oomScoreAdj));
    // lowering it needs CAP_SYS_RESOURCE, which the engine may lack: then it stays as it is
    builder.container('write-file', { path: '/proc/self/oom_score_adj', data, resolve: 0 }, { subject: 'oom score', ignore: ['EACCES', 'EPERM'] });
  }
  const { scheduler, ioPriority } = process;
  if (scheduler !== undefined) {
    const policy = SCHED_POLICIES[scheduler.policy];
    if (policy === undefined) throw invalid(`scheduler policy ${scheduler.policy} is unknown`);
    let flags = 0;
    for (const name of scheduler.flags ?? []) {
      if (SCHED_FLAGS[name] === undefined) throw invalid(`scheduler flag ${name} is unknown`);
      flags |= SCHED_FLAGS[name];
    }
    const { nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler;
    builder.container('scheduler', { policy, flags, nice, priority, runtime, deadline, period }, { subject: `scheduler ${scheduler.policy}` });
  }
  if (ioPriority !== undefined) {
    const ioClass = IO_CLASSES[ioPriority.class];
    if (ioClass === undefined) throw invalid(`io priority class ${ioPriority.class} is unknown`);
    builder.container('ioprio', { value: (ioClass << 13) | (ioPriority.priority ?? 0) }, { subject: `io priority ${ioPriority.class}` });
  }
  const cpus = process.execCPUAffinity?.final ?? process.execCPUAffinity?.initial;
  if (cpus !== undefined && cpus !== '') builder.container('affinity', { mask: cpuMask(cpus) }, { subject: `cpu affinity ${cpus}` });
}

/**
 * From the change of folder to exec. `beforeExec` adds what runs when all is set but the program not yet started. Gives
 * whether the seccomp filter has a listener, which the monitor must then hand over (`addListener`).
 */
export function addProcess(builder: PlanBuilder, input: ProcessInput, steps: { wait: () => void; beforeExec: () => void }): boolean {
  const { process, machine } = input;
  const [command] = process.args ?? [];
  if (command === undefined) throw invalid('no command is given: process.args is empty');
  // runc looks for it, and finds nothing
  if (command === '') throw new EngineError('invalid', 'exec: "": executable file not found in $PATH', { detail: { exitCode: 127 } });
  const env = process.env ?? [];
  const path = env.findLast((entry) => entry.startsWith('PATH='))?.slice(5) ?? '';
  const user = process.user ?? { uid: 0, gid: 0 };
  const sets = capabilitySets(process, machine, input.userNamespace, builder);
  const filter = input.seccomp === undefined ? undefined : compileSeccomp(input.seccomp, { arch: machine.arch });
  if (filter) builder.warnings.push(...filter.warnings);
  const seccomp = () => {
    if (filter === undefined) return;
    builder.container('seccomp', { filter: filter.filter, flags: filter.flags }, { subject: 'seccomp profile', why: 'only these system calls from here on' });
  };

  builder.container('cwd', { path: process.cwd, mode: input.makeCwd ? 0o755 : 0 }, { subject: `working folder ${process.cwd}` });
  builder.container(
    'check-exec',
    { file: command, path },
    { subject: `exec: ${JSON.stringify(command)}`, why: 'so that a missing program shows before start' },
  );
  if (input.tty) {
    builder.container('set-ctty', { slot: 'tty' }, { why: '^C and job control reach the container' });
    builder.container('stdio', { stdin: 'tty', stdout: 'tty', stderr: 'tty' });
  }
  addRlimits(builder, process, machine);
  builder.container('umask', { mask: user.umask ?? 0o022 });
  // with a listener the filter comes before `start`, as with runc: who made the container learns whether somebody answers
  const listener = filter?.listener === true;
  if (!listener) steps.wait();
  builder.container('close-fds', { from: 3 + input.preserveFds }, { why: 'no fd of the engine reaches the program (CVE-2024-21626)' });
  const early = process.noNewPrivileges !== true;
  builder.container('cap-bound', { mask: sets.bounding }, { why: 'what no exec can bring back' });
  if (early) seccomp();
  addIdentity(builder, user, sets, input);
  if (process.noNewPrivileges) builder.container('no-new-privs', {}, { why: 'setuid programs gain nothing' });
  if (!early) seccomp();
  if (listener) steps.wait();
  steps.beforeExec();
  builder.container('exec', { argv: process.args ?? [], env, path }, { subject: `exec: ${JSON.stringify(command)}` });
  return listener;
}

function addIdentity(builder: PlanBuilder, user: NonNullable<Process['user']>, sets: CapabilitySets, input: ProcessInput): void {
  const subject = `user ${user.username ?? `${user.uid}:${user.gid}`}`;
  builder.container('keep-caps', {}, { why: 'else the change of user drops them before they can be set' });
  builder.container('groups', { gids: user.additionalGids ?? [] }, { subject, ignore: input.userNamespace ? ['EPERM'] : [] });
  builder.container('user', { uid: user.uid, gid: user.gid }, { subject });
  builder.container('cap-set', { effective: sets.effective, permitted: sets.permitted, inheritable: sets.inheritable });
  builder.container('cap-ambient', { mask: sets.ambient });
  if (input.deathSignal !== 0) {
    builder.container('death-signal', { signal: input.deathSignal }, { why: 'a container does not outlive its monitor' });
  }
}

function addRlimits(builder: PlanBuilder, process: Process, machine: MachineFacts): void {
  const lowered: string[] = [];
  for (const limit of process.rlimits ?? []) {
    const resource = RLIMITS.indexOf(limit.type as (typeof RLIMITS)[number]);
    if (resource < 0) throw invalid(`rlimit ${limit.type} is unknown`);
    const infinity = 2n ** 64n - 1n;
    const of = (value: number) => (value < 0 || value >= 2 ** 63 ? infinity : BigInt(value));
    let [soft, hard] = [of(limit.soft), of(limit.hard)];
    if (soft > hard) throw invalid(`rlimit ${limit.type}: the soft limit ${limit.soft} is above the hard limit ${limit.hard}`);
    const highest = machine.hardLimits[limit.type];
    const mayRaise = (machine.permittedCaps >> 24n) & 1n;
    if (highest !== undefined && hard > highest && !mayRaise) {
      lowered.push(`${limit.type} to ${highest}`);
      hard = highest;
      if (soft > hard) soft = hard;
    }
    builder.container('rlimit', { resource, soft, hard }, { subject: `rlimit ${limit.type}` });
  }
  if (lowered.length > 0) {
    builder.warnings.push(`without CAP_SYS_RESOURCE a hard limit cannot be raised: ${lowered.join(', ')}`);
  }
}

/** A list of processors, as `0-3,7`, as the bytes of sched_setaffinity(2). */
export function cpuMask(list: string): Uint8Array {
  const mask = new Uint8Array(128);
  for (const part of list.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (match === null || last < first || last >= 1024) throw invalid(`cpu list ${JSON.stringify(list)} is not like 0-3,7`);
    for (let cpu = first; cpu <= last; cpu++) mask[cpu >> 3]! |= 1 << (cpu & 7);
  }
  return mask;
}
