/** Values as users write them: sizes, durations, counts, signals. */
import { invalid } from '../base/errors.ts';

export { sizeBytes as bytes } from '../base/sizes.ts';

/** A whole number, `min` or more. The message is Go's, as docker gives it. */
export function integer(text: string, flag: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  const refuse = (why: string) => invalid(`invalid argument "${text}" for "--${flag}" flag: ${why}`);
  if (!/^[+-]?\d+$/.test(text)) throw refuse(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (!Number.isSafeInteger(value) || value > max) throw refuse(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  if (value < min) throw refuse(`it is less than ${min}`);
  return value;
}

/** `0.5` processors in billionths. */
export function nanoCpus(text: string): number {
  if (/^\d+\.\d{10,}$/.test(text)) throw invalid(`invalid argument "${text}" for "--cpus" flag: value is too precise`);
  if (!/^\d+(\.\d{1,9})?$/.test(text)) throw invalid(`invalid argument "${text}" for "--cpus" flag: failed to parse ${text} as a rational number`);
  return Math.round(Number(text) * 1e9);
}

export { binarySize, humanSize } from '../base/human-size.ts';
export { signalNumber } from '../base/signals.ts';

/** How long ago, in docker's words. */
export { humanDuration as ago } from '../base/durations.ts';
