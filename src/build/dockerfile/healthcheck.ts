/** HEALTHCHECK's arguments and flags. */
import type { HealthcheckConfig } from './ast.ts';
import { parseNanoseconds } from './durations.ts';
import { wrong } from './failure.ts';
import { Flags } from './flags.ts';
import type { Node } from './node.ts';
import { goQuote } from '../../base/go-quote.ts';

const MILLISECOND = 1_000_000;
const MAX_RETRIES = 2 ** 31 - 1;
const NONE: HealthcheckConfig = { test: ['NONE'], interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 };

export function healthcheckOf(node: Node): HealthcheckConfig {
  const [first, ...words] = node.words;
  if (first === undefined) throw wrong('HEALTHCHECK requires at least one argument');
  const type = first.toUpperCase();
  if (type === 'NONE') {
    if (words.length > 0) throw wrong('HEALTHCHECK NONE takes no arguments');
    return NONE;
  }
  const flags = new Flags(node.flags, { interval: 'string', timeout: 'string', 'start-period': 'string', 'start-interval': 'string', retries: 'string' });
  if (type !== 'CMD') throw wrong(`Unknown type ${goQuote(type)} in HEALTHCHECK (try CMD)`);
  if (words.length === 0) throw wrong('Missing command after HEALTHCHECK CMD');
  return {
    test: [node.json ? 'CMD' : 'CMD-SHELL', ...words],
    interval: interval(flags, 'interval'),
    timeout: interval(flags, 'timeout'),
    startPeriod: interval(flags, 'start-period'),
    startInterval: interval(flags, 'start-interval'),
    retries: retries(flags.text('retries')),
  };
}

function interval(flags: Flags, name: string): number {
  const text = flags.text(name);
  const value = text === '' ? 0 : parseNanoseconds(text);
  if (value !== 0 && value < MILLISECOND) throw wrong(`Interval ${goQuote(name)} cannot be less than 1ms`);
  return value;
}

function retries(text: string): number {
  if (text === '') return 0;
  if (!/^[+-]?[0-9]{1,20}$/.test(text)) throw wrong(`strconv.ParseInt: parsing ${goQuote(text)}: invalid syntax`);
  const value = Number(text);
  if (Math.abs(value) > MAX_RETRIES) throw wrong(`strconv.ParseInt: parsing ${goQuote(text)}: value out of range`);
  if (value < 0) throw wrong(`--retries cannot be negative (${value})`);
  return value;
}
