/** A container's state as `inspect` and `ps` tell it. */
import { NEVER, rfc3339Nano } from '../base/time.ts';
import type { ContainerRecord } from './container-store.ts';
import { healthOf } from './health.ts';
import { settleLost } from './lost.ts';
import type { EngineParts } from './parts.ts';
import type { ContainerState } from './types/container-answers.ts';

export function stateOf(parts: EngineParts, record: ContainerRecord): ContainerState {
  const { store } = parts;
  if (store.lost(record)) settleLost(parts, record);
  const { state, exit, pid } = store.info(record);
  const running = state === 'running';
  const paused = running && (record.paused ?? false);
  const restarting = !running && (record.restarting ?? false);
  const health = healthOf(parts, record);
  return {
    Status: paused ? 'paused' : restarting ? 'restarting' : state,
    // as in Docker: one that waits to be started again counts as running
    Running: running || restarting,
    Paused: paused,
    Restarting: restarting,
    OOMKilled: exit?.oomKilled ?? false,
    Dead: false,
    Pid: pid,
    ExitCode: running ? 0 : (exit?.status ?? record.failure?.code ?? 0),
    Error: running ? '' : (record.failure?.message ?? exit?.error ?? ''),
    StartedAt: record.startedAt ?? NEVER,
    FinishedAt: exit === undefined ? NEVER : rfc3339Nano(BigInt(exit.exitedAt)),
    ...(health === undefined ? {} : { Health: health }),
  };
}
