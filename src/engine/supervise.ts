/** What follows a container's end: its record, its restart policy, its removal. */
import { EngineError } from '../base/errors.ts';
import { emitContainer } from './container-events.ts';
import { removeNow } from './container-remove.ts';
import { startContainer } from './container-start.ts';
import type { ContainerRecord } from './container-store.ts';
import { toldExit } from './container-wait.ts';
import type { ContainerExit } from './contract.ts';
import { healthBegins, healthEnds } from './health.ts';
import { settleLost } from './lost.ts';
import type { EngineParts } from './parts.ts';

/** Docker's back-off: from 100 ms, twice that each time, at most a minute; anew after ten good seconds. */
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
const GOOD_RUN_MS = 10_000;

const delays = new WeakMap<EngineParts, Map<string, number>>();

/** Called once for each end that this process learns of. Resolves when one that removes itself is gone. */
export async function containerEnded(parts: EngineParts, id: string, exit: ContainerExit): Promise<void> {
  const { store, live } = parts;
  const record = store.load(id);
  healthEnds(parts, id);
  if (record === undefined) return live.removed(id, exit);
  if (exit.oomKilled) emitContainer(parts, record, 'oom');
  const lasted = Number(BigInt(exit.exitedAt) - BigInt(exit.startedAt)) / 1e9;
  emitContainer(parts, record, 'die', { exitCode: String(exit.status), execDuration: String(Math.max(0, Math.floor(lasted))) });
  const again = wantsRestart(record, exit);
  if (again) store.save({ ...record, restarting: true, restartCount: (record.restartCount ?? 0) + 1 });
  live.ended(id, exit);
  if (again) restartLater(parts, id, lasted * 1000);
  else if (record.hostConfig.AutoRemove) await live.inTurn(id, () => remove(parts, id));
}

async function remove(parts: EngineParts, id: string): Promise<void> {
  const record = parts.store.load(id);
  if (record !== undefined) await removeNow(parts, record);
}

/** By its policy, unless somebody stopped it. */
export function wantsRestart({ hostConfig: { RestartPolicy: policy }, stopped, restartCount = 0 }: ContainerRecord, exit: ContainerExit): boolean {
  if (stopped) return false;
  if (policy.Name === 'always' || policy.Name === 'unless-stopped') return true;
  return policy.Name === 'on-failure' && exit.status !== 0 && (policy.MaximumRetryCount === 0 || restartCount < policy.MaximumRetryCount);
}

function restartLater(parts: EngineParts, id: string, lastedMs: number): void {
  const known = delays.get(parts) ?? new Map<string, number>();
  delays.set(parts, known);
  const before = lastedMs >= GOOD_RUN_MS ? 0 : (known.get(id) ?? 0);
  const delay = before === 0 ? FIRST_DELAY_MS : Math.min(before * 2, LONGEST_DELAY_MS);
  known.set(id, delay);
  parts.live.restartLater(id, delay, () => void parts.live.inTurn(id, () => restart(parts, id)));
}

async function restart(parts: EngineParts, id: string): Promise<void> {
  const record = parts.store.load(id);
  if (record === undefined || record.stopped || !record.restarting) return;
  try {
    await startContainer(parts, record, { detached: false });
    const now = parts.store.load(id);
    if (now !== undefined) containerBegan(parts, now);
  } catch (error) {
    // as Docker: one that cannot be started again stays as it is, with its error
    parts.store.change(id, { restarting: undefined });
    if (!(error instanceof EngineError)) throw error;
  }
}

/** Called once its program runs. */
export function containerBegan(parts: EngineParts, record: ContainerRecord): void {
  healthBegins(parts, record);
}

/** Looks after a container that somebody else started: its end is told here, too. */
export function watch(parts: EngineParts, record: ContainerRecord): void {
  const { live, store } = parts;
  live.began(record.id);
  const ended = async () => (await toldExit(store.paths(record.id).socket)) ?? store.exit(record.id) ?? settleLost(parts, record);
  void ended().then((exit) => containerEnded(parts, record.id, exit));
  healthBegins(parts, record);
}

/** At the start of an engine that owns its data root: what runs is looked after, what should run is started. */
export function restore(parts: EngineParts): void {
  const { store } = parts;
  for (const record of store.all()) {
    if (store.info(record).state === 'running') {
      watch(parts, record);
      continue;
    }
    if (record.paused) store.change(record.id, { paused: undefined });
    const exit = store.exit(record.id) ?? record.previous;
    const policy = record.hostConfig.RestartPolicy.Name;
    if (exit !== undefined && (policy === 'always' || wantsRestart(record, exit))) {
      store.change(record.id, { restarting: true, stopped: undefined });
      void parts.live.inTurn(record.id, () => restart(parts, record.id));
    } else if (record.restarting) store.change(record.id, { restarting: undefined });
  }
}
