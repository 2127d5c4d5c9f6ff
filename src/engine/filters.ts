/** What Docker's filters of several objects have in common. */
import { boundedPattern } from '../base/bounded-pattern.ts';
import { invalid } from '../base/errors.ts';
import type { Filters } from './types/system.ts';

/** Throws `invalid` for a filter that is not among those. */
export function checkFilters(filters: Filters, known: readonly string[]): void {
  for (const key of Object.keys(filters)) if (!known.includes(key)) throw invalid(`invalid filter '${key}'`);
}

/** `name`, or `name=value`. */
export function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=');
  if (equals < 0) return Object.hasOwn(labels, wanted);
  const key = wanted.slice(0, equals);
  return Object.hasOwn(labels, key) && labels[key] === wanted.slice(equals + 1);
}

/** A longer pattern is no name that anybody looks for. */
const LONGEST_PATTERN = 512;

/** As Docker: the very text, or a regular expression that is found in it; what is none matches nothing. */
export function pattern(values: readonly string[]): (text: string) => boolean {
  const expressions = values.flatMap((value) => {
    try {
      return value.length > LONGEST_PATTERN ? [] : [boundedPattern(value)];
    } catch {
      return [];
    }
  });
  return (text) => values.includes(text) || expressions.some((found) => found(text));
}

const UNITS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 };

/** `24h`, `1h30m`, Unix seconds, or RFC 3339: seconds since 1970. Throws `invalid`. */
export function pointInTime(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (/^(\d+[hms])+$/.test(text)) {
    const back = [...text.matchAll(/(\d+)([hms])/g)].reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0);
    return Date.now() / 1000 - back;
  }
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw invalid(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
  return time / 1000;
}
