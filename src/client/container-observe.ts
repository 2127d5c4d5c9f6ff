/** What containers say and use, over HTTP. */
import { EngineError } from '../base/errors.ts';
import type { Containers } from '../engine/containers-contract.ts';
import type { HttpClient } from './http.ts';

export type ObservingClient = Pick<Containers, 'logs' | 'stats' | 'top' | 'update'>;

export function observingClient(_http: HttpClient): ObservingClient {
  const later = (): never => {
    throw new EngineError('unavailable', 'not there yet');
  };
  return { logs: later, stats: later, top: later, update: later };
}
