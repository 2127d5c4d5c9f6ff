/** Use case: a container goes. */
import { SIGKILL } from '../base/signals.ts';
import { EngineError } from '../base/errors.ts';
import { emitContainer } from './container-events.ts';
import { isRunning, signalContainer } from './container-stop.ts';
import type { ContainerRecord } from './container-record.ts';
import { waitExit } from './container-wait.ts';
import { givenBack, removeContainer } from './lost.ts';
import type { EngineParts } from './parts.ts';
import { removeAnonymous } from './volume-remove.ts';

/** Docker's patience with what has been killed, and does not end. Milliseconds. */
const KILLED_MS = 12_000;

export interface RemoveOptions {
  readonly force?: boolean | undefined;
  readonly volumes?: boolean | undefined;
  readonly link?: boolean | undefined;
}

/** `name` is what the caller calls it. With `force` one that runs is killed first. Two at a time: both succeed, or the later finds nothing. */
export async function removeUseCase(
  parts: EngineParts,
  name: string,
  record: ContainerRecord,
  { force = false, link = false, volumes = false }: RemoveOptions,
): Promise<void> {
  if (link) throw new EngineError('not-found', `could not get parent for /${record.name}`);
  const { store, live } = parts;
  live.cancelRestart(record.id);
  if (isRunning(parts, record)) {
    if (!force) {
      const state = store.load(record.id)?.paused ? 'paused' : 'running';
      const mend =
        state === 'paused' ? 'unpause the container before stopping, removing or force remove' : 'stop the container before removing or force remove';
      throw new EngineError('conflict', `cannot remove container "${name}": container is ${state}: ${mend}`);
    }
    store.note(record.id, { stopped: true });
    emitContainer(parts, record, 'kill', { signal: String(SIGKILL) });
    await signalContainer(parts, record, SIGKILL);
    const late = AbortSignal.timeout(KILLED_MS);
    await waitExit(parts, record, late).catch((error: unknown) => {
      if (error === late.reason) {
        const why = 'could not kill container: tried to kill container, but did not receive an exit event';
        throw new EngineError('internal', `cannot remove container "${name}": ${why}`, { cause: error });
      }
      // one that removes itself at its end may be gone by now, and one whose start failed never ran
      if (!(error instanceof EngineError) || (error.kind !== 'not-found' && error.kind !== 'conflict')) throw error;
    });
  }
  await givenBack(parts, record.id);
  const now = store.load(record.id);
  // somebody was quicker, and has started it again
  if (now !== undefined && isRunning(parts, now)) return removeUseCase(parts, name, now, { force, volumes });
  if (now !== undefined) await removeNow(parts, now, { volumes });
}

/** One that does not run. With `volumes`, those go with it that have no name of the user's. */
export async function removeNow(parts: EngineParts, record: ContainerRecord, { volumes = false }: Pick<RemoveOptions, 'volumes'> = {}): Promise<void> {
  if (volumes) removeAnonymous(parts, record);
  const exit = parts.store.exit(record.id) ?? record.previous;
  const removed = removeContainer(parts, record);
  emitContainer(parts, record, 'destroy');
  parts.live.removed(record.id, exit);
  await removed;
}
