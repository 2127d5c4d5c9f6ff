/** HEALTHCHECK's durations, in nanoseconds, read and written as Go does. */
import { wrong } from './failure.ts';
import { goQuote } from '../../base/go-quote.ts';

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 6e10, h: 3.6e12 };
/** Go's durations are 64 bits wide. */
const MAX = 2 ** 63;

/** time.ParseDuration; throws in its words. */
export function parseNanoseconds(text: string): number {
  const bad = () => wrong(`time: invalid duration ${goQuote(text)}`);
  const [, sign, body] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (body === '0') return 0;
  if (body === undefined || body === '' || body.length > 256) throw bad();
  let sum = 0;
  for (let rest = body; rest !== '';) {
    const [whole, number, unit] = /^([0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]*)/.exec(rest) ?? [];
    if (whole === undefined || number === undefined) throw bad();
    if (unit === '' || unit === undefined) throw wrong(`time: missing unit in duration ${goQuote(text)}`);
    const scale = Object.hasOwn(UNITS, unit) ? UNITS[unit]! : undefined;
    if (scale === undefined) throw wrong(`time: unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`);
    sum += Number(number) * scale;
    rest = rest.slice(whole.length);
  }
  if (sum >= MAX) throw bad();
  return Math.trunc(sign === '-' ? -sum : sum);
}

/** Duration.String: `1h30m0s`, `1.5s`, `300ms`, `0s`. */
export function formatNanoseconds(value: number): string {
  if (value === 0) return '0s';
  const sign = value < 0 ? '-' : '';
  const size = Math.abs(value);
  if (size < 1e3) return `${sign}${size}ns`;
  if (size < 1e6) return `${sign}${size / 1e3}µs`;
  if (size < 1e9) return `${sign}${size / 1e6}ms`;
  const minutes = Math.floor(size / 6e10);
  const seconds = `${Math.round(size - minutes * 6e10) / 1e9}s`;
  if (minutes === 0) return sign + seconds;
  return `${sign}${minutes >= 60 ? `${Math.floor(minutes / 60)}h` : ''}${minutes % 60}m${seconds}`;
}
