/** Puts the engine together on this machine. */
import { oomKills } from '../cgroup/stats.ts';
import { existsSync, realpathSync } from 'node:fs';
import { EngineError, invalid } from '../base/errors.ts';
import { LinuxPlanRunner } from '../kernel/linux/helper.ts';
import { machineFacts } from '../kernel/linux/machine.ts';
import { askOnce } from '../kernel/linux/monitor-client.ts';
import { signalProcess } from '../kernel/linux/process.ts';
import { pump } from './attach.ts';
import { openCgroups } from './cgroups.ts';
import { execInContainer } from './container-exec.ts';
import { planRun, runContainer } from './container-run.ts';
import { ContainerStore, lives, type ContainerRecord } from './container-store.ts';
import type { ContainerExit, ContainerInfo, Engine, EngineOptions } from './contract.ts';
import { explainPlan, planJson } from '../runtime/explain.ts';
import { exportContainer } from './container-export.ts';
import { removeContainer, settleLost, sweep } from './lost.ts';
import { openImages, type OpenImages } from './open-images.ts';
import type { EngineParts } from './parts.ts';
import { readLog } from './logs.ts';
import { attachTo, processHandle } from './start-process.ts';

const DEFAULT_STATE = '/run/kobako';
const DEFAULT_DATA = '/var/lib/kobako';
const POLL_MS = 5;
const SIGKILL = 9;

/** Opens the engine. Reads facts about the machine, starts nothing. */
export function openEngine(options: EngineOptions = {}): Engine {
  const helper = options.helper ?? findHelper();
  const cgroups = openCgroups();
  const stateDir = options.stateDir ?? process.env['KOBAKO_STATE_DIR'] ?? DEFAULT_STATE;
  const store = new ContainerStore(stateDir);
  let opened: OpenImages | undefined;
  const images = () =>
    (opened ??= openImages({
      dataRoot: options.dataRoot ?? process.env['KOBAKO_DATA_ROOT'] ?? DEFAULT_DATA,
      stateDir,
      storageDriver: options.storageDriver ?? storageDriver(process.env['KOBAKO_STORAGE_DRIVER']),
      registries: options.registries,
      containers: () => store.all().map((record) => ({ id: record.id, image: record.image, running: !store.ended(record) })),
    }));
  const parts: EngineParts = { machine: machineFacts(), runner: new LinuxPlanRunner(helper), store, cgroups, helper, images: () => images().parts };
  sweep(parts);

  const told = async (socket: string): Promise<ContainerExit | undefined> => {
    const text = await askOnce(socket, 'wait').catch(() => undefined);
    if (text === undefined) return undefined;
    const exit = JSON.parse(text) as ContainerExit;
    return { ...exit, oomKilled: oomKills(exit.reports) > 0 };
  };
  const wait = async (record: ContainerRecord): Promise<ContainerExit> => {
    const exit = (await told(store.paths(record.id).socket)) ?? store.exit(record.id);
    if (exit !== undefined) return exit;
    for (;;) {
      // it may have been written since, or all have been removed
      const now = store.load(record.id);
      if (now === undefined) throw new EngineError('not-found', `No such container: ${record.id}`);
      if (now.process === undefined && !lives(now.monitor)) throw new EngineError('conflict', `container ${record.id} has not been started`);
      if (store.lost(now)) return settleLost(parts, now);
      const known = store.exit(record.id) ?? (await told(store.paths(record.id).socket));
      if (known !== undefined) return known;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  const waitExec = async (record: ContainerRecord, exec: string): Promise<ContainerExit> => {
    if (!/^[0-9a-f]{12}$/.test(exec)) throw new EngineError('not-found', `No such exec instance: ${exec}`);
    const exit = (await told(store.execSocket(record.id, exec))) ?? store.execExit(record.id, exec);
    if (exit === undefined) throw new EngineError('not-found', `No such exec instance: ${exec}`);
    return exit;
  };
  const info = (record: ContainerRecord): ContainerInfo => {
    if (store.lost(record)) settleLost(parts, record);
    return store.info(record);
  };
  const gone = (record: ContainerRecord) => info(record).state !== 'running';
  const signal = ({ process }: ContainerRecord, number: number) => process !== undefined && signalProcess(process.pid, process.start, number);

  return {
    plan: async (run) => {
      const { plan, spec, warnings } = await planRun(parts, run);
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
      attached.catch(() => {}); // whoever asks is told; nobody has to ask
      return processHandle({ containerId: record.id, pid: record.process!.pid, socket: path, warnings: [], exited, attached });
    },
    list: async () => {
      sweep(parts);
      return store
        .all()
        .map(info)
        .sort((a, b) => b.createdAt - a.createdAt);
    },
    find: async (container) => info(store.find(container)),
    kill: async (container, number) => {
      const record = store.find(container);
      if (!signal(record, number)) throw new EngineError('conflict', `container ${record.id} is not running`);
    },
    stop: async (container, timeout) => {
      const record = store.find(container);
      if (gone(record)) return;
      signal(record, record.stopSignal);
      const seconds = timeout ?? record.stopTimeout;
      const late = seconds < 0 ? undefined : setTimeout(() => signal(record, SIGKILL), seconds * 1000);
      await wait(record).finally(() => clearTimeout(late));
    },
    wait: async (container, exec) => (exec === undefined ? wait(store.find(container)) : waitExec(store.find(container), exec)),
    logs: (container, logs = {}) => {
      const record = store.find(container);
      return readLog(store.paths(record.id).log, logs, () => {
        const now = store.load(record.id);
        return now !== undefined && !store.ended(now) && !store.lost(now);
      });
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
        signal(record, SIGKILL);
        await wait(record);
      }
      removeContainer(parts, record);
    },
    get images() {
      return images().images;
    },
    export: (container) => exportContainer(parts, store.find(container)),
    close: async () => {
      parts.runner.close();
      parts.cgroups?.driver.release(parts.cgroups.files, '/kobako/any');
      await opened?.close();
    },
  };
}

function storageDriver(name: string | undefined): EngineOptions['storageDriver'] {
  if (name === undefined || name === '' || name === 'overlay' || name === 'erofs') return name || undefined;
  throw invalid(`unknown storage driver ${JSON.stringify(name)} in KOBAKO_STORAGE_DRIVER: overlay and erofs are there`);
}

/** The helper beside a bundle, or in dist/ beside the sources. */
export function findHelper(): string {
  // a bundled CJS file has __dirname and no import.meta; the sources have it the other way round
  const here = typeof __dirname === 'string' ? __dirname : import.meta.dirname;
  const found = [`${here}/kobako-helper`, `${here}/../../dist/kobako-helper`].find((path) => existsSync(path));
  if (found !== undefined) return realpathSync(found);
  throw new EngineError('unavailable', 'the native helper is missing', { hint: 'run npm ci: it builds dist/kobako-helper with cc' });
}
