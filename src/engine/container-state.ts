/** A container's state as `inspect` and `ps` tell it. */
import { NEVER, rfc3339Nano } from '../base/time.ts';
import type { ContainerRecord } from './container-record.ts';
import type { ContainerExit } from './contract.ts';
import { healthOf } from './health.ts';
import { settleLost } from './lost.ts';
import type { EngineParts } from './parts.ts';
import type { ContainerState } from './types/container-answers.ts';

export function stateOf(parts: EngineParts, record: ContainerRecord): ContainerState {
  const { running, exit } = lifeOf(parts, record);
  const paused = running && (record.paused ?? false);
  const restarting = !running && (record.restarting ?? false);
  const health = healthOf(parts, record);
  const finishedAt = exit?.exitedAt ?? record.finishedAt;
  return {
    Status: paused ? 'paused' : restarting ? 'restarting' : running ? 'running' : record.process === undefined && exit === undefined ? 'created' : 'exited',
    // as in Docker: one that waits to be started again counts as running
    Running: running || restarting,
    Paused: paused,
    Restarting: restarting,
    OOMKilled: exit?.oomKilled ?? false,
    Dead: false,
    Pid: running ? record.process!.pid : 0,
    ExitCode: running ? 0 : (exit?.status ?? record.failure?.code ?? 0),
    Error: running ? '' : (record.failure?.message ?? exit?.error ?? ''),
    StartedAt: record.startedAt ?? NEVER,
    FinishedAt: finishedAt === undefined ? NEVER : rfc3339Nano(BigInt(finishedAt)),
    ...(health === undefined ? {} : { Health: health }),
  };
}

/** Whether it runs, and how it ended last. Asks the machine only where this process cannot know. */
function lifeOf(parts: EngineParts, record: ContainerRecord): { readonly running: boolean; readonly exit: ContainerExit | undefined } {
  const { store, live } = parts;
  const { id, process, previous } = record;
  if (process === undefined) return { running: false, exit: previous };
  if (live.supervises(id)) return { running: true, exit: previous };
  const known = parts.owned ? store.exit(id) : undefined;
  if (known !== undefined) return { running: false, exit: known };
  if (store.lost(record)) settleLost(parts, record);
  return store.ended(record) ? { running: false, exit: store.exit(id) } : { running: true, exit: previous };
}
