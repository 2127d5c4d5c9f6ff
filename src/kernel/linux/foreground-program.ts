/** A program in the foreground, with this process's own streams. */
import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { EngineError } from '../../base/errors.ts';

/** A terminal's ^C and ^\ reach the program as they reach this process; other signals are sent on. */
const SENT_ON = ['SIGHUP', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const;
const BY_TERMINAL = ['SIGINT', 'SIGQUIT'] as const;

const FAILURES: Readonly<Record<string, readonly [exitCode: number, why: string]>> = {
  ENOENT: [127, 'executable file not found in $PATH'],
  EACCES: [126, 'permission denied'],
};

/**
 * Runs it to its end; gives its exit code, 128 and the signal's number where one ended it. Throws `invalid` with the
 * exit code 127 or 126 in its detail, as a shell has them, for what cannot be run.
 */
export async function runInForeground(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  let child: ChildProcess | undefined;
  // first of all: the program may be heard of, and a signal sent for it, before spawn has returned
  const listeners = [...SENT_ON, ...BY_TERMINAL].map((name) => {
    const sent = (SENT_ON as readonly string[]).includes(name) || !process.stdin.isTTY;
    const listener = () => void (sent && child?.kill(name));
    process.on(name, listener);
    return () => process.off(name, listener);
  });
  try {
    const started = (child = spawn(command, args, { stdio: 'inherit', env }));
    return await new Promise<number>((resolve, reject) => {
      started.once('error', (cause: NodeJS.ErrnoException) => {
        const [exitCode, why] = FAILURES[cause.code ?? ''] ?? [126, cause.message];
        reject(new EngineError('invalid', `exec: ${JSON.stringify(command)}: ${why}`, { cause, detail: { exitCode } }));
      });
      started.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
    });
  } finally {
    for (const stop of listeners) stop();
  }
}
