/** Advisory locks between processes, by flock(2): the kernel lets go of one when its holder dies, however it dies. */
import { close, closeSync, existsSync, fstatSync, mkdirSync, openSync, statSync } from 'node:fs';
import { appendFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../base/errors.ts';
import type { FileLock, FileLocks } from '../contract.ts';
import { libC } from './libc.ts';

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
const POLL_MS = 5;

let flock: ((fd: number, operation: number) => number) | undefined;

function libc() {
  return (flock ??= libC().func('int flock(int fd, int operation)') as unknown as NonNullable<typeof flock>);
}

/** `FileLocks` of kernel/contract.ts. */
export const linuxFileLocks: FileLocks = {
  tryLock(path, kind) {
    const fd = opened(path);
    // EWOULDBLOCK is the only thing that can go wrong with an fd just opened, but for a signal
    if (libc()(fd, (kind === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0 && stillNamed(path, fd)) return held(fd);
    closeSync(fd);
    return undefined;
  },
  async lock(path, kind, signal) {
    // a file is made by another thread: where much is written to the disk it takes its time
    if (!existsSync(path)) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await appendFile(path, '', { mode: 0o600 });
    }
    for (;;) {
      const lock = linuxFileLocks.tryLock(path, kind);
      if (lock !== undefined) return lock;
      if (signal?.aborted === true)
        throw signal.reason instanceof EngineError ? signal.reason : new EngineError('cancelled', 'given up', { cause: signal.reason });
      await sleep(POLL_MS);
    }
  },
};

function opened(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return openSync(path, 'a', 0o600);
  }
}

/** A holder may remove the file before it lets go: then the lock of that file is nobody's, and the next one is of a new file. */
function stillNamed(path: string, fd: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino;
}

function held(fd: number): FileLock {
  let open = true;
  return {
    [Symbol.dispose]() {
      if (!open) return;
      open = false;
      libc()(fd, LOCK_UN);
      // with the last of a removed file its place on the disk goes: by another thread
      if (fstatSync(fd).nlink === 0) close(fd, () => {});
      else closeSync(fd);
    },
  };
}
