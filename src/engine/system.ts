/** The engine as a whole: what it is, what it uses, what happens in it. */
import { EngineError } from '../base/errors.ts';
import { eventMatches } from './events.ts';
import type { EngineParts } from './parts.ts';
import type { System } from './system-contract.ts';

export function systemOf(parts: EngineParts): System {
  return {
    info: async () => {
      throw new EngineError('unavailable', 'not there yet');
    },
    version: async () => {
      throw new EngineError('unavailable', 'not there yet');
    },
    df: async () => {
      throw new EngineError('unavailable', 'not there yet');
    },
    events: (options = {}) => parts.events.read(options, eventMatches(options.filters ?? {})),
  };
}
