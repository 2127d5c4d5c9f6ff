/** The machine's git, with nothing of anybody's configuration: no hooks, no helpers, no prompts. */
import { spawn } from 'node:child_process';
import { EngineError } from '../../base/errors.ts';
import { withoutCredentials } from '../../base/url-credentials.ts';

const MAX_OUTPUT = 1 << 20;
/** Milliseconds, for one command. */
const TIMEOUT = 10 * 60_000;

/** Programs that a repository or a user could name are none here. */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.symlinks=true',
  'core.protectHFS=true',
  'core.protectNTFS=true',
  'protocol.allow=never',
  'protocol.http.allow=always',
  'protocol.https.allow=always',
  'protocol.git.allow=always',
  'protocol.ssh.allow=always',
  'transfer.fsckObjects=true',
  'http.lowSpeedLimit=1',
  'http.lowSpeedTime=60',
  'gc.auto=0',
  'maintenance.auto=false',
  'init.defaultBranch=master',
];

export interface GitOptions {
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** An ssh agent's socket. */
  readonly sshAgent?: string | undefined;
  /** Also repositories in folders of this machine. */
  readonly local?: boolean | undefined;
}

/** Gives what it printed. Throws `unavailable` where there is no git, `invalid` with git's words for a command that failed. */
export function git(args: readonly string[], { cwd, signal, sshAgent, local = false }: GitOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      HOME: cwd,
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_SYSTEM: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      GIT_ASKPASS: '/bin/false',
      GIT_SSH_COMMAND: 'ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=30',
      ...(sshAgent === undefined ? {} : { SSH_AUTH_SOCK: sshAgent }),
      ...proxies(),
    };
    const settings = local ? [...SETTINGS, 'protocol.file.allow=always'] : SETTINGS;
    const child = spawn('git', [...settings.flatMap((setting) => ['-c', setting]), ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const end = () => {
      try {
        // its transports, too
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // it has ended
      }
    };
    const timer = setTimeout(end, TIMEOUT);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    const texts = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (texts[name].length < MAX_OUTPUT) texts[name] += text;
      });
    }
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    };
    child.once('error', (cause) => {
      over();
      reject(
        new EngineError('unavailable', 'git is needed to fetch a repository, and this machine has none: exec: "git": executable file not found in $PATH', {
          cause,
          hint: 'install git, or give the files themselves',
        }),
      );
    });
    child.once('close', (code) => {
      over();
      if (signal.aborted) reject(signal.reason as Error);
      else if (code === 0) resolve(texts.stdout);
      else
        reject(new EngineError('invalid', `failed to run git ${args[0]}: ${withoutCredentials(texts.stderr).trim().slice(-2000) || `it was ended (${code})`}`));
    });
  });
}

function proxies(): Record<string, string> {
  const names = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}
