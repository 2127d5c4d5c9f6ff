/** Runs the hooks of an OCI spec that belong to the host's side. */
import { spawnSync } from 'node:child_process';

export interface HookCommand {
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

/** Runs one with the container's state on its standard input. Throws with what it wrote when it fails or takes too long. */
export function runHook(name: string, hook: HookCommand, state: string, cwd: string): void {
  const [, ...args] = hook.args ?? [];
  const env = Object.fromEntries((hook.env ?? []).map((entry) => [entry.split('=', 1)[0]!, entry.slice(entry.indexOf('=') + 1)]));
  const { status, signal, error, stderr } = spawnSync(hook.path, args, {
    input: state,
    env,
    cwd,
    argv0: hook.args?.[0] ?? hook.path,
    encoding: 'utf8',
    ...(hook.timeout ? { timeout: hook.timeout * 1000, killSignal: 'SIGKILL' as const } : {}),
  });
  if (error !== undefined) throw new Error(`error running ${name} hook ${hook.path}: ${error.message}`);
  if (status !== 0) throw new Error(`error running ${name} hook ${hook.path}: ${signal ?? `exit status ${status}`}, stderr: ${stderr.trim()}`);
}

/** Lines of ps(1) for some processes, with its heading. */
export function psLines(args: readonly string[], pids: readonly number[]): string[] {
  const { stdout } = spawnSync('ps', args.length > 0 ? args : ['-ef'], { encoding: 'utf8' });
  const [heading = '', ...lines] = stdout.trimEnd().split('\n');
  const column = heading.trim().split(/\s+/).indexOf('PID');
  return [heading, ...lines.filter((line) => pids.includes(Number(line.trim().split(/\s+/)[column])))];
}
