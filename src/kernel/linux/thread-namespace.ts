/**
 * In which network namespace this thread is: setns(2), unshare(2). The rest of the process must never notice, so the thread
 * is always back before anything else runs, or the process ends.
 */
import { closeSync, openSync } from 'node:fs';
import { EngineError } from '../../base/errors.ts';
import { startHelperThreads } from './helper-threads.ts';
import { libC } from './libc.ts';
import { syscallError } from './socket-calls.ts';

const CLONE_NEWNET = 0x4000_0000;
const EBUSY = 16;
/** Not /proc/self: that is the main thread, also for a worker. */
const OWN = '/proc/thread-self/ns/net';

interface Calls {
  setns(fd: number, type: number): number;
  unshare(flags: number): number;
  errno(): number;
}

let loaded: Calls | undefined;

function calls(): Calls {
  if (loaded !== undefined) return loaded;
  const library = libC();
  return (loaded = {
    setns: library.func('int setns(int fd, int type)') as unknown as Calls['setns'],
    unshare: library.func('int unshare(int flags)') as unknown as Calls['unshare'],
    errno: library.errno,
  });
}

/** Where this thread is: the last one is now, the first is where it was from the beginning. */
const entered: number[] = [];

/** An fd of the namespace in which this thread lives; it stays open. */
export function homeNamespace(): number {
  if (entered.length === 0) {
    startHelperThreads();
    entered.push(openSync(OWN, 'r'));
  }
  return entered[0]!;
}

/** See `NetworkNamespace.within`. */
export function withinNamespace<T>(fd: number, work: () => T): T {
  homeNamespace();
  if (entered.at(-1) === fd) return synchronous(work);
  const { setns, errno } = calls();
  if (setns(fd, CLONE_NEWNET) !== 0) throw syscallError('setns', errno());
  return stay(fd, work);
}

/** The fd of a fresh namespace, close-on-exec. `work` runs inside before this thread goes back. */
export function unshareNamespace(work: () => void): number {
  homeNamespace();
  const { unshare, errno } = calls();
  if (unshare(CLONE_NEWNET) !== 0) throw syscallError('unshare', errno());
  return stay(-1, () => {
    const fd = openSync(OWN, 'r');
    try {
      work();
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return fd;
  });
}

/** Closes the fd of a namespace; `EBUSY` while this thread is in it by this fd. */
export function closeNamespace(fd: number): void {
  if (entered.includes(fd)) throw syscallError('close network namespace', EBUSY);
  closeSync(fd);
}

function stay<T>(fd: number, work: () => T): T {
  const back = entered.at(-1)!;
  entered.push(fd);
  try {
    return synchronous(work);
  } finally {
    entered.pop();
    // nothing of this process may go on in a namespace that is not its own: not even an error message
    if (returnTo(back) !== 0) process.abort();
  }
}

function synchronous<T>(work: () => T): T {
  const result = work();
  if (result instanceof Promise) throw new EngineError('internal', 'work in a network namespace must be synchronous');
  return result;
}

function returnTo(fd: number): number {
  try {
    // -1: inside a namespace that is only just being made, which has no fd yet
    return fd === -1 ? -1 : calls().setns(fd, CLONE_NEWNET);
  } catch {
    return -1;
  }
}
