/** The engine as a whole, in the documents of Docker's API (1.51). */
import type { EngineEvent, Filters } from './types/system.ts';
import type { DiskUsage, SystemInfo, SystemVersion } from './types/system-answers.ts';

export interface EventsOptions {
  /** Unix time in nanoseconds: from then on, as far as they are remembered (the last 256). */
  readonly since?: bigint | undefined;
  /** Ends there; may lie ahead. */
  readonly until?: bigint | undefined;
  readonly filters?: Filters | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called once nothing is missed any more. */
  readonly started?: (() => void) | undefined;
}

export interface System {
  /** `GET /info`. */
  info(): Promise<SystemInfo>;
  /** `GET /version`. */
  version(): Promise<SystemVersion>;
  /** `GET /system/df`; types as there: `container`, `image`, `volume`, `build-cache`. All when none is named. */
  df(types?: readonly string[]): Promise<DiskUsage>;
  /** In their order; ends with `until` or the signal, or when the engine closes. */
  events(options?: EventsOptions): AsyncIterable<EngineEvent>;
}
