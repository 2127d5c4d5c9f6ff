/** Who is at the other end of a Unix socket, as far as Node does not tell it. */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { libC } from './libc.ts';
import { processStart } from './process.ts';

const POLLHUP = 0x10;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** A second of the times in /proc/PID/stat (USER_HZ, proc_pid_stat(5)). */
const TICKS = 100;

/** A process of this machine. */
export interface PeerProcess {
  /** Its command line; the first is the program. */
  readonly args: readonly string[];
  /** How long it has been there, in milliseconds, rounded down to hundredths of a second. */
  readonly ageMs: number;
}

let poll: ((fds: Buffer, count: number, timeout: number) => number) | undefined;
let getsockopt: ((fd: number, level: number, option: number, value: Buffer, length: Buffer) => number) | undefined;

/**
 * Whether nobody holds the other end of a Unix socket any more: an end of input alone does not say so, and Node tells no
 * more than that. Of TCP, where nobody can know before something is sent, always false.
 */
export function peerHasGone(socket: Socket): boolean {
  const fd = fdOf(socket);
  if (fd === undefined) return false;
  poll ??= libC().func('int poll(_Inout_ void *fds, unsigned long count, int timeout)') as unknown as NonNullable<typeof poll>;
  const pollfd = Buffer.alloc(8); // what is asked for is nothing: a hang-up is told in any case
  pollfd.writeInt32LE(fd, 0);
  return poll(pollfd, 1, 0) === 1 && (pollfd.readInt16LE(6) & POLLHUP) !== 0;
}

/** The process that connected; undefined where it cannot be told: of TCP, of another machine or pid namespace, of one that has gone. */
export function peerProcess(socket: Socket): PeerProcess | undefined {
  const fd = fdOf(socket);
  if (fd === undefined) return undefined;
  getsockopt ??= libC().func('int getsockopt(int fd, int level, int option, _Inout_ void *value, _Inout_ void *length)') as unknown as NonNullable<
    typeof getsockopt
  >;
  const credentials = Buffer.alloc(12); // pid, uid, gid (unix(7))
  const length = Buffer.alloc(4);
  length.writeUInt32LE(credentials.length);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) return undefined;
  const pid = credentials.readInt32LE(0);
  const began = pid > 0 ? processStart(pid) : undefined;
  if (began === undefined) return undefined;
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    const now = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * TICKS;
    return { args, ageMs: Math.max(0, Math.floor(now - Number(began) - 1) * (1000 / TICKS)) };
  } catch {
    return undefined;
  }
}

/** Of Node's own: it has no other way to give the fd. */
function fdOf(socket: Socket): number | undefined {
  const fd = (socket as Socket & { readonly _handle?: { readonly fd?: number } | null })._handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}
