/** Docker's credential helpers: programs of the user's, `docker-credential-NAME`, that keep secrets elsewhere. */
import { spawn } from 'node:child_process';
import { EngineError } from '../../base/errors.ts';

const MAX_OUTPUT = 1 << 20;
/** Milliseconds. A helper may have to ask its user. */
const TIMEOUT = 120_000;

export interface HelperAnswer {
  readonly code: number;
  readonly stdout: string;
}

/** Runs `docker-credential-NAME get` with `server` on its stdin. The name is of letters, digits, dots and dashes. */
export function credentialHelper(name: string, server: string, env: NodeJS.ProcessEnv = process.env): Promise<HelperAnswer> {
  return runCredentialHelper(name, 'get', server, env);
}

/** As `credentialHelper`, for all that helpers can. */
export function runCredentialHelper(
  name: string,
  action: 'get' | 'store' | 'erase',
  input: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<HelperAnswer> {
  return new Promise((resolve, reject) => {
    const program = `docker-credential-${name}`;
    const child = spawn(program, [action], { stdio: ['pipe', 'pipe', 'inherit'], env });
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT);
    const parts: Buffer[] = [];
    let size = 0;
    child.stdout.on('data', (part: Buffer) => {
      size += part.length;
      if (size > MAX_OUTPUT) child.kill('SIGKILL');
      else parts.push(part);
    });
    child.stdin.on('error', () => {}); // it need not read
    child.stdin.end(`${input}\n`);
    child.once('error', (cause) => {
      clearTimeout(timer);
      const hint = `the docker config file names it: install ${program}, or take it out there`;
      reject(new EngineError('unavailable', `error getting credentials - err: exec: "${program}": executable file not found in $PATH`, { cause, hint }));
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, stdout: Buffer.concat(parts).toString() });
    });
  });
}
