import { spawn } from 'node:child_process';
import { EngineError } from '../../src/base/errors.ts';

// what tests start in the background must not start a daemon, which nobody would end
process.env['KOBAKO_DAEMON'] ??= 'never';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Written to the command's stdin, which is then closed. Without it, stdin is /dev/null. */
  readonly input?: string;
  /** Milliseconds; then SIGKILL. Default: a minute, and three in the virtual machine, whose processors are emulated. */
  readonly timeoutMs?: number;
}

export interface RunResult {
  /** The exit code; 128 + signal number is not used: a killed command has code -1 and a signal. */
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end and collects its output. Throws only if it cannot be started or takes too long. */
export function run(program: string, args: readonly string[] = [], options: RunOptions = {}): Promise<RunResult> {
  const timeoutMs = options.timeoutMs ?? (process.env['KOBAKO_VM'] ? 180_000 : 60_000);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout!.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr!.on('data', (chunk: Buffer) => stderr.push(chunk));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(new EngineError('unavailable', `cannot run ${program}`, { cause }));
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (late) return reject(new EngineError('cancelled', `${program}: killed after ${timeoutMs} ms`));
      resolve({
        code: code ?? -1,
        signal,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      });
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
  });
}

/** As `run`, but a code other than 0 is an error that quotes the end of stderr. */
export async function runOk(program: string, args: readonly string[] = [], options: RunOptions = {}): Promise<RunResult> {
  const result = await run(program, args, options);
  if (result.code !== 0) {
    const last = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-5).join('; ');
    throw new EngineError('unavailable', `${program} ${args.join(' ')}: ${result.signal ?? `exit code ${result.code}`}: ${last}`);
  }
  return result;
}
