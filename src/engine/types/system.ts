/** Events and the engine as a whole, in the documents of Docker's API (1.51). */

export interface EngineEvent {
  readonly Type: 'container' | 'image' | 'volume' | 'network' | 'daemon' | 'builder' | 'plugin';
  /** `create`, `start`, `die`, `exec_create: sh -c true`, `health_status: healthy` … */
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly scope: 'local';
  /** Unix time, in seconds and in nanoseconds. */
  readonly time: number;
  readonly timeNano: bigint;
}

/** As docker's filters: values of one key are alternatives, keys must all match. */
export type Filters = Readonly<Record<string, readonly string[]>>;
