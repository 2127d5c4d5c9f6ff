import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { EngineError } from '../../src/base/errors.ts';

/**
 * Runs `work` while no other process holds `file` (flock(1), waits as long as it takes). The kernel lets go when the
 * holder dies, however it dies: flock's child reads a pipe that only this process keeps open.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const holder = spawn('flock', ['--exclusive', '--no-fork', file, 'sh', '-c', 'echo held; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => holder.once('close', () => resolve()));
  try {
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause?: Error) => reject(new EngineError('unavailable', `cannot lock ${file}`, { cause }));
      holder.once('error', refuse);
      holder.once('exit', () => refuse());
      holder.stdout.once('data', () => resolve());
    });
    return await work();
  } finally {
    holder.stdin.end();
    if (holder.pid !== undefined) await ended;
  }
}
