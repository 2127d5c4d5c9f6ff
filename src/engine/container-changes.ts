/** Use case: what a container has changed on its image. */
import { EngineError } from '../base/errors.ts';
import type { ContainerRecord } from './container-store.ts';
import type { FilesystemChange } from './types/container-answers.ts';
import type { EngineParts } from './parts.ts';

export async function containerChanges(_parts: EngineParts, _record: ContainerRecord): Promise<readonly FilesystemChange[]> {
  throw new EngineError('unavailable', 'not there yet');
}
