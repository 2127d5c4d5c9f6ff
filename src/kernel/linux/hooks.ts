/** Runs the hooks of an OCI spec that belong to the host's side. */
import { spawnSync } from 'node:child_process';

export interface HookCommand {
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

/** Runs one with the container's state on its standard input. Throws, in runc's words, when it fails or takes too long. */
export function runHook(name: string, hook: HookCommand, state: string, cwd: string): void {
  const [, ...args] = hook.args ?? [];
  const env = Object.fromEntries((hook.env ?? []).map((entry) => [entry.split('=', 1)[0]!, entry.slice(entry.indexOf('=') + 1)]));
  const { status, signal, error, stdout, stderr } = spawnSync(hook.path, args, {
    input: state,
    env,
    cwd,
    argv0: hook.args?.[0] ?? hook.path,
    encoding: 'utf8',
    ...(hook.timeout ? { timeout: hook.timeout * 1000, killSignal: 'SIGKILL' as const } : {}),
  });
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ETIMEDOUT') throw new Error(`error running ${name}: hook ran past specified timeout of ${hook.timeout}s (${hook.path})`);
  // one that does not read its input to the end has not failed
  if (error !== undefined && code !== 'EPIPE') throw new Error(`error running ${name}: ${hook.path}: ${error.message}`);
  if (status !== 0)
    throw new Error(`error running ${name}: ${signal ?? `exit status ${status}`}, stdout: ${stdout.trim()}, stderr: ${stderr.trim()} (${hook.path})`);
}

/** Lines of ps(1) for some processes, with its heading. */
export function psLines(args: readonly string[], pids: readonly number[]): string[] {
  const { stdout, stderr, status, error } = spawnSync('ps', args.length > 0 ? args : ['-ef'], { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`ps: ${error.message}`);
  if (status !== 0) throw new Error(`ps ${args.join(' ')}: exit status ${status}: ${stderr.trim().split('\n')[0]}`);
  const [heading = '', ...lines] = stdout.trimEnd().split('\n');
  const column = heading.trim().split(/\s+/).indexOf('PID');
  if (column < 0) throw new Error(`ps ${args.join(' ')}: couldn't find PID field in ps output`);
  return [heading, ...lines.filter((line) => pids.includes(Number(line.trim().split(/\s+/)[column])))];
}
