/** Mounts an index and its tar and runs a shell script there: `unshare --mount node mount-erofs.ts INDEX TAR MOUNTPOINT SCRIPT`. */
import { spawnSync } from 'node:child_process';
import { mountErofs } from './walk.ts';

const [index, tar, mountPoint, script] = process.argv.slice(2) as [string, string, string, string];
mountErofs(index, tar, mountPoint);
process.exitCode = spawnSync('sh', ['-ec', script], { cwd: mountPoint, stdio: 'inherit' }).status ?? 1;
