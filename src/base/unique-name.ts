import { randomBytes } from 'node:crypto';

let prefix: string | undefined;
let count = 0;

/** A name that no other process and no other call gives, of letters and digits: for a file on its way to its final name. No secret. */
export function uniqueName(): string {
  return `${(prefix ??= randomBytes(8).toString('hex'))}${(count++).toString(36)}`;
}
