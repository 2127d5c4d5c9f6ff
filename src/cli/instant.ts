/** Points in time as `--since` and `--until` take them. */
import { parseDuration } from '../base/durations.ts';
import { invalid } from '../base/errors.ts';

const MS = 1_000_000n;
const SECOND = 1_000_000_000n;
const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?$/;

/**
 * `10m` ago, Unix time with a fraction, or RFC 3339, of which the end may be missing; without a zone it is this
 * process's. In nanoseconds since 1970. Throws `invalid`.
 */
export function instant(text: string, now = Date.now()): bigint {
  const duration = parseDuration(text);
  if (duration !== undefined && text !== '0') return BigInt(now) * MS - BigInt(Math.round(duration * 1e6));
  const unix = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (unix !== null) return BigInt(unix[1]!) * SECOND + fraction(unix[2]);
  const match = DATE.exec(text);
  if (match === null) throw invalid(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
  const [, year, month, day, hour = '00', minute = '00', second = '00', rest, zone = ''] = match;
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  if (Number.isNaN(at)) throw invalid(`parsing time ${JSON.stringify(text)}: out of range`);
  return BigInt(at) * MS + fraction(rest);
}

function fraction(digits = ''): bigint {
  return BigInt(digits.padEnd(9, '0'));
}
