/** Use case: a further process in a running container. */
import { randomHex } from '../base/random-hex.ts';
import { rmSync } from 'node:fs';
import { EngineError } from '../base/errors.ts';
import { readInRoot } from '../kernel/linux/read-in-root.ts';
import { planExec } from '../runtime/exec-plan.ts';
import { allCapabilities, capabilitiesOf } from '../runtime/capabilities.ts';
import { withPrimary } from '../runtime/run-spec.ts';
import type { Process } from '../runtime/spec.ts';
import type { ResolvedUser } from '../runtime/contract.ts';
import { resolveUser } from '../runtime/users.ts';
import type { ContainerRecord } from './container-record.ts';
import type { ContainerExit, ExecOptions, RunningProcess, RunStreams } from './contract.ts';
import type { EarlyStream } from './early-stream.ts';
import type { EngineParts } from './parts.ts';
import { lostExit } from './lost.ts';
import { startProcess } from './start-process.ts';

/** Who follows the process, besides streams: those who came before it, and who wants to know its end. */
export interface ExecStreams extends RunStreams {
  readonly early?: readonly EarlyStream[];
  readonly onEnd?: (exit: ContainerExit) => void;
}

/** Starts the process; resolves when its program runs. `conflict` when the container does not run. */
export async function execInContainer(parts: EngineParts, record: ContainerRecord, options: ExecOptions, streams: ExecStreams): Promise<RunningProcess> {
  const { machine, store } = parts;
  if (store.info(record).state !== 'running' || record.process === undefined) {
    throw new EngineError('conflict', `container ${record.id} is not running`);
  }
  const { pid, start } = record.process;
  const spec = store.spec(record.id);
  const base = spec?.process;
  if (spec === undefined || base === undefined) throw new EngineError('internal', `container ${record.id} has no process in its spec`);
  const asked = options.user === undefined ? undefined : execUser(parts, record, options.user);
  const user = asked === undefined ? base.user : toSpecUser(asked, base.user?.umask);
  const process: Process = {
    ...base,
    terminal: options.tty ?? false,
    args: [...options.args],
    env: environment(base.env ?? [], record.config.Env ?? [], options, asked?.home),
    cwd: options.cwd ?? base.cwd,
    user,
    capabilities: capabilitiesOf(options.privileged ? allCapabilities(machine) : (base.capabilities?.bounding ?? []), user?.uid ?? 0),
  };
  const execId = randomHex(6);
  const socket = store.execSocket(record.id, execId);
  const { plan, warnings } = planExec({
    pid,
    start,
    container: { id: record.id, ociVersion: spec.ociVersion, bundle: store.paths(record.id).dir, annotations: spec.annotations },
    namespaces: (spec.linux?.namespaces ?? []).map((namespace) => namespace.type),
    process,
    // as in Docker, whatever it may do otherwise
    seccomp: spec.linux?.seccomp,
    machine,
    cgroup: parts.cgroups?.execParts(record.cgroupsPath, undefined, pid),
    stdio: options.tty
      ? { kind: 'pty', rows: (streams.size ?? options.size)?.rows ?? 24, cols: (streams.size ?? options.size)?.cols ?? 80 }
      : { kind: 'pipes', stdin: streams.stdin !== undefined || (streams.early?.some(({ choice }) => choice.stdin) ?? false) },
    monitor: {
      socket,
      log: undefined,
      exitPath: store.execPath(record.id, execId),
      recordUntold: true,
      spillDir: store.paths(record.id).dir,
      waitStart: true,
      stdinOnce: true,
      backpressure: options.detach !== true,
      leave: false,
      forwardSignals: false,
    },
  });
  return startProcess(parts, {
    plan,
    warnings,
    containerId: record.id,
    execId,
    socket,
    tty: options.tty ?? false,
    streams: options.detach || streams.early !== undefined ? undefined : streams,
    early: streams.early ?? [],
    detached: options.detach ?? false,
    ahead: true,
    onLost: () => {
      rmSync(socket, { force: true });
      return lostExit();
    },
    onEnd: streams.onEnd,
  });
}

/** The container's, then what is asked for, which replaces, or removes where it is a name alone; HOME is the user's own where nobody gave one. */
function environment(base: readonly string[], given: readonly string[], { tty, env = [] }: ExecOptions, home: string | undefined): string[] {
  const isHome = (entry: string) => entry.startsWith('HOME=');
  const ownHome = home !== undefined && !given.some(isHome) ? [`HOME=${home === '' ? '/' : home}`] : [];
  const all = [...base, ...ownHome, ...(tty ? ['TERM=xterm'] : []), ...env];
  return [...new Map(all.map((entry) => [entry.split('=', 1)[0]!, entry])).values()].filter((entry) => entry.includes('='));
}

/** Who `--user` is in the running container. `invalid` when it knows no such user or group. */
export function execUser({ store }: EngineParts, record: ContainerRecord, user: string): ResolvedUser {
  const pid = record.process?.pid;
  if (store.info(record).state !== 'running' || pid === undefined) throw new EngineError('conflict', `container ${record.id} is not running`);
  const root = `/proc/${pid}/root`;
  return resolveUser(user, { passwd: readInRoot(root, '/etc/passwd'), group: readInRoot(root, '/etc/group') });
}

function toSpecUser(user: { uid: number; gid: number; groups: readonly number[] }, umask: number | undefined): Process['user'] {
  return { uid: user.uid, gid: user.gid, additionalGids: withPrimary(user), umask };
}
