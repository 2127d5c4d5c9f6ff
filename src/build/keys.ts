/** Names for what is done, by all that it depends on. */
import { createHash } from 'node:crypto';
import type { Digest } from '../base/digest.ts';

/** Of plain data, whatever the order of its members; a member that is undefined is like none. */
export function keyOf(...parts: readonly unknown[]): Digest {
  return `sha256:${createHash('sha256').update(canonical(parts)).digest('hex')}`;
}

function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return value.every(isPlain) ? JSON.stringify(value) : `[${value.map(canonical).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`)
    .join(',')}}`;
}

function isPlain(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}
