/** Use case: other limits for a container. */
import { EngineError } from '../base/errors.ts';
import type { ContainerRecord } from './container-store.ts';
import type { ContainerUpdate } from './types/container.ts';
import type { EngineParts } from './parts.ts';

export async function updateContainer(_parts: EngineParts, _record: ContainerRecord, _update: ContainerUpdate): Promise<{ Warnings: readonly string[] }> {
  throw new EngineError('unavailable', 'not there yet');
}
