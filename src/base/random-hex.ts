import { randomFillSync } from 'node:crypto';

/** Random bytes are taken from the kernel so many at a time: each call of it costs more than what it gives. */
const POOL = 2048;
const pool = Buffer.alloc(POOL);
let at = POOL;

/** So many random bytes (at most 64) as hexadecimal digits, which nobody else can know. */
export function randomHex(bytes: number): string {
  if (at + bytes > POOL) {
    randomFillSync(pool);
    at = 0;
  }
  const text = pool.toString('hex', at, at + bytes);
  // who reads this process's memory later learns nothing of what it gave
  pool.fill(0, at, at + bytes);
  at += bytes;
  return text;
}
