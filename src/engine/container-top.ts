/** Use case: the processes of a container. */
import { EngineError } from '../base/errors.ts';
import type { ContainerRecord } from './container-store.ts';

import type { EngineParts } from './parts.ts';

export async function containerTop(
  _parts: EngineParts,
  _record: ContainerRecord,
  _psArgs: string | undefined,
): Promise<{ Titles: string[]; Processes: string[][] }> {
  throw new EngineError('unavailable', 'not there yet');
}
