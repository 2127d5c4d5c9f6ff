/** A disk without room. */
import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';

/** Writes a file until nothing fits any more, not even half a kilobyte. */
export function fill(path: string): void {
  const fd = openSync(path, 'w');
  try {
    for (let size = 1 << 20; size >= 512; size /= 2) while (written(fd, size));
  } finally {
    closeSync(fd);
  }
}

function written(fd: number, size: number): boolean {
  try {
    return writeSync(fd, Buffer.alloc(size)) > 0;
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    return false;
  }
}
