/** The engine as a whole: what it is, what it uses, what happens in it. */
import { diskUsage } from './disk-usage.ts';
import { eventMatches } from './event-filters.ts';
import type { EngineParts } from './parts.ts';
import type { System } from './system-contract.ts';
import { systemInfo, systemVersion, type SystemSettings } from './system-info.ts';

export function systemOf(parts: EngineParts, settings: SystemSettings): System {
  return {
    info: async () => systemInfo(parts, settings),
    version: async () => systemVersion(),
    df: (types) => diskUsage(parts, types),
    events: (options = {}) => parts.events.read(options, eventMatches(options.filters ?? {})),
  };
}
