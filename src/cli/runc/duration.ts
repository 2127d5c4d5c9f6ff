import { invalid } from '../../base/errors.ts';

const UNITS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration as Go writes it (`1h2m3.5s`, `500ms`, `0`), in milliseconds. */
export function milliseconds(text: string): number {
  const wrong = () => invalid(`invalid value ${JSON.stringify(text)} for flag -interval: not a duration as 5s, 1m30s or 500ms`);
  if (text === '0') return 0;
  const [, sign, body] = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text) ?? [];
  if (body === undefined) throw wrong();
  let sum = 0;
  for (const [, number, unit] of body.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) sum += Number(number) * UNITS[unit!]!;
  if (!Number.isFinite(sum) || sum > 2 ** 31) throw wrong(); // a timer takes no more
  return sign === '-' ? -sum : sum;
}
