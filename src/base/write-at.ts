import { writeSync } from 'node:fs';

/** Writes all of it to a place of a file, over short writes (pwrite(2)). */
export function writeAt(fd: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}
