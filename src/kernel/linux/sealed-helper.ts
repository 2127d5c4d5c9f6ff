/**
 * The helper as a sealed memfd: a copy that nothing can write to, not even a container that gets hold of
 * /proc/PID/exe (CVE-2019-5736). The helper makes such a copy of itself at each start when it is not one already; a
 * process that starts many containers makes it once, here, and saves each of them that step.
 */
import { readFileSync, writeSync } from 'node:fs';
import { SyscallError } from '../../base/errors.ts';
import { libC } from './libc.ts';

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE: memfd_create(2), fcntl(2). */
const ALL_SEALS = 0xf;

interface LibC {
  memfd_create(name: string, flags: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  errno(): number;
}

let libc: LibC | undefined;

function loadLibC(): LibC {
  const library = libC();
  return {
    memfd_create: library.func('int memfd_create(const char *name, unsigned int flags)') as LibC['memfd_create'],
    fcntl: library.func('int fcntl(int fd, int command, int argument)') as LibC['fcntl'],
    errno: library.errno,
  };
}

const sealed = new Map<string, string>();

/** A path to run the sealed copy by, valid as long as this process lives. Made once for each helper. */
export function sealedHelper(path: string): string {
  const known = sealed.get(path);
  if (known !== undefined) return known;
  libc ??= loadLibC();
  let fd = libc.memfd_create('kobako-helper', MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  // MFD_EXEC is new in Linux 6.3
  if (fd < 0) fd = libc.memfd_create('kobako-helper', MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) throw new SyscallError('memfd_create', libc.errno(), `errno ${libc.errno()}`, 'cannot make a memfd');
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
  if (libc.fcntl(fd, F_ADD_SEALS, ALL_SEALS) < 0) throw new SyscallError('fcntl', libc.errno(), `errno ${libc.errno()}`, 'cannot seal a memfd');
  const exe = `/proc/${process.pid}/fd/${fd}`;
  sealed.set(path, exe);
  return exe;
}
