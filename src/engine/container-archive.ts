/** Use case: files in and out of a container, as tar. */
import { EngineError } from '../base/errors.ts';
import type { ContainerRecord } from './container-store.ts';
import type { Archive, PutArchiveOptions } from './containers-contract.ts';
import type { PathStat } from './types/container-answers.ts';
import type { EngineParts } from './parts.ts';

export async function statArchive(_parts: EngineParts, _record: ContainerRecord, _path: string): Promise<PathStat> {
  throw new EngineError('unavailable', 'not there yet');
}
export async function readArchive(_parts: EngineParts, _record: ContainerRecord, _path: string): Promise<Archive> {
  throw new EngineError('unavailable', 'not there yet');
}
export async function putArchive(
  _parts: EngineParts,
  _record: ContainerRecord,
  _path: string,
  _tar: AsyncIterable<Uint8Array>,
  _options: PutArchiveOptions,
): Promise<void> {
  throw new EngineError('unavailable', 'not there yet');
}
