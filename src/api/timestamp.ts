import { invalid } from '../base/errors.ts';

const NS_PER_SECOND = 1_000_000_000n;

/** `1136073600.000000001`: Unix time in nanoseconds, as Docker's clients write it in seconds; nothing, and 0, are none. */
export function timestampOf(text: string | undefined): bigint | undefined {
  if (text === undefined || text === '') return undefined;
  const match = /^([+-]?\d+)(?:\.(\d*))?$/.exec(text);
  if (match === null) throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(text.split('.')[0])}: invalid syntax`);
  const time = BigInt(match[1]!) * NS_PER_SECOND + BigInt((match[2] ?? '').slice(0, 9).padEnd(9, '0'));
  return time === 0n ? undefined : time;
}
