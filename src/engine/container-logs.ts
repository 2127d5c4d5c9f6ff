/** Use case: what a container has written. */
import type { ContainerRecord } from './container-store.ts';
import type { LogLine, LogsOptions } from './containers-contract.ts';
import { readLog } from './logs.ts';
import type { EngineParts } from './parts.ts';

export async function* containerLogs(parts: EngineParts, { id }: ContainerRecord, options: LogsOptions): AsyncGenerator<LogLine> {
  const { store } = parts;
  const alive = () => {
    const now = store.load(id);
    return now !== undefined && !store.ended(now) && !store.lost(now);
  };
  yield* readLog(store.paths(id).log, options, alive);
}
