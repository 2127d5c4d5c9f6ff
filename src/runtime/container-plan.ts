/** An OCI spec as a plan: the order of everything that makes a container. */
import { SIGKILL } from '../base/signals.ts';
import { CLONE_NEW, O, RESOLVE, S_IFIFO } from '../kernel/constants.ts';
import { invalid } from '../base/errors.ts';
import { TOKENS, type Op, type Plan } from '../plan/ops.ts';
import { PlanBuilder } from './builder.ts';
import type { CgroupParts, ContainerInput, MonitorSettings, PlanResult } from './contract.ts';
import { addDevices, addNull, addTerminal } from './devices.ts';
import { closeTrees, openTrees, type EarlyTrees } from './early-trees.ts';
import { labelsOf } from './labels.ts';
import { withUserMarks } from './layers.ts';
import { addMount, placeOf, plainProc, type EarlyProc, type MountContext } from './mounts.ts';
import {
  addDumpable,
  addIdMaps,
  addJoins,
  addMonitorNamespaces,
  checkPeers,
  cloneFlags,
  closeJoins,
  namespacesOf,
  openJoins,
  type Namespaces,
} from './namespaces.ts';
import { addEarlyProcess, addKeyring, addProcess, type ProcessInput } from './process.ts';
import { addMarks, addPivot, addReadonlyRoot, addRoot, openRootFolder } from './root.ts';
import { addListener } from './seccomp/listener.ts';
import type { Hook, Mount, Spec } from './spec.ts';
import { addContainerStdio, addMonitor, addMonitorEnds, addMonitorStdio } from './stdio.ts';

const UMASK: Op = { op: 'umask', side: 'monitor', mask: 0, why: 'modes in this plan mean what they say' };

/** What a container's plan begins with: its cgroups take the helper as long as the rest of the plan takes us. */
export function planBeginning({ create, cleanup }: CgroupParts): Plan {
  return { ops: [UMASK, ...create, ...cleanup.filter(({ op }) => op === 'rmdir')], more: true };
}

/** The plan of a container's whole life. Throws `invalid` for a spec that makes no sense. */
export function planContainer(given: ContainerInput): PlanResult {
  const { spec, machine, cgroup } = given;
  if (spec.process === undefined) throw invalid('the spec has no process');
  const builder = new PlanBuilder();
  const namespaces = namespacesOf(spec.linux, machine);
  const userNamespace = namespaces.fresh.has('user') || namespaces.joined.has('user');
  const input = userNamespace ? { ...given, root: withUserMarks(given.root) } : given;
  const tty = input.stdio.kind === 'pty' || input.stdio.kind === 'console-socket';
  const process: ProcessInput = {
    process: spec.process,
    seccomp: spec.linux?.seccomp,
    machine,
    userNamespace,
    tty,
    deathSignal: input.monitor.leave ? 0 : SIGKILL,
    preserveFds: input.preserveFds ?? 0,
    makeCwd: true,
  };

  // before clone: what the monitor keeps, and what begins with a child
  push(builder, [UMASK, ...(cgroup?.create ?? [])]);
  const mounts = mountsOf(input);
  const joins = openJoins(builder, namespaces);
  const trees = openTrees(builder, input, namespaces, joins, namespaces.fresh.has('mount') ? mounts : []);
  checkPeers(builder, input.peers ?? []);
  if (input.startFifo !== undefined) {
    builder.monitor('mknod', { path: input.startFifo, mode: S_IFIFO | 0o600, dev: 0 }, { subject: 'start fifo' });
    const note = { why: 'opened both ways: it never ends, and a writer finds a reader only while the container waits' };
    builder.monitor('open', { into: 'start-fifo', path: input.startFifo, flags: O.RDWR | O.CLOEXEC, mode: 0, resolve: 0 }, note);
  }
  addMonitorStdio(builder, input.stdio, input.monitor);
  addMonitorNamespaces(builder, namespaces, spec.linux, joins);
  builder.monitor(
    'clone',
    { flags: cloneFlags(namespaces), cgroup: cgroup?.cloneSlot, user: joins.get('user') },
    { why: `a new process with its own ${[...namespaces.fresh].join(', ') || 'nothing'}` },
  );
  closeJoins(builder, joins);
  closeTrees(builder, trees);

  // the container's process
  if (!input.monitor.leave) builder.container('death-signal', { signal: SIGKILL }, { why: 'nothing is left of it should the monitor be killed' });
  push(builder, cgroup?.join);
  addEarlyProcess(builder, process);
  addDumpable(builder);
  const ownMounts = namespaces.fresh.has('mount');
  const beforeRoot = () => {
    if (ownMounts) openRootFolder(builder, input.root);
  };
  addJoins(builder, namespaces, joins, beforeRoot);
  if (namespaces.fresh.has('user')) addIdMaps(builder, spec.linux, TOKENS.idMapped, beforeRoot);
  if (!userNamespace) beforeRoot();
  if (namespaces.fresh.has('cgroup')) {
    builder.container('unshare', { flags: CLONE_NEW.cgroup }, { why: 'rooted at its own cgroup' });
  }
  builder.container('setsid', {}, { why: 'its own session: no signal of our terminal reaches it, and it cannot type into that (TIOCSTI)' });
  if (input.newKeyring !== false) addKeyring(builder, input.id);
  const earlyProc = addSystem(builder, spec, namespaces, ownMounts ? plainProc(mounts, input.special) : undefined);
  if (ownMounts) addFileSystems(builder, input, userNamespace, { trees, mounts, earlyProc });
  else addWithoutMountNamespace(builder, input);
  addContainerStdio(builder, input.stdio);
  const personality = spec.linux?.personality;
  if (personality !== undefined) {
    const persona = ({ LINUX: 0, LINUX32: 8 } as Record<string, number>)[personality.domain];
    if (persona === undefined) throw invalid(`personality ${personality.domain} is unknown`);
    builder.container('personality', { persona });
  }
  const listener = addProcess(builder, process, {
    wait: () => addStartWait(builder, input),
    beforeExec: () => addHooks(builder, input, spec.hooks?.startContainer, 'startContainer', 'created'),
  });
  addLabels(builder, input);
  addMonitorTail(builder, input, spec, listener);
  addCleanup(builder, cgroup?.cleanup ?? [], input.monitor);
  return { plan: { ops: builder.ops }, warnings: builder.warnings };
}

function push(builder: PlanBuilder, ops: readonly Op[] | undefined): void {
  if (ops !== undefined) builder.ops.push(...ops);
}

function addCleanup(builder: PlanBuilder, ops: readonly Op[], { tellFirst = false }: MonitorSettings): void {
  const told = tellFirst ? ops.findIndex(({ op }) => op === 'rmdir') : -1;
  push(builder, ops.slice(0, Math.max(0, told)));
  if (told >= 0) builder.cleanup('tell-exit', {}, { why: 'nothing runs any more: nobody has to wait until its cgroups are gone' });
  push(builder, ops.slice(Math.max(0, told)));
}

/** `procMount`: what of the mounts may show the /proc that is made here; gives it back with its slot. */
function addSystem(builder: PlanBuilder, spec: Spec, namespaces: Namespaces, procMount: Mount | undefined): EarlyProc | undefined {
  const sysctl = Object.entries(spec.linux?.sysctl ?? {});
  let early: EarlyProc | undefined;
  if (sysctl.length > 0) {
    // a /proc of our own that nothing is mounted over: a write cannot be led astray (CVE-2025-52881)
    const source: readonly (readonly [string, string])[] = procMount?.source ? [['source', procMount.source]] : [];
    const proc = builder.fileSystem('proc', source, 0, { why: 'a /proc that no image or mount has touched' });
    for (const [key, value] of sysctl) {
      checkSysctl(key, namespaces);
      builder.container(
        'write-file',
        { dir: proc, path: `sys/${sysctlPath(key)}`, data: Buffer.from(value), resolve: RESOLVE.BENEATH | RESOLVE.NO_XDEV | RESOLVE.NO_SYMLINKS },
        { subject: `sysctl ${key}=${value}` },
      );
    }
    // to give up a mount costs an RCU grace period
    if (procMount === undefined) builder.container('close', { slot: proc });
    else early = { mount: procMount, slot: proc };
  }
  if (spec.hostname) {
    if (!namespaces.fresh.has('uts') && !namespaces.joined.has('uts')) throw invalid('a hostname needs a uts namespace of its own');
    builder.container('sethostname', { name: spec.hostname }, { subject: `hostname ${spec.hostname}` });
  }
  if (spec.domainname) builder.container('setdomainname', { name: spec.domainname }, { subject: `domainname ${spec.domainname}` });
  if (namespaces.fresh.has('network')) builder.container('link-up', { name: 'lo' }, { why: '127.0.0.1 works' });
  return early;
}

/** `net.ipv4.ip_forward` and `net/ipv4/ip_forward` name the same file; a dot after a slash form belongs to a name. */
function sysctlPath(key: string): string {
  const slash = key.indexOf('/');
  const dot = key.indexOf('.');
  return slash >= 0 && (dot < 0 || slash < dot) ? key : key.replaceAll('.', '\u0000').replaceAll('/', '.').replaceAll('\u0000', '/');
}

/** Refuses what would change the host: the check and the lists of moby and runc. */
function checkSysctl(key: string, namespaces: Namespaces): void {
  const name = sysctlPath(key).replaceAll('/', '.');
  const own = (type: 'ipc' | 'network' | 'uts' | 'user') => namespaces.fresh.has(type) || namespaces.joined.has(type);
  const ipc = /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\..+)$/.test(name);
  const allowed =
    (ipc && own('ipc')) ||
    (name.startsWith('net.') && own('network')) ||
    ((name === 'kernel.domainname' || name === 'kernel.hostname') && own('uts')) ||
    (name.startsWith('user.') && own('user'));
  if (!allowed || /(^|\/)\.\.(\/|$)/.test(sysctlPath(key))) throw invalid(`sysctl ${JSON.stringify(key)} is not in a separate kernel namespace`);
}

/** The spec's mounts, and the reaper's. */
function mountsOf({ spec, initPath }: ContainerInput): readonly Mount[] {
  const mounts = spec.mounts ?? [];
  for (const { destination } of mounts) if (typeof destination !== 'string' || destination === '') throw invalid('a mount has no destination');
  if (initPath === undefined) return mounts;
  return [...mounts, { destination: '/sbin/docker-init', type: 'bind', source: initPath, options: ['bind', 'ro'] }];
}

interface MountsToMake {
  readonly trees: EarlyTrees;
  readonly mounts: readonly Mount[];
  readonly earlyProc: EarlyProc | undefined;
}

function addFileSystems(builder: PlanBuilder, input: ContainerInput, userNamespace: boolean, { trees, mounts, earlyProc }: MountsToMake): void {
  const { spec, machine, bundle } = input;
  const root = addRoot(builder, input.root, spec.linux?.rootfsPropagation, machine, trees.root);
  const context: MountContext = {
    builder,
    machine,
    cgroup: input.cgroup,
    root,
    bundle,
    trees: trees.mounts,
    special: input.special,
    images: trees.images,
    kernelMounts: [],
    earlyProc,
  };
  if (input.marked === true && input.root.kind === 'overlay') addMarks(builder, root);
  for (const mount of mounts) addMount(context, mount);
  const ownDev = mounts.some(
    (mount) => mount.destination.replace(/\/+$/, '') === '/dev' && !mount.options?.includes('bind') && !mount.options?.includes('rbind'),
  );
  addDevices(builder, root, spec.linux?.devices ?? [], { bind: userNamespace, ownDev });
  if (input.stdio.kind === 'pty' || input.stdio.kind === 'console-socket') {
    addTerminal(builder, root, input.stdio, spec.process?.user?.uid ?? 0);
  }
  addRuntimeHooks(builder, input);
  addHooks(builder, input, spec.hooks?.createContainer, 'createContainer', 'creating');
  for (const path of spec.linux?.readonlyPaths ?? []) {
    builder.container('readonly-path', placeOf(context, path), { subject: `read-only path ${path}` });
  }
  const masked = spec.linux?.maskedPaths ?? [];
  if (masked.length > 0) {
    addNull(builder, 'container', 'null-file', O.PATH);
    for (const path of masked) builder.container('mask-path', { ...placeOf(context, path), file: 'null-file' }, { subject: `masked path ${path}` });
    builder.container('close', { slot: 'null-file' });
  }
  for (const { slot } of context.kernelMounts) builder.container('close', { slot });
  if (spec.root?.readonly) addReadonlyRoot(builder, root);
  addPivot(builder, root, input.noPivot === true);
  builder.container('close', { slot: root });
}

function addWithoutMountNamespace(builder: PlanBuilder, input: ContainerInput): void {
  if ((input.spec.mounts ?? []).length > 0) throw invalid('mounts need a mount namespace of their own');
  if (input.stdio.kind === 'pty' || input.stdio.kind === 'console-socket') throw invalid('a terminal needs a mount namespace of its own');
  if (input.root.kind !== 'dir') throw invalid('an overlay needs a mount namespace of its own');
  addRuntimeHooks(builder, input);
  builder.container('open', { into: 'root', path: input.root.path, flags: O.PATH | O.CLOEXEC, mode: 0, resolve: 0 });
  builder.container('chroot', { root: 'root' });
}

/** prestart and createRuntime run outside, when the namespaces are there and before pivot_root. */
function addRuntimeHooks(builder: PlanBuilder, input: ContainerInput): void {
  const { hooks } = input.spec;
  if (!hooks?.prestart?.length && !hooks?.createRuntime?.length) return;
  builder.container('post', { token: TOKENS.ready });
  builder.monitor('wait', { token: TOKENS.ready }, { why: 'the namespaces and mounts are ready' });
  builder.monitor('host-sync', { name: 'createRuntime' }, { why: 'the hooks prestart and createRuntime run now' });
  builder.monitor('post', { token: TOKENS.hooks });
  builder.container('wait', { token: TOKENS.hooks });
}

function addHooks(builder: PlanBuilder, input: ContainerInput, hooks: readonly Hook[] | undefined, name: string, status: string): void {
  for (const [index, hook] of (hooks ?? []).entries()) {
    const { spec, id, bundle } = input;
    const state = JSON.stringify({ ociVersion: spec.ociVersion, id, status, pid: 0, bundle, annotations: spec.annotations });
    const at = state.indexOf('"pid":0') + 6;
    builder.container(
      'hook',
      {
        path: hook.path,
        args: hook.args ?? [hook.path],
        env: hook.env ?? [],
        timeoutMs: (hook.timeout ?? 0) * 1000,
        head: Buffer.from(state.slice(0, at)),
        tail: Buffer.from(state.slice(at + 1)),
      },
      { subject: `${name} hook #${index} ${hook.path}` },
    );
  }
}

/** Written through a /proc of our own, after the last hook and before the root is gone. */
function addLabels(builder: PlanBuilder, input: ContainerInput): void {
  for (const { path, text, subject } of labelsOf(input.spec.process, input.machine, builder.warnings)) {
    const inserted = new PlanBuilder('label');
    const proc = inserted.fileSystem('proc', [], 0, { subject, why: 'a /proc that no image or mount has touched (CVE-2019-16884)' });
    const resolve = RESOLVE.BENEATH | RESOLVE.NO_XDEV | RESOLVE.NO_MAGICLINKS;
    inserted.container('write-file', { dir: proc, path: `thread-self/${path}`, data: Buffer.from(text), resolve }, { subject });
    inserted.container('close', { slot: proc });
    const at = builder.ops.findIndex((op) => op.op === 'pivot-root' || op.op === 'chroot');
    builder.ops.splice(at, 0, ...inserted.ops);
  }
}

function addStartWait(builder: PlanBuilder, input: ContainerInput): void {
  if (input.startFifo !== undefined) {
    builder.container('post', { token: TOKENS.created });
    builder.container('read-byte', { slot: 'start-fifo' }, { why: 'until start is asked for' });
  } else if (input.monitor.waitStart) {
    builder.container('post', { token: TOKENS.created });
    builder.container('wait', { token: TOKENS.start }, { why: 'until start is asked for' });
  }
}

function addMonitorTail(builder: PlanBuilder, input: ContainerInput, spec: Spec, listener: boolean): void {
  const { stdio, monitor } = input;
  addMonitorEnds(builder, stdio);
  if (listener) addListener(builder, spec.linux!.seccomp!, { ociVersion: spec.ociVersion, id: input.id, bundle: input.bundle, annotations: spec.annotations });
  const waitStart = monitor.waitStart && input.startFifo === undefined;
  if (monitor.holdMounts) builder.monitor('hold-mounts', {}, { why: 'to give them up takes longer than the end itself, which is not to wait for that' });
  addMonitor(builder, stdio, { ...monitor, waitStart });
}
