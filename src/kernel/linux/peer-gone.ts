/** Tells a peer that has closed only its half of a connection from one that has gone. */
import type { Socket } from 'node:net';
import { libC } from './libc.ts';

const POLLHUP = 0x10;

let poll: ((fds: Buffer, count: number, timeout: number) => number) | undefined;

/**
 * Whether nobody holds the other end of a Unix socket any more: an end of input alone does not say so, and Node tells no
 * more than that. Of TCP, where nobody can know before something is sent, always false.
 */
export function peerHasGone(socket: Socket): boolean {
  // of Node's own: it has no other way to give the fd
  const fd = (socket as Socket & { readonly _handle?: { readonly fd?: number } | null })._handle?.fd;
  if (fd === undefined || fd < 0) return false;
  poll ??= libC().func('int poll(_Inout_ void *fds, unsigned long count, int timeout)') as unknown as NonNullable<typeof poll>;
  const pollfd = Buffer.alloc(8); // what is asked for is nothing: a hang-up is told in any case
  pollfd.writeInt32LE(fd, 0);
  return poll(pollfd, 1, 0) === 1 && (pollfd.readInt16LE(6) & POLLHUP) !== 0;
}
