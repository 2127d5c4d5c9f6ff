/** Values as users write them: sizes, durations, counts, signals. */
import { invalid } from '../base/errors.ts';

const SIZE_STEPS = 'bkmgtp';

/** `64m`, `1.5GiB`, `1024`: bytes, steps of 1024, as docker's RAMInBytes. */
export function bytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])(?:i?b)?|b)?$/i.exec(text.trim());
  if (match === null) {
    const suffix = /^\d+(?:\.\d+)? ?([a-z]+)$/i.exec(text.trim())?.[1];
    throw invalid(suffix === undefined ? `invalid size: '${text}'` : `invalid suffix: '${suffix.toLowerCase()}'`);
  }
  const value = Math.trunc(Number(match[1]) * 1024 ** Math.max(0, SIZE_STEPS.indexOf((match[2] ?? 'b').toLowerCase())));
  if (!Number.isSafeInteger(value)) throw invalid(`invalid size: '${text}' is out of range`);
  return value;
}

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

export { signalNumber } from '../base/signals.ts';

/** How long ago, in docker's words. */
export function ago(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.round(minutes / 60);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}

const SI = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `4.26MB`: steps of 1000 and so many digits, as docker's HumanSize. */
export function humanSize(bytes: number, digits = 4): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < SI.length - 1; unit++) value /= 1000;
  return `${Number(value.toPrecision(digits))}${SI[unit]}`;
}
