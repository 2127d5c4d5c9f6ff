import type { Plan } from '../plan/ops.ts';

/** Hands a handle on a process to whoever listens on a socket. */
export function planPidfd(pid: number, socket: string): Plan {
  const side = 'monitor';
  return {
    ops: [
      { op: 'pidfd-open', side, into: 'pidfd', pid, subject: `process ${pid}` },
      { op: 'connect-unix', side, into: 'socket', path: socket, subject: `pidfd socket ${socket}` },
      { op: 'send-fd', side, socket: 'socket', slot: 'pidfd', data: Buffer.from('pidfd'), subject: `pidfd socket ${socket}` },
    ],
  };
}
