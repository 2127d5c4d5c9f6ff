/** Puts the engine together on this machine. */
import { existsSync, realpathSync } from 'node:fs';
import { EngineError } from '../base/errors.ts';
import type { ExitRecord } from '../kernel/contract.ts';
import { LinuxPlanRunner } from '../kernel/linux/helper.ts';
import { machineFacts } from '../kernel/linux/machine.ts';
import { askOnce } from '../kernel/linux/monitor-client.ts';
import { signalProcess } from '../kernel/linux/process.ts';
import { pump } from './attach.ts';
import { openCgroups } from './cgroups.ts';
import { execInContainer } from './container-exec.ts';
import { planRun, runContainer } from './container-run.ts';
import { ContainerStore, type ContainerRecord } from './container-store.ts';
import type { Engine, EngineOptions } from './contract.ts';
import { explainPlan, planJson } from '../runtime/explain.ts';
import type { EngineParts } from './parts.ts';
import { readLog } from './logs.ts';
import { attachTo, processHandle } from './start-process.ts';

const DEFAULT_STATE = '/run/kobako';

/** Opens the engine. Reads facts about the machine, starts nothing. */
export function openEngine(options: EngineOptions = {}): Engine {
  const helper = options.helper ?? findHelper();
  const store = new ContainerStore(options.stateDir ?? process.env['KOBAKO_STATE_DIR'] ?? DEFAULT_STATE);
  const parts: EngineParts = { machine: machineFacts(), runner: new LinuxPlanRunner(helper), store, cgroups: openCgroups(), helper };
  for (const record of store.sweep()) parts.cgroups?.driver.remove(parts.cgroups.files, record.cgroupsPath);

  const wait = async (record: ContainerRecord): Promise<ExitRecord> => {
    const { socket } = store.paths(record.id);
    const told = await askOnce(socket, 'wait').catch(() => undefined);
    if (told !== undefined) return JSON.parse(told) as ExitRecord;
    const known = store.exit(record.id);
    if (known !== undefined) return known;
    throw new EngineError('internal', `container ${record.id} ended without a record: its monitor was killed`);
  };
  const gone = (record: ContainerRecord) => store.info(record).state !== 'running';
  const kill = (record: ContainerRecord, signal: number) => {
    if (record.process === undefined || !signalProcess(record.process.pid, record.process.start, signal)) {
      throw new EngineError('conflict', `container ${record.id} is not running`);
    }
  };

  return {
    plan: (run) => {
      const { plan, spec, warnings } = planRun(parts, run);
      return { plan, spec, warnings, text: () => explainPlan(plan), json: () => planJson(plan) };
    },
    run: (run, streams) => runContainer(parts, run, streams),
    exec: async (container, exec, streams = {}) => execInContainer(parts, store.find(container), exec, streams),
    attach: async (container, streams) => {
      const record = store.find(container);
      if (gone(record)) throw new EngineError('conflict', 'You cannot attach to a stopped container, start it first');
      const { socket: path } = store.paths(record.id);
      const socket = await attachTo(path, streams);
      const exited = () => wait(record);
      const attached = pump(socket, streams, record.tty).then(async (how) => (how === 'detached' ? { kind: how } : { kind: how, record: await exited() }));
      return processHandle({ containerId: record.id, pid: record.process!.pid, socket: path, warnings: [], exited, attached });
    },
    list: async () =>
      store
        .all()
        .map((record) => store.info(record))
        .sort((a, b) => b.createdAt - a.createdAt),
    find: async (container) => store.info(store.find(container)),
    kill: async (container, signal) => kill(store.find(container), signal),
    stop: async (container, timeout) => {
      const record = store.find(container);
      if (gone(record)) return;
      kill(record, record.stopSignal);
      const late = setTimeout(() => gone(record) || kill(record, 9), (timeout ?? record.stopTimeout) * 1000);
      await wait(record).finally(() => clearTimeout(late));
    },
    wait: async (container) => wait(store.find(container)),
    logs: (container, logs = {}) => {
      const record = store.find(container);
      return readLog(store.paths(record.id).log, logs, () => !gone(record));
    },
    remove: async (container, { force = false } = {}) => {
      const record = store.find(container);
      if (!gone(record)) {
        if (!force) {
          throw new EngineError(
            'conflict',
            `cannot remove container "${record.name}": container is running: stop the container before removing or force remove`,
          );
        }
        kill(record, 9);
        await wait(record);
      }
      // the monitor does this; here it is for one that was killed
      parts.cgroups?.driver.remove(parts.cgroups.files, record.cgroupsPath);
      store.remove(record.id);
    },
    close: () => {
      parts.runner.close();
      parts.cgroups?.driver.release(parts.cgroups.files, '/kobako/any');
    },
  };
}

/** The helper beside a bundle, or in dist/ beside the sources. */
export function findHelper(): string {
  // a bundled CJS file has __dirname and no import.meta; the sources have it the other way round
  const here = typeof __dirname === 'string' ? __dirname : import.meta.dirname;
  const found = [`${here}/kobako-helper`, `${here}/../../dist/kobako-helper`].find((path) => existsSync(path));
  if (found !== undefined) return realpathSync(found);
  throw new EngineError('unavailable', 'the native helper is missing', { hint: 'run npm ci: it builds dist/kobako-helper with cc' });
}
