/** The C library's calls on sockets, for those that Node cannot open. */
import { getSystemErrorMap } from 'node:util';
import { SyscallError } from '../../base/errors.ts';
import { libC } from './libc.ts';

/** SOCK_*. */
export const SOCK = { STREAM: 1, DGRAM: 2, RAW: 3, NONBLOCK: 0x800, CLOEXEC: 0x80000 } as const;
/** For setsockopt(2): options of any socket. */
export const SOL_SOCKET = 1;

type Transfer = (fd: number, bytes: Buffer, length: number, flags: number) => number;

/** As in section 2 of the manual; below 0: failed, see `errno`. */
export interface SocketCalls {
  socket(family: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Buffer, length: number): number;
  bind(fd: number, address: Buffer, length: number): number;
  listen(fd: number, backlog: number): number;
  ioctl(fd: number, request: number, argument: Buffer): number;
  getsockname(fd: number, address: Buffer, length: Buffer): number;
  /** `async`: on another thread. */
  readonly send: Transfer & { async(...args: [...Parameters<Transfer>, done: (error: Error | null, result: number) => void]): void };
  readonly recv: Transfer;
  /** Of the last call that was made on this thread. */
  errno(): number;
}

let loaded: SocketCalls | undefined;

/** Loaded when they are first needed. */
export function socketCalls(): SocketCalls {
  if (loaded !== undefined) return loaded;
  const { func, errno } = libC();
  const call = <T>(prototype: string): T => func(prototype) as unknown as T;
  return (loaded = {
    socket: call<SocketCalls['socket']>('int socket(int family, int type, int protocol)'),
    setsockopt: call<SocketCalls['setsockopt']>('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)'),
    bind: call<SocketCalls['bind']>('int bind(int fd, const void *address, uint32_t length)'),
    listen: call<SocketCalls['listen']>('int listen(int fd, int backlog)'),
    ioctl: call<SocketCalls['ioctl']>('int ioctl(int fd, unsigned long request, _Inout_ void *argument)'),
    getsockname: call<SocketCalls['getsockname']>('int getsockname(int fd, _Out_ void *address, _Inout_ void *length)'),
    send: call<SocketCalls['send']>('intptr_t send(int fd, const void *bytes, size_t length, int flags)'),
    recv: call<SocketCalls['recv']>('intptr_t recv(int fd, _Out_ void *bytes, size_t length, int flags)'),
    errno,
  });
}

/** errno as a SyscallError; `explanation` is put after the system's own words. */
export function syscallError(syscall: string, errno: number, explanation?: string): SyscallError {
  const [name, message] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, `errno ${errno}`];
  return new SyscallError(syscall, errno, name, explanation === undefined ? message : `${message} (${explanation})`);
}

/** The result of one of the calls above; throws when it is a failure. */
export function checkedCall(syscall: string, result: number): number {
  if (result >= 0) return Number(result);
  throw syscallError(syscall, socketCalls().errno());
}
