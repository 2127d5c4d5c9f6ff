/** What follows a container's end: its record, its restart policy, its removal. */
import { emitContainer } from './container-events.ts';
import { removeNow } from './container-remove.ts';
import { startContainer } from './container-start.ts';
import { inStartTurn } from './start-turn.ts';
import type { ContainerRecord } from './container-record.ts';
import { toldExit } from './container-wait.ts';
import type { ContainerExit } from './contract.ts';
import { healthBegins, healthEnds } from './health.ts';
import { endGroupBeside, givenBack, groupIsLeft, settleLost } from './lost.ts';
import type { EngineParts } from './parts.ts';
import { emitUnmounts } from './volume-events.ts';

/** Docker's back-off: from 100 ms, twice that each time, at most a minute; anew after ten good seconds. */
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
const GOOD_RUN_MS = 10_000;

/** Called once for each end that this process learns of. Resolves when one that removes itself is gone. */
export async function containerEnded(parts: EngineParts, id: string, exit: ContainerExit): Promise<void> {
  const { store, live } = parts;
  healthEnds(parts, id);
  const record = store.load(id);
  if (record === undefined) return live.removed(id, exit);
  store.takeExit(id, exit);
  if (exit.oomKilled) emitContainer(parts, record, 'oom');
  const lasted = Number(BigInt(exit.exitedAt) - BigInt(exit.startedAt)) / 1e9;
  emitContainer(parts, record, 'die', { exitCode: String(exit.status), execDuration: String(Math.max(0, Math.floor(lasted))) });
  parts.sandboxes.ended(id);
  emitUnmounts(parts, record);
  const again = !live.closed && wantsRestart(record, exit);
  if (again) store.note(id, { restarting: true, restartCount: (record.restartCount ?? 0) + 1 });
  live.ended(id, exit);
  if (again) restartLater(parts, id, lasted * 1000);
  else if (record.hostConfig.AutoRemove) await live.inTurn(id, () => remove(parts, id, exit));
}

async function remove(parts: EngineParts, id: string, exit: ContainerExit): Promise<void> {
  await givenBack(parts, id);
  const record = parts.store.load(id);
  if (record !== undefined) await removeNow(parts, record, { volumes: true });
  // another process was quicker: who waits for it is told all the same
  else parts.live.removed(id, exit);
}

/** By its policy, unless somebody stopped it. */
export function wantsRestart({ hostConfig: { RestartPolicy: policy }, stopped, restartCount = 0 }: ContainerRecord, exit: ContainerExit): boolean {
  if (stopped) return false;
  if (policy.Name === 'always' || policy.Name === 'unless-stopped') return true;
  return policy.Name === 'on-failure' && exit.status !== 0 && (policy.MaximumRetryCount === 0 || restartCount < policy.MaximumRetryCount);
}

function restartLater(parts: EngineParts, id: string, lastedMs: number): void {
  const { live } = parts;
  live.restartLater(id, nextDelay(live.lastDelay(id), lastedMs), () => restart(parts, id));
}

/** How long a container waits that has run for so long, after it had waited for `before`. */
export function nextDelay(before: number | undefined, lastedMs: number): number {
  return before === undefined || lastedMs >= GOOD_RUN_MS ? FIRST_DELAY_MS : Math.min(before * 2, LONGEST_DELAY_MS);
}

/** As in Docker, one that cannot be started again stays as it is, with its error, which its record has. */
function restart(parts: EngineParts, id: string): void {
  const { store } = parts;
  inStartTurn(parts, id, () => startAgain(parts, id))
    .catch(() => store.note(id, { restarting: undefined }))
    .catch(() => {}); // the disk is full
}

async function startAgain(parts: EngineParts, id: string): Promise<void> {
  const record = parts.store.load(id);
  if (record === undefined || record.stopped || !record.restarting) return;
  await startContainer(parts, record, { detached: false });
  const now = parts.store.load(id);
  if (now !== undefined) healthBegins(parts, now);
}

/** It is started by somebody, not by its policy: that begins anew. */
export function forgetRestarts({ store, live }: EngineParts, id: string): void {
  live.forgetRestarts(id);
  if (store.load(id)?.restartCount !== undefined) store.note(id, { restartCount: undefined });
}

/** Looks after a container that somebody else started: its end is told here, too. */
export function watch(parts: EngineParts, record: ContainerRecord): void {
  const { live, store } = parts;
  live.began(record.id);
  const ended = async () => (await toldExit(store.paths(record.id).socket)) ?? store.exit(record.id) ?? settleLost(parts, record);
  ended()
    .then((exit) => containerEnded(parts, record.id, exit))
    .catch(() => {}); // as for one that was started here
  healthBegins(parts, record);
}

/** At the start of an engine that owns its data root: what runs is looked after, what should run is started. */
export function restore(parts: EngineParts): void {
  const { store } = parts;
  for (const record of store.all()) {
    if (store.info(record).state === 'running') {
      parts.sandboxes.restore(record);
      watch(parts, record);
      continue;
    }
    parts.sandboxes.ended(record.id);
    if (record.process !== undefined && groupIsLeft(parts, record.cgroupsPath)) endGroupBeside(parts, record.cgroupsPath);
    if (record.paused) store.note(record.id, { paused: undefined });
    const exit = store.exit(record.id) ?? record.previous;
    const policy = record.hostConfig.RestartPolicy.Name;
    if (exit !== undefined && (policy === 'always' || wantsRestart(record, exit))) {
      store.note(record.id, { restarting: true, stopped: undefined });
      restart(parts, record.id);
    } else if (record.restarting) store.note(record.id, { restarting: undefined });
  }
}
