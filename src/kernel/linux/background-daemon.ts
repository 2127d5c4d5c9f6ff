/** A daemon that outlives who started it. */
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../base/errors.ts';
import { linuxFileLocks } from './file-lock.ts';

/** Milliseconds: until it must take connections, and between two tries. */
const TIMEOUT = 30_000;
const POLL = 10;
/** How much of its log a failure quotes. */
const LINES = 5;

export interface BackgroundDaemon {
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  /** Where it will listen. What it writes goes to `daemon.log` beside it. */
  readonly socket: string;
}

/** Whether somebody takes connections at a Unix socket. */
export function listens(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const attempt = connect(socket);
    const settle = (value: boolean) => {
      attempt.destroy();
      resolve(value);
    };
    attempt.once('connect', () => settle(true));
    // one that may not be used is there all the same: who uses it is told why
    attempt.once('error', (error: NodeJS.ErrnoException) => settle(error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED' && error.code !== 'ENOTDIR'));
  });
}

/** Starts one unless it is there. Of several who do this at once one starts it. Throws `unavailable` with the end of its log. */
export async function startInBackground({ command: [program, ...args], env, socket }: BackgroundDaemon): Promise<void> {
  const folder = dirname(socket);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  using _lock = await linuxFileLocks.lock(`${folder}/daemon-start.lock`, 'exclusive', AbortSignal.timeout(TIMEOUT));
  if (await listens(socket)) return;
  const log = `${folder}/daemon.log`;
  const fd = openSync(log, 'a', 0o600);
  const before = fstatSync(fd).size;
  let ended: string | undefined;
  try {
    const child = spawn(program, args, { detached: true, stdio: ['ignore', fd, fd], env, cwd: '/' });
    child.once('error', (error) => (ended = error.message));
    child.once('exit', (code, signal) => (ended = `it ended with ${signal ?? `exit code ${code}`}`));
    child.unref();
  } finally {
    closeSync(fd);
  }
  for (const end = Date.now() + TIMEOUT; Date.now() < end; await sleep(POLL)) {
    if (await listens(socket)) return;
    if (ended !== undefined) break;
  }
  const words = readFileSync(log).subarray(before).toString().trim().split('\n').slice(-LINES).join('\n');
  throw new EngineError('unavailable', `the daemon could not be started: ${ended ?? 'it does not answer'}`, {
    detail: { shown: words },
    hint: `${log} has what it wrote; with KOBAKO_DAEMON=never there is none, and nobody looks after the container`,
  });
}
