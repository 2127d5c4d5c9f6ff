/** The engine as a whole, over HTTP. */
import { EngineError } from '../base/errors.ts';
import type { System } from '../engine/system-contract.ts';
import type { HttpClient } from './http.ts';

export function systemClient(_http: HttpClient): System {
  const later = (): never => {
    throw new EngineError('unavailable', 'not there yet');
  };
  return { info: later, version: later, df: later, events: later };
}
