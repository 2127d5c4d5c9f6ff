import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { projectDir } from './paths.ts';
import { run } from './run.ts';

export interface FdReceiver {
  /** What the fd gave, when it has ended. */
  readonly output: Promise<string>;
}

/** Builds test/native/recv-fd.c into a folder; or says why this machine cannot. */
export async function buildFdReceiver(folder: string): Promise<{ path: string } | { skip: string }> {
  const path = `${folder}/recv-fd`;
  const cc = process.env['CC'] ?? 'cc';
  const made = await run(cc, ['-O1', `${projectDir}/test/native/recv-fd.c`, '-o', path]).catch(() => undefined);
  if (made === undefined) return { skip: `no C compiler (${cc})` };
  return made.code === 0 ? { path } : { skip: `cannot compile: ${made.stderr.slice(0, 300)}` };
}

/** Listens on a socket for one fd; resolves when it listens. */
export async function receiveFd(program: string, socket: string, input = ''): Promise<FdReceiver> {
  const child = spawn(program, [socket], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(input);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  const output = once(child, 'close').then(() => {
    clearTimeout(timer);
    return text.replace(/^ready\n/, '');
  });
  while (!text.startsWith('ready\n')) await Promise.race([once(child.stdout, 'data'), output]);
  return { output };
}
