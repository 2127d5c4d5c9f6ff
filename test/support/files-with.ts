import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/**
 * The files at and below these places in which one of the texts is. Not those of more than 64 MiB: what tests make is smaller,
 * and other programs keep disks of gigabytes in /dev/shm.
 */
export function filesWith(texts: readonly string[], ...places: readonly string[]): string[] {
  const search = ['grep', '-laF', ...texts.flatMap((text) => ['-e', text])];
  const args = [...places.filter(existsSync), '-type', 'f', '-size', '-65536k', '-exec', ...search, '{}', '+'];
  // its code says whether grep found something; files may go while it looks
  const { error, stdout } = spawnSync('find', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  if (error !== undefined) throw error;
  return stdout.split('\n').filter(Boolean).toSorted();
}
