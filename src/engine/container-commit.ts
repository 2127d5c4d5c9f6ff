/** Use case: an image of a container. */
import { EngineError } from '../base/errors.ts';
import type { ContainerRecord } from './container-store.ts';
import type { CommitOptions } from './containers-contract.ts';
import type { EngineParts } from './parts.ts';

export async function commitContainer(_parts: EngineParts, _record: ContainerRecord, _options: CommitOptions): Promise<{ Id: string }> {
  throw new EngineError('unavailable', 'not there yet');
}
