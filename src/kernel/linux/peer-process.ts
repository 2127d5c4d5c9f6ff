/** Who is at the other end of a Unix socket. */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { libC } from './libc.ts';

/** A process of this machine. */
export interface PeerProcess {
  /** Its command line; the first is the program. */
  readonly args: readonly string[];
  /** How long it has been there, in milliseconds, rounded down to hundredths of a second. */
  readonly ageMs: number;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** Of the times in /proc/PID/stat (USER_HZ, proc_pid_stat(5)). */
const TICKS = 100;

let getsockopt: ((fd: number, level: number, option: number, value: Buffer, length: Buffer) => number) | undefined;

/** The process that connected; undefined where it cannot be told: of TCP, of another machine or pid namespace, of one that has gone. */
export function peerProcess(socket: Socket): PeerProcess | undefined {
  // of Node's own: it has no other way to give the fd
  const fd = (socket as Socket & { readonly _handle?: { readonly fd?: number } | null })._handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  getsockopt ??= libC().func('int getsockopt(int fd, int level, int option, _Inout_ void *value, _Inout_ void *length)') as unknown as NonNullable<
    typeof getsockopt
  >;
  const credentials = Buffer.alloc(12); // pid, uid, gid (unix(7))
  const length = Buffer.alloc(4);
  length.writeUInt32LE(credentials.length);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) return undefined;
  const pid = credentials.readInt32LE(0);
  if (pid <= 0) return undefined;
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const began = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
    const now = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * TICKS;
    return { args, ageMs: Math.max(0, Math.floor(now - began - 1) * (1000 / TICKS)) };
  } catch {
    return undefined;
  }
}
