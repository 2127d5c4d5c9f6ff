/** The use cases of containers, put together as the doors see them. */
import { CONTAINER_NAME } from './container-names.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { attachContainer, resizeContainer } from './container-attach.ts';
import { putArchive, readArchive, statArchive } from './container-archive.ts';
import { containerChanges } from './container-changes.ts';
import { commitContainer } from './container-commit.ts';
import { createContainer } from './container-create.ts';
import { emitContainer } from './container-events.ts';
import { exportContainer } from './container-export.ts';
import { inspectContainer } from './container-inspect.ts';
import { listContainers, pruneContainers } from './container-list.ts';
import { containerLogs, containerLogStream } from './container-logs.ts';
import { removeNow, removeUseCase } from './container-remove.ts';
import { renamePlaces } from './network-places.ts';
import { startContainer } from './container-start.ts';
import { containerStats } from './container-stats.ts';
import { isRunning, killContainer, pauseContainer, stopContainer, unpauseContainer } from './container-stop.ts';
import type { ContainerRecord } from './container-record.ts';
import { containerTop } from './container-top.ts';
import { updateContainer } from './container-update.ts';
import { waitContainer } from './container-wait.ts';
import type { Containers, StopOptions } from './containers-contract.ts';
import type { ExecTable } from './execs.ts';
import { healthBegins, healthEnds, healthResumes } from './health.ts';
import type { EngineParts } from './parts.ts';
import { inStartTurn } from './start-turn.ts';
import { forgetRestarts } from './supervise.ts';

/** Docker says of a kill what it was about, whatever went wrong. */
async function forKill(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw error instanceof EngineError ? new EngineError(error.kind, `cannot kill container: ${name}: ${error.message}`, { cause: error }) : error;
  }
}

export function containersOf(parts: EngineParts, execs: ExecTable): Containers {
  const { store, live } = parts;
  const start = (id: string, warned?: (warnings: readonly string[]) => void) =>
    inStartTurn(parts, id, async () => {
      const record = store.find(id);
      if (isRunning(parts, record)) {
        if (store.load(record.id)?.paused) throw new EngineError('conflict', 'cannot start a paused container, try unpause instead');
        return false;
      }
      forgetRestarts(parts, record.id);
      try {
        const { warnings } = await startContainer(parts, record, { detached: false });
        warned?.(warnings);
      } catch (error) {
        const failed = store.load(record.id);
        if (failed?.hostConfig.AutoRemove) await removeNow(parts, failed, { volumes: true });
        throw error;
      }
      healthBegins(parts, store.load(record.id) ?? record);
      return true;
    });
  /** The container as it is when its turn comes. */
  const inTurn = <T>(name: string, work: (record: ContainerRecord) => Promise<T>): Promise<T> => {
    const { id } = store.find(name);
    return live.inTurn(id, () => work(store.find(id)));
  };
  /** Not while it is being started: what comes up would live on. */
  const settled = async (name: string): Promise<ContainerRecord> => {
    const { id } = store.find(name);
    await live.settled(id);
    return store.find(id);
  };
  const restart = async (name: string, options: StopOptions) => {
    const record = await settled(name);
    if (isRunning(parts, record)) await stopContainer(parts, record, options);
    // one that removes itself at its end is no more
    await start(store.find(record.id).id);
    emitContainer(parts, record, 'restart');
  };
  return {
    create: (body, options) => createContainer(parts, body, options),
    start: async (name, options = {}) => start(store.find(name).id, options.warned),
    stop: async (name, options = {}) => stopContainer(parts, await settled(name), options),
    restart: (name, options = {}) => restart(name, options),
    kill: (name, signal) => forKill(name, async () => killContainer(parts, await settled(name), signal)),
    pause: (name) =>
      inTurn(name, async (record) => {
        await pauseContainer(parts, record);
        healthEnds(parts, record.id);
      }),
    unpause: (name) =>
      inTurn(name, async (record) => {
        await unpauseContainer(parts, record);
        healthResumes(parts, record);
      }),
    rename: (name, newName) =>
      inTurn(name, async (record) => {
        const wanted = newName.replace(/^\//, '');
        if (wanted === '') throw invalid('Neither old nor new names may be empty');
        if (!CONTAINER_NAME.test(wanted))
          throw invalid(`Error when allocating new name: Invalid container name (/${wanted}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
        if (wanted === record.name) throw invalid('Renaming a container with the same name as its current name');
        const oldName = record.name;
        const renamed = renamePlaces(parts, store.rename(record, wanted));
        parts.sandboxes.renamed(renamed);
        emitContainer(parts, renamed, 'rename', { oldName: `/${oldName}` });
      }),
    update: (name, update) => inTurn(name, (record) => updateContainer(parts, record, update)),
    wait: async (name, options = {}) => waitContainer(parts, store.find(name), options),
    remove: async (name, options = {}) => removeUseCase(parts, name, await settled(name), options),
    prune: (filters = {}) => pruneContainers(parts, filters),
    inspect: async (name, options = {}) => inspectContainer(parts, execs, store.find(name), options),
    list: (options = {}) => listContainers(parts, options),
    top: async (name, psArgs) => containerTop(parts, store.find(name), psArgs),
    stats: (name, options = {}) => containerStats(parts, store.find(name), options),
    logs: (name, options) => containerLogs(parts, store.find(name), options),
    logStream: async (name, options) => containerLogStream(parts, store.find(name), options),
    attach: async (name, options) => {
      const record = store.find(name);
      const attached = await attachContainer(parts, record, options);
      emitContainer(parts, record, 'attach');
      return attached;
    },
    resize: async (name, rows, cols) => {
      const record = store.find(name);
      await resizeContainer(parts, record, rows, cols);
      emitContainer(parts, record, 'resize', { height: String(rows), width: String(cols) });
    },
    statArchive: async (name, path) => statArchive(parts, store.find(name), path, name),
    getArchive: async (name, path) => readArchive(parts, store.find(name), path, name),
    putArchive: async (name, path, tar, options = {}) => putArchive(parts, store.find(name), path, tar, options, name),
    changes: async (name) => containerChanges(parts, store.find(name)),
    export: (name) => exportContainer(parts, store.find(name)),
    commit: async (name, options = {}) => commitContainer(parts, store.find(name), options),
  };
}
