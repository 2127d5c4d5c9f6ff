import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { EngineError } from '../../src/base/errors.ts';

const PREFIX = 'kobako-test-';
const live = new Set<string>();

/**
 * Runs `use` with a new temporary folder, and removes the folder after it, however it ends. A mount that is still in
 * the folder is unmounted first (else removing would reach into what is mounted there) and reported as an error.
 */
export async function withTemp<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = makeTemp();
  let result: T;
  try {
    result = await use(folder);
  } catch (error) {
    remove(folder); // the first failure is the one to report
    throw error;
  }
  const mounts = remove(folder);
  if (mounts.length > 0) throw new EngineError('internal', `left mounted in a temporary folder: ${mounts.join(', ')}`);
  return result;
}

/**
 * A temporary folder for a test. It is there until the file's process ends: node:test runs a test's after hooks in the
 * order in which they were given, and those that come later (a container is removed) still need what lies in it.
 */
export function tempFor(_t: { after(hook: () => void): void }): string {
  return makeTemp();
}

/** The mount points at or below a folder, in the order in which they were mounted. */
export function mountsBelow(folder: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))))
    .filter((path) => path === folder || path.startsWith(`${folder}/`));
}

function makeTemp(): string {
  if (live.size === 0) process.once('exit', removeAll);
  sweep();
  // The name says whose it is, so that a later run can tell what a killed one left.
  const folder = realpathSync(mkdtempSync(`${tmpdir()}/${PREFIX}${process.pid}.${startTime(process.pid)}-`));
  live.add(folder);
  return folder;
}

function remove(folder: string): string[] {
  const mounts = mountsBelow(folder);
  for (const mount of mounts.toReversed()) execFileSync('umount', ['--lazy', '--no-canonicalize', mount]);
  if (mountsBelow(folder).length > 0) throw new EngineError('internal', `cannot unmount what is in ${folder}`);
  forget(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  live.delete(folder);
  if (live.size === 0) process.removeListener('exit', removeAll);
  return mounts;
}

/** At the end of the process. What is still mounted then fails the file. */
function removeAll(): void {
  for (const folder of live) {
    const mounts = remove(folder);
    if (mounts.length === 0) continue;
    console.error(`left mounted in a temporary folder: ${mounts.join(', ')}`);
    process.exitCode = 1;
  }
}

let swept = false;

/** What an engine in the folder has left on the machine. Loaded where there was one: most folders have none. */
function forget(folder: string): void {
  if (globSync(['engine-id', '*/engine-id', '*/*/engine-id'], { cwd: folder }).length === 0) return;
  const { forgetNetworks } = createRequire(import.meta.url)('./forget-networks.ts') as { forgetNetworks(of: string): void };
  try {
    forgetNetworks(folder);
  } catch {
    // a kernel without packet filters has nothing of it
  }
}

/** Removes what processes that are no more have left. */
function sweep(): void {
  if (swept) return;
  swept = true;
  for (const name of readdirSync(tmpdir())) {
    const owner = new RegExp(`^${PREFIX}(\\d+)\\.(\\d+)-`).exec(name);
    if (owner === null || startTime(Number(owner[1])) === owner[2]) continue;
    try {
      remove(realpathSync(`${tmpdir()}/${name}`));
    } catch {
      // Another process sweeps too, or it is not ours to remove.
    }
  }
}

/** When a process started, in clock ticks since boot (proc_pid_stat(5)); empty when there is no such process. */
function startTime(pid: number): string {
  try {
    return (
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[19] ?? ''
    );
  } catch {
    return '';
  }
}
