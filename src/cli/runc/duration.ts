import { parseDuration } from '../../base/durations.ts';
import { invalid } from '../../base/errors.ts';

/** A duration as Go writes it (`1h2m3.5s`, `500ms`, `0`), in milliseconds. */
export function milliseconds(text: string): number {
  const value = parseDuration(text);
  // a timer takes no more
  if (value === undefined || !Number.isFinite(value) || Math.abs(value) > 2 ** 31)
    throw invalid(`invalid value ${JSON.stringify(text)} for flag -interval: not a duration as 5s, 1m30s or 500ms`);
  return value;
}
