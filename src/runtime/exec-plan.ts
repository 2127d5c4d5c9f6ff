/** A further process in a running container, as a plan. */
import { CLONE_NEW, O, RESOLVE } from '../kernel/constants.ts';
import { invalid } from '../base/errors.ts';
import { TOKENS, type Op } from '../plan/ops.ts';
import { PlanBuilder } from './builder.ts';
import type { MachineFacts, MonitorSettings, PlanResult, Stdio } from './contract.ts';
import { labelsOf } from './labels.ts';
import { addDumpable, checkPeers } from './namespaces.ts';
import { addEarlyProcess, addKeyring, addProcess, type ProcessInput } from './process.ts';
import { addListener, type ListenerContainer } from './seccomp/listener.ts';
import type { NamespaceType, Process, Seccomp } from './spec.ts';
import { addContainerStdio, addMonitor, addMonitorEnds, addMonitorStdio } from './stdio.ts';

export interface ExecInput {
  readonly container: Omit<ListenerContainer, 'pid'>;
  /** The container's first process. The caller has made sure that this pid still is that process. */
  readonly pid: number;
  /** When it began, in clock ticks since boot: checked once a handle on it is open. */
  readonly start?: string;
  /** The namespaces that the container does not share with the host. */
  readonly namespaces: readonly NamespaceType[];
  readonly process: Process;
  readonly seccomp: Seccomp | undefined;
  readonly machine: MachineFacts;
  /** How the driver puts a process into the container's cgroups: operations before clone, after it, and a clone slot. */
  readonly cgroup: { readonly open: readonly Op[]; readonly join: readonly Op[]; readonly cloneSlot: string | undefined } | undefined;
  readonly stdio: Stdio;
  readonly monitor: MonitorSettings;
  readonly preserveFds?: number;
  /** The container's session keyring instead of the engine's; default true. */
  readonly newKeyring?: boolean;
}

/** The plan that joins a container's namespaces and cgroups through a pidfd, and runs a program under its rules. */
export function planExec(input: ExecInput): PlanResult {
  const { machine, stdio, monitor } = input;
  const builder = new PlanBuilder();
  const has = (type: NamespaceType) => input.namespaces.includes(type);
  const tty = stdio.kind === 'pty' || stdio.kind === 'console-socket';
  const process: ProcessInput = {
    process: input.process,
    seccomp: input.seccomp,
    machine,
    userNamespace: has('user'),
    tty,
    deathSignal: monitor.leave ? 0 : 9,
    preserveFds: input.preserveFds ?? 0,
    makeCwd: false,
  };
  if (tty && !has('mount')) throw invalid('a terminal needs a container with a mount namespace of its own');

  builder.monitor('pidfd-open', { into: 'init', pid: input.pid }, { subject: `container process ${input.pid}` });
  if (input.start !== undefined) checkPeers(builder, [{ pid: input.pid, start: input.start }]);
  if (input.cgroup) builder.ops.push(...input.cgroup.open);
  addMonitorStdio(builder, stdio, monitor);
  if (has('pid')) builder.monitor('setns', { slot: 'init', flags: CLONE_NEW.pid }, { why: 'children of the monitor begin there' });
  builder.monitor('clone', { flags: 0, cgroup: input.cgroup?.cloneSlot });

  if (!monitor.leave) builder.container('death-signal', { signal: 9 }, { why: 'nothing is left of it should the monitor be killed' });
  if (input.cgroup) builder.ops.push(...input.cgroup.join);
  addEarlyProcess(builder, process);
  builder.container('setsid', {}, { why: 'its own session: no signal of our terminal reaches it, and it cannot type into that (TIOCSTI)' });
  // by the host's /proc, which is still the one before us: no mount of the container's can lead the write astray
  for (const { path, text, subject } of labelsOf(input.process, machine, builder.warnings)) {
    builder.container('write-file', { path: `/proc/thread-self/${path}`, data: Buffer.from(text), resolve: 0 }, { subject });
  }
  addDumpable(builder);
  const flagsOf = (types: readonly NamespaceType[]) => types.reduce((flags, type) => flags | (has(type) ? CLONE_NEW[type] : 0), 0);
  const first = flagsOf(['ipc', 'uts', 'network', 'cgroup', 'time']);
  if (first !== 0) builder.container('setns', { slot: 'init', flags: first }, { why: 'while this process may enter them whoever owns them' });
  if (has('user')) {
    builder.container('setns', { slot: 'init', flags: CLONE_NEW.user });
    builder.container('groups', { gids: [] }, { ignore: ['EPERM'] });
    builder.container('user', { uid: 0, gid: 0 }, { why: 'root of the user namespace' });
    addDumpable(builder);
  }
  if (has('mount')) builder.container('setns', { slot: 'init', flags: CLONE_NEW.mount }, { why: "last: from here on every path is the container's" });
  builder.container('close', { slot: 'init' });
  if (input.newKeyring !== false) addKeyring(builder, input.container.id);
  if (tty) {
    const [rows, cols] = [stdio.rows, stdio.cols];
    const note = { subject: 'terminal', why: "from the container's devpts; pty-open refuses anything else found there" };
    builder.container('open', { into: 'pts', path: '/dev/pts', flags: O.PATH | O.CLOEXEC, mode: 0, resolve: RESOLVE.NO_MAGICLINKS }, note);
    builder.container('pty-open', { master: 'pty', slave: 'tty', dir: 'pts', path: 'ptmx', rows, cols, uid: input.process.user?.uid ?? 0 }, note);
    builder.container('close', { slot: 'pts' });
  }
  addContainerStdio(builder, stdio);
  const wait = () => {
    if (!monitor.waitStart) return;
    builder.container('post', { token: TOKENS.created });
    builder.container('wait', { token: TOKENS.start }, { why: 'until its user is attached' });
  };
  const listener = addProcess(builder, process, { wait, beforeExec: () => {} });
  addMonitorEnds(builder, stdio);
  if (listener) addListener(builder, input.seccomp!, { ...input.container, pid: input.pid });
  addMonitor(builder, stdio, monitor);
  return { plan: { ops: builder.ops }, warnings: builder.warnings };
}
