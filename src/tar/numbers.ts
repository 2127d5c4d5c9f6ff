/** Numbers of tar headers: octal text, GNU's base-256, and the decimals of pax records. */
import { invalid } from '../base/errors.ts';

/** A numeric field. `what` names it in an error. */
export function headerNumber(block: Buffer, at: number, length: number, what: string): number {
  const first = block[at]!;
  return (first & 0x80) === 0 ? octal(block, at, at + length, what) : base256(block, at, at + length, what);
}

function octal(block: Buffer, start: number, end: number, what: string): number {
  let at = start;
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
  let value = 0;
  for (; at < end; at++) {
    const digit = block[at]! - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; at < end; at++) {
    if (block[at] !== 0x20 && block[at] !== 0) throw invalid(`invalid tar header: the ${what} is no octal number`);
  }
  return value; // 12 digits at most: exact
}

/** Big-endian two's complement; the top bit only marks the format. */
function base256(block: Buffer, start: number, end: number, what: string): number {
  const negative = (block[start]! & 0x40) !== 0;
  let value = negative ? -1n : 0n;
  for (let at = start; at < end; at++) {
    const byte = at === start ? (negative ? block[at]! | 0x80 : block[at]! & 0x7f) : block[at]!;
    value = (value << 8n) | BigInt(byte);
  }
  const number = Number(BigInt.asIntN(64, value));
  if (BigInt.asIntN(64, value) !== value || !Number.isSafeInteger(number)) throw invalid(`invalid tar header: the ${what} is out of range`);
  return number;
}

/** A decimal of a pax record, without sign. */
export function paxNumber(value: string, what: string): number {
  const number = Number(value);
  if (!/^[0-9]{1,16}$/.test(value) || !Number.isSafeInteger(number)) throw invalid(`invalid pax header: ${what} ${quote(value)} is no number in range`);
  return number;
}

/** Seconds with a fraction, as nanoseconds; what is finer is cut off. */
export function paxTime(value: string, what: string): bigint {
  const match = /^(-?)([0-9]{1,16})(?:\.([0-9]*))?$/.exec(value);
  if (match === null || value.length > 64) throw invalid(`invalid pax header: ${what} ${quote(value)} is no time`);
  const nanoseconds = BigInt(match[2]!) * 1_000_000_000n + BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  return match[1] === '-' ? -nanoseconds : nanoseconds;
}

/** Text from an archive for a message: short, and without what a terminal would obey. */
export function quote(text: string | Buffer): string {
  const string = typeof text === 'string' ? text : text.subarray(0, 1024).toString('utf8');
  return JSON.stringify(string.length > 256 ? `${string.slice(0, 256)}…` : string).replace(/[\u007f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}
