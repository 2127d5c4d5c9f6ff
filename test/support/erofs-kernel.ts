import { readFileSync } from 'node:fs';
import { run } from './run.ts';

/** Why the kernel cannot mount our EROFS layers here; undefined when it can. */
export async function whyNoErofs(): Promise<string | undefined> {
  const known = () => readFileSync('/proc/filesystems', 'utf8').includes('\terofs\n');
  if (!known()) await run('modprobe', ['erofs']).catch(() => undefined);
  if (!known()) return 'this kernel has no EROFS';
  const release = /^(\d+)\.(\d+)/.exec(readFileSync('/proc/sys/kernel/osrelease', 'utf8'))!;
  return Number(release[1]) * 1000 + Number(release[2]) < 6012 ? `Linux ${release[0]} mounts EROFS from block devices only` : undefined;
}
