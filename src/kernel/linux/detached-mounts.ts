/** The calls of `mount-contract.ts`: fsopen(2), fsconfig(2), fsmount(2). */
import { closeSync, readFileSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { SyscallError } from '../../base/errors.ts';
import { libC } from './libc.ts';
import { ATTR } from '../constants.ts';
import type { DetachedMounts } from '../mount-contract.ts';

/** The same on x86_64 and aarch64. The C library has no names for them before glibc 2.36. */
const SYS = { fsopen: 430, fsconfig: 431, fsmount: 432 } as const;
const CLOEXEC = 1;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;

interface LibC {
  open(number: number, type: string, flags: number): number;
  config(number: number, fd: number, command: number, key: string | null, value: string | null, aux: number): number;
  mount(number: number, fd: number, flags: number, attrs: number): number;
  errno(): number;
}

let libc: LibC | undefined;

function loadLibC(): LibC {
  const library = libC();
  // not as a variadic function: system calls take all their arguments in registers, as these prototypes pass them
  return {
    open: library.func('syscall', 'long', ['long', 'str', 'long']) as LibC['open'],
    config: library.func('syscall', 'long', ['long', 'long', 'long', 'str', 'str', 'long']) as LibC['config'],
    mount: library.func('syscall', 'long', ['long', 'long', 'long', 'long']) as LibC['mount'],
    errno: library.errno,
  };
}

export function linuxDetachedMounts(): DetachedMounts {
  return { readFile };
}

function readFile(type: string, options: readonly (readonly [key: string, value: string])[], path: string): Buffer {
  const calls = (libc ??= loadLibC());
  const fs = check(calls, 'fsopen', calls.open(SYS.fsopen, type, CLOEXEC));
  try {
    for (const [key, value] of options) check(calls, `fsconfig ${key}`, calls.config(SYS.fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0));
    check(calls, 'fsconfig create', calls.config(SYS.fsconfig, fs, FSCONFIG_CMD_CREATE, null, null, 0));
    const mount = check(calls, 'fsmount', calls.mount(SYS.fsmount, fs, CLOEXEC, ATTR.RDONLY));
    try {
      return readFileSync(`/proc/self/fd/${mount}/${path}`);
    } finally {
      closeSync(mount);
    }
  } finally {
    closeSync(fs);
  }
}

function check(calls: LibC, syscall: string, result: number): number {
  if (result >= 0) return Number(result);
  const errno = calls.errno();
  const [name, message] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, `errno ${errno}`];
  throw new SyscallError(syscall, errno, name, message);
}
