/** Texts as docker shortens and shows them in lists. */
import { goTime, rfc3339 } from '../go-time.ts';
import { ago } from '../units.ts';

/** How a list is made. */
export interface RowOptions {
  readonly noTrunc?: boolean | undefined;
  /** Unix time in milliseconds. */
  readonly now: number;
  /** A time zone's name; that of this process when absent. */
  readonly zone?: string | undefined;
}

/** Twelve digits of an id, without its algorithm. */
export function shortId(id: string): string {
  return id.replace(/^[^:]*:/, '').slice(0, 12);
}

/** How long before now, of Unix time in seconds. */
export function since(seconds: number, { now }: RowOptions): string {
  return `${ago(now - seconds * 1000)} ago`;
}

export function goSeconds(seconds: number, { zone }: RowOptions): string {
  return goTime({ seconds, nanoseconds: 0 }, zone);
}

export function isoSeconds(seconds: number, { zone }: RowOptions): string {
  return rfc3339({ seconds, nanoseconds: 0 }, { zone });
}

/** A reference as docker shows it: without its default registry and folder. */
export function familiar(name: string): string {
  return name.replace(/^(index\.)?docker\.io\//, '').replace(/^library\/(?=[^/]+$)/, '');
}

/** `redis:7` is `redis` and `7`; a registry's port is no tag. */
export function splitTag(name: string): [repository: string, tag: string | undefined] {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? [name.slice(0, colon), name.slice(colon + 1)] : [name, undefined];
}

/** As people sort: `a2` before `a10`. */
export function naturalCompare(a: string, b: string): number {
  const pieces = (text: string): readonly string[] => text.match(/\d+|\D/g) ?? [];
  const [x, y] = [pieces(a), pieces(b)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const [left, right] = [x[i]!, y[i]!];
    if (left === right) continue;
    if (!/^\d/.test(left) || !/^\d/.test(right)) return left < right ? -1 : 1;
    const [p, q] = [left.replace(/^0+(?=\d)/, ''), right.replace(/^0+(?=\d)/, '')];
    if (p !== q) return p.length - q.length || (p < q ? -1 : 1);
    return left.length - right.length;
  }
  return x.length - y.length;
}
