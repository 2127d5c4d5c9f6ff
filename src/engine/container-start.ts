/** Use case: a container's program begins. */
import { EngineError } from '../base/errors.ts';
import { nowNano, rfc3339Nano } from '../base/time.ts';
import { SIGKILL } from '../base/signals.ts';
import type { BegunPlan } from '../kernel/contract.ts';
import { signalProcess } from '../kernel/linux/process.ts';
import { inUserNamespace } from '../runtime/run-options.ts';
import type { Spec } from '../runtime/spec.ts';
import { withDeviceRequests } from './cdi.ts';
import { prepare, writeEtcFiles } from './container-prepare.ts';
import { emitContainer } from './container-events.ts';
import { containerRoot } from './container-root.ts';
import type { ContainerRecord } from './container-record.ts';
import { processId } from './process-id.ts';
import type { RunningProcess, RunStreams } from './contract.ts';
import type { EarlyStream } from './early-stream.ts';
import { emitMounts } from './volume-events.ts';
import { foundMounts } from './mount-points.ts';
import { linkVariables } from './links.ts';
import { endGroup, isClean, monitorGone, settleLost } from './lost.ts';
import type { EngineParts } from './parts.ts';
import { despiteOthers, startProcess } from './start-process.ts';

export interface StartOptions {
  readonly streams?: RunStreams | undefined;
  /** Let this process end while the program runs. */
  readonly detached: boolean;
}

/** Starts the program. The container must not run. What fails is remembered as its error. */
export async function startContainer(parts: EngineParts, record: ContainerRecord, options: StartOptions): Promise<RunningProcess> {
  const early = parts.live.takeEarly(record.id);
  try {
    return await attempt(parts, record, options, early);
  } catch (error) {
    const code = ((error as EngineError).detail as { exitCode?: number } | undefined)?.exitCode ?? 128;
    const kept = parts.store.note(record.id, {
      process: undefined,
      monitor: undefined,
      restarting: undefined,
      failure: { message: (error as Error).message, code },
    });
    parts.sandboxes.ended(record.id);
    for (const stream of early) stream.destroy();
    parts.live.startFailed(record.id);
    // somebody removed it meanwhile
    if (kept === undefined) throw new EngineError('not-found', `No such container: ${record.id}`, { cause: error });
    throw error;
  }
}

async function attempt(
  parts: EngineParts,
  given: ContainerRecord,
  { streams, detached }: StartOptions,
  early: readonly EarlyStream[],
): Promise<RunningProcess> {
  const { store, live } = parts;
  const { id } = given;
  const plain = await containerRoot(parts, given);
  const root = { ...plain, options: withDeviceRequests(plain.options, given.hostConfig.DeviceRequests) };
  const { options: found, peers: holders } = await foundMounts(parts, given, root.options);
  const { options } = root;
  // before it has places in networks: with the process of its last run on record, others would take those for free
  const now = store.load(id) ?? given;
  const fresh = now.startedAt !== undefined || now.failure !== undefined ? await anew(parts, now) : now;
  const sandbox = await parts.sandboxes.open(fresh, { ownUser: inUserNamespace(options) });
  let begun: BegunPlan | undefined;
  try {
    let { record } = sandbox;
    const { size } = streams ?? {};
    const known = { ...found, env: [...linkVariables(parts, record), ...found.env] };
    const { spec, plan, warnings } = prepare(parts, given, { ...root, options: known }, holders, {
      size,
      writable: given.image !== undefined,
      makeParents: true,
      fresh: fresh === now,
      networkPath: sandbox.path,
      begin: (first) => (begun = parts.runner.begin(first)),
    });
    writeEtcFiles(parts, record, options, spec);
    let attached: Promise<void> | undefined;
    const attach = () => (attached ??= sandbox.attach());
    if (changesInterfaces(spec)) await attach();
    const startedAt = rfc3339Nano(nowNano());
    live.began(id);
    // while it is being set up its process is on disk alone, and nobody finds what is not yet a container to look into or join
    const ahead = parts.owned && !inUserNamespace(options);
    let arrive: (() => ContainerRecord | undefined) | undefined;
    let removed = false;
    const start = () =>
      startProcess(parts, {
        ahead,
        plan,
        run: () => {
          const going = begun?.goOn(plan) ?? parts.runner.run(plan);
          begun = undefined;
          return going;
        },
        warnings,
        containerId: id,
        socket: store.paths(id).socket,
        tty: options.tty,
        streams,
        early,
        detached,
        meanwhile: async () => {
          const attaching = attach();
          try {
            store.saveSpec(id, spec);
          } finally {
            await attaching;
          }
        },
        onWaiting: async (pid, monitor) => {
          const maker = processId(process.pid);
          const change = {
            maker,
            process: processId(pid),
            monitor: processId(monitor),
            pending: undefined,
            restarting: undefined,
            previous: undefined,
            startedAt,
          };
          if (ahead) arrive = store.saveAhead(record, change);
          else store.save({ ...record, ...change });
          record = { ...record, ...change };
          await sandbox.arrived(change.process);
        },
        onRun: (clean) => {
          if (plan.ops.some(({ op }) => op === 'tell-exit')) live.leaves(id, clean);
        },
        onStarted: () => {
          const now = arrive === undefined ? record : arrive();
          if (now === undefined) {
            removed = true;
            return void signalProcess(record.process!.pid, record.process!.start, SIGKILL);
          }
          record = now;
          emitMounts(parts, record);
          emitContainer(parts, record, 'start');
        },
        onLost: () => settleLost(parts, record),
        onEnd: (ended) => parts.ended(id, ended),
      });
    const parents = () => void parts.cgroups?.containerParts(record.cgroupsPath, spec.linux?.resources ?? {}, true, { anew: true });
    const running = await despiteOthers(start, parents);
    if (removed) throw new EngineError('not-found', `No such container: ${id}`);
    sandbox.started();
    return running;
  } catch (error) {
    await begun?.giveUp();
    sandbox[Symbol.dispose]();
    live.forget(id);
    throw error;
  }
}

/** By name, or all that are there, or all that are to come. */
function changesInterfaces({ linux }: Spec): boolean {
  return Object.keys(linux?.sysctl ?? {}).some((name) => /^net[./][^./]+[./](conf|neigh)[./]/.test(name));
}

/** One that has run, or tried to, before: what is known of its end moves out of the way. */
async function anew(parts: EngineParts, before: ContainerRecord): Promise<ContainerRecord> {
  const { live, store } = parts;
  // its end may be written down and not have been heard of here: it is not to be taken for that of what starts now
  if (live.supervises(before.id)) await live.nextExit(before.id);
  await monitorGone(before.monitor);
  if (!isClean(parts, before.id)) await endGroup(parts, before.cgroupsPath);
  const record = store.load(before.id);
  if (record === undefined) throw new EngineError('not-found', `No such container: ${before.id}`);
  // it is restarting until its process is there
  const cleared = { process: undefined, monitor: undefined, paused: undefined, stopped: undefined, failure: undefined };
  const previous = store.exit(record.id) ?? record.previous;
  const fresh = { ...record, ...cleared, previous, finishedAt: previous?.exitedAt ?? record.finishedAt };
  store.save(fresh);
  store.forgetExit(record.id);
  return fresh;
}
