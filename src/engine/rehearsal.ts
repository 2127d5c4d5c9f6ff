/**
 * Lives of containers in which nothing happens: they are made, started, entered and removed by the engine's own code, in a
 * folder of their own, and only the kernel's part is left out. It is for what V8 makes of that code meanwhile.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { nanoOf } from '../base/time.ts';
import type { ExitRecord, PlanRunner, RunningPlan } from '../kernel/contract.ts';
import { encodePlan } from '../plan/encode.ts';
import type { Plan } from '../plan/ops.ts';
import { ContainerStore } from './container-store.ts';
import { containersOf } from './containers.ts';
import { EventBus } from './events.ts';
import { ExecTable } from './execs.ts';
import { LiveContainers } from './live.ts';
import type { Cgroups, EngineParts } from './parts.ts';
import type { Sandboxes } from './sandbox-contract.ts';
import { containerEnded } from './supervise.ts';

/** Above the highest pid that Linux gives (PID_MAX_LIMIT): a signal to it reaches nobody. */
const NOBODY = 2 ** 22 + 1;

export interface Rehearsal extends Disposable {
  /** One container from its creation to its removal, with an exec. */
  life(): Promise<void>;
}

/** `folder` is its own, made here and removed when it is disposed of. Nothing else of the machine is touched. */
export function openRehearsal(parts: EngineParts, folder: string): Rehearsal {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ends: (() => void)[] = [];
  const scratch: EngineParts = {
    ...parts,
    store: new ContainerStore(folder, { owned: true }),
    events: new EventBus(),
    live: new LiveContainers(),
    runner: pretending((end) => ends.push(end)),
    cgroups: parts.cgroups && untouched(parts.cgroups),
    sandboxes: NO_NETWORKS,
    ended: (id, exit) => containerEnded(scratch, id, exit),
    containerRoot: folder,
    owned: true,
  };
  const execs = new ExecTable(scratch);
  const containers = containersOf(scratch, execs);
  return {
    async life() {
      const HostConfig = { NetworkMode: 'none', Kobako: { Rootfs: { Path: '/', Overlay: true } } };
      const { Id } = await containers.create({ Cmd: ['true'], HostConfig });
      await containers.start(Id);
      const exec = await execs.create(Id, { Cmd: ['true'] });
      await execs.start(exec.Id, { detach: true });
      await execs.inspect(exec.Id);
      const waited = containers.wait(Id);
      for (const end of ends.splice(0)) end();
      await waited;
      await containers.remove(Id);
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** `began` is given what ends a container's program; that of an exec ends at once. */
function pretending(began: (end: () => void) => void): PlanRunner {
  const runner: PlanRunner = {
    begin(first) {
      encodePlan(first);
      return { goOn: (plan) => runner.run(plan), giveUp: async () => {} };
    },
    run(plan): RunningPlan {
      encodePlan(plan);
      const started = Promise.withResolvers<number>();
      const exited = Promise.withResolvers<ExitRecord>();
      const end = () => exited.resolve(endOf(plan));
      const isExec = plan.ops[0]?.op === 'pidfd-open';
      return {
        // it lives, as a monitor does
        pid: process.pid,
        cloned: Promise.resolve(NOBODY),
        waiting: Promise.resolve(NOBODY),
        started: started.promise,
        exited: exited.promise,
        clean: exited.promise.then(() => true),
        closed: Promise.resolve(),
        send() {
          started.resolve(NOBODY);
          if (isExec) end();
          else began(end);
        },
        abort: () => {},
        unref: () => {},
        ref: () => {},
      };
    },
    close: () => {},
  };
  return runner;
}

/** Written as the monitor does it. */
function endOf({ ops }: Plan): ExitRecord {
  const now = String(nanoOf(Date.now()));
  const record: ExitRecord = { pid: NOBODY, status: 0, signal: 0, startedAt: now, exitedAt: now, reports: {} };
  for (const op of ops) if (op.op === 'monitor') writeFileSync(op.exitPath, JSON.stringify(record));
  return record;
}

/** No folder is made. */
function untouched(cgroups: Cgroups): Cgroups {
  const { driver, files } = cgroups;
  return {
    driver,
    files,
    get abilities() {
      return cgroups.abilities;
    },
    containerParts: (path, resources) => cgroups.containerParts(path, resources, false),
    execParts: (path) => cgroups.execParts(path),
  };
}

const NO_NETWORKS: Sandboxes = {
  open: async (record) => ({ record, attach: async () => {}, arrived: async () => {}, started: () => {}, [Symbol.dispose]: () => {} }),
  ended: () => {},
  connect: async () => {},
  disconnect: async () => {},
  renamed: () => {},
  restore: () => {},
  close: async () => {},
};
