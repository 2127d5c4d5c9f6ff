/** Times as Go prints them, in the zone of whoever looks (`TZ`), or in one that is named. */

export interface Instant {
  /** Unix time. */
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Of RFC 3339; undefined for what is none. */
export function parseTime(text: string): Instant | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const milliseconds = match === null ? Number.NaN : Date.parse(match[1]! + match[3]!);
  if (Number.isNaN(milliseconds)) return undefined;
  return { seconds: milliseconds / 1000, nanoseconds: Number((match![2] ?? '').padEnd(9, '0')) };
}

const pad = (value: number, digits = 2) => String(value).padStart(digits, '0');

interface Local {
  readonly date: string;
  readonly clock: string;
  /** Minutes east of Greenwich. */
  readonly offset: number;
}

function local({ seconds }: Instant, zone: string | undefined): Local {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
    era: 'short',
  });
  const parts = Object.fromEntries(format.formatToParts(seconds * 1000).map(({ type, value }) => [type, value]));
  const [year, month, day, hour, minute, second] = [parts['year'], parts['month'], parts['day'], parts['hour'], parts['minute'], parts['second']].map(
    Number,
  ) as [number, number, number, number, number, number];
  const wall = Date.UTC(2000, month - 1, day, hour, minute, second);
  const date = new Date(wall);
  date.setUTCFullYear(year);
  return {
    date: `${pad(year, 4)}-${pad(month)}-${pad(day)}`,
    clock: `${pad(hour)}:${pad(minute)}:${pad(second)}`,
    offset: Math.round((date.getTime() / 1000 - seconds) / 60),
  };
}

const sign = (offset: number, colon: string) => `${offset < 0 ? '-' : '+'}${pad(Math.trunc(Math.abs(offset) / 60))}${colon}${pad(Math.abs(offset) % 60)}`;
const fraction = ({ nanoseconds }: Instant) => (nanoseconds === 0 ? '' : `.${pad(nanoseconds, 9).replace(/0+$/, '')}`);

/** Where the letters of a zone are known by somebody. */
const READERS = ['en-US', 'en-GB', 'en-AU', 'en-IN', 'en-NZ', 'en-ZA'];

/** `CEST`; Go has the offset where a zone has no letters. */
function zoneName({ seconds }: Instant, zone: string | undefined, offset: number): string {
  for (const reader of READERS) {
    const parts = new Intl.DateTimeFormat(reader, { timeZone: zone, timeZoneName: 'short' }).formatToParts(seconds * 1000);
    const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
    if (/^[A-Z]{2,5}$/.test(name)) return name;
  }
  return sign(offset, '').replace(/00$/, '');
}

/** `2026-11-25 22:41:16.5 +0100 CET` */
export function goTime(time: Instant, zone?: string): string {
  const { date, clock, offset } = local(time, zone);
  return `${date} ${clock}${fraction(time)} ${sign(offset, '')} ${zoneName(time, zone, offset)}`;
}

/** `2026-11-25T22:41:16+01:00`; with `nanoseconds` always all nine digits. */
export function rfc3339(time: Instant, { zone, nanoseconds = false }: { zone?: string | undefined; nanoseconds?: boolean } = {}): string {
  const { date, clock, offset } = local(time, zone);
  return `${date}T${clock}${nanoseconds ? `.${pad(time.nanoseconds, 9)}` : ''}${offset === 0 ? 'Z' : sign(offset, ':')}`;
}
