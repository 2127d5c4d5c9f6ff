/** Use case: until a container ends. */
import { oomKills } from '../cgroup/stats.ts';
import { keepingAlive } from '../base/keep-alive.ts';
import { EngineError } from '../base/errors.ts';
import { askOnce } from '../kernel/linux/monitor-client.ts';
import type { ContainerRecord } from './container-record.ts';
import { lives } from './process-id.ts';
import type { ContainerExit } from './contract.ts';
import type { WaitCondition, WaitResult } from './containers-contract.ts';
import { settleLost } from './lost.ts';
import type { EngineParts } from './parts.ts';

const POLL_MS = 5;

/** What the monitor at a socket says of its process's end; waits for it. Undefined when there is nobody. */
export async function toldExit(socket: string): Promise<ContainerExit | undefined> {
  const text = await askOnce(socket, 'wait').catch(() => undefined);
  if (text === undefined) return undefined;
  const exit = JSON.parse(text) as ContainerExit;
  return { ...exit, oomKilled: oomKills(exit.reports) > 0 };
}

/** How it ends, or has ended; keeps this program alive until then. Throws `conflict` when it never ran. */
export async function waitExit(parts: EngineParts, record: ContainerRecord, signal?: AbortSignal): Promise<ContainerExit> {
  const { store, live } = parts;
  if (live.supervises(record.id)) {
    const exit = await keepingAlive(live.nextExit(record.id, signal));
    if (exit !== undefined) return exit;
  }
  const before = store.exit(record.id);
  if (before !== undefined) return before;
  const exit = await toldExit(store.paths(record.id).socket);
  if (exit !== undefined) return exit;
  for (;;) {
    // it may have been written since, or all have been removed
    const now = store.load(record.id);
    if (now === undefined) return gone(record);
    if (now.process === undefined && !lives(now.monitor)) {
      if (now.previous !== undefined) return now.previous;
      throw new EngineError('conflict', `container ${record.id} has not been started`);
    }
    if (store.lost(now)) return settleLost(parts, now);
    const known = store.exit(record.id) ?? (await toldExit(store.paths(record.id).socket));
    if (known !== undefined) return known;
    signal?.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** How an exec ended whose starter was not told. */
export async function waitExec({ store }: EngineParts, record: ContainerRecord, exec: string): Promise<ContainerExit> {
  if (!/^[0-9a-f]{12}$/.test(exec)) throw new EngineError('not-found', `No such exec instance: ${exec}`);
  const exit = (await toldExit(store.execSocket(record.id, exec))) ?? store.execExit(record.id, exec);
  if (exit === undefined) throw new EngineError('not-found', `No such exec instance: ${exec}`);
  return exit;
}

export interface WaitOptions {
  readonly condition?: WaitCondition | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly started?: (() => void) | undefined;
}

export async function waitContainer(parts: EngineParts, record: ContainerRecord, options: WaitOptions): Promise<WaitResult> {
  const { condition = 'not-running', signal, started } = options;
  const { store, live } = parts;
  const { state, exit } = store.info(record);
  const result = (ended: ContainerExit | undefined): WaitResult => ({
    StatusCode: ended?.status ?? store.load(record.id)?.failure?.code ?? 0,
    ...(ended?.error === undefined ? {} : { Error: { Message: ended.error } }),
  });
  if (condition === 'removed') {
    const removal = live.removal(record.id, signal);
    started?.();
    return result(await removal);
  }
  // its record may be there before what follows its end has been done here
  const ending = record.process !== undefined && live.supervises(record.id);
  if (condition === 'not-running' && state !== 'running' && !ending) {
    started?.();
    return result(exit);
  }
  // one that another process looks after can only be asked about
  const ended = state === 'running' && !live.supervises(record.id) ? waitExit(parts, record, signal) : live.nextExit(record.id, signal);
  started?.();
  return result(await ended);
}

function gone({ id }: ContainerRecord): never {
  throw new EngineError('not-found', `No such container: ${id}`);
}
