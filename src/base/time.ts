/** Unix time in nanoseconds as RFC 3339 with nanoseconds, trailing zeros cut, as Go's RFC3339Nano. */
export function rfc3339Nano(nanoseconds: bigint): string {
  const seconds = nanoseconds / 1_000_000_000n;
  const fraction = (nanoseconds % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** Now, in nanoseconds since 1970. */
export function nowNano(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}

/** Nanoseconds of milliseconds, which must be whole ones. */
export function nanoOf(milliseconds: number): bigint {
  return BigInt(milliseconds) * 1_000_000n;
}

/** Go's zero time. */
export const NEVER = '0001-01-01T00:00:00Z';

/** The same with all nine digits: such texts sort as the times do (from year 0 to 9999). */
export function rfc3339Fixed(nanoseconds: bigint): string {
  const text = rfc3339Nano(nanoseconds);
  return `${text.slice(0, 19)}.${text.slice(20, -1).padEnd(9, '0')}Z`;
}

/** Nanoseconds since 1970 of an RFC 3339 time in UTC, as above. Undefined for what is none. */
export function nanosecondsOf(time: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(time);
  const ms = Date.parse(`${match?.[1]}Z`);
  return match === null || Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}
