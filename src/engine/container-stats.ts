/** Use case: what a container uses. */
import { EngineError } from '../base/errors.ts';
import type { ContainerRecord } from './container-store.ts';
import type { StatsOptions } from './containers-contract.ts';
import type { EngineParts } from './parts.ts';

export async function* containerStats(
  _parts: EngineParts,
  _record: ContainerRecord,
  _options: StatsOptions,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  yield await Promise.reject(new EngineError('unavailable', 'not there yet'));
}
