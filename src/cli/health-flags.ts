/** `--health-*` and `--no-healthcheck`. */
import { parseDuration } from '../base/durations.ts';
import { invalid } from '../base/errors.ts';
import type { HealthConfig } from '../engine/types/container.ts';
import type { Flags } from './flags.ts';
import { integer } from './units.ts';

const DURATIONS = {
  Interval: 'health-interval',
  Timeout: 'health-timeout',
  StartPeriod: 'health-start-period',
  StartInterval: 'health-start-interval',
} as const;

/** Undefined where nothing is asked. Throws `invalid` in docker's words. */
export function healthcheck(flags: Flags): HealthConfig | undefined {
  const names = ['health-cmd', 'health-retries', ...Object.values(DURATIONS)];
  const asked = names.some((name) => flags.has(name));
  if (flags.on('no-healthcheck')) {
    if (asked) throw invalid('--no-healthcheck conflicts with --health-* options');
    return { Test: ['NONE'] };
  }
  if (!asked) return undefined;
  const command = flags.value('health-cmd');
  const retries = flags.read('health-retries', (text) => integer(text, 'health-retries', Number.MIN_SAFE_INTEGER));
  if (retries !== undefined && retries < 0) throw invalid('--health-retries cannot be negative');
  const durations = Object.entries(DURATIONS).flatMap(([key, name]) => {
    const value = flags.read(name, duration);
    if (value !== undefined && value < 0) throw invalid(`--${name} cannot be negative`);
    return value === undefined ? [] : [[key, value]];
  });
  return {
    ...(command === undefined || command === '' ? {} : { Test: ['CMD-SHELL', command] }),
    ...Object.fromEntries(durations),
    ...(retries === undefined ? {} : { Retries: retries }),
  };
}

/** In nanoseconds. */
function duration(text: string): number {
  const value = parseDuration(text);
  if (value === undefined) throw invalid(`time: invalid duration ${JSON.stringify(text)}`);
  return Math.round(value * 1e6);
}
