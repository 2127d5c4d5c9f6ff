/** Containers' files over HTTP. */
import { EngineError } from '../base/errors.ts';
import type { Containers } from '../engine/containers-contract.ts';
import type { HttpClient } from './http.ts';

export type FilesClient = Pick<Containers, 'statArchive' | 'getArchive' | 'putArchive' | 'changes' | 'export' | 'commit'>;

export function filesClient(_http: HttpClient): FilesClient {
  const later = (): never => {
    throw new EngineError('unavailable', 'not there yet');
  };
  return { statArchive: later, getArchive: later, putArchive: later, changes: later, export: later, commit: later };
}
