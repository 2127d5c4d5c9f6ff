/** What a daemon has in its hands, seen from outside. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { TestDaemon } from './daemon.ts';
import { until } from './monitored.ts';

export interface Held {
  /** Open files and connections. */
  readonly fds: number;
  /** The processes below it: its helper, and a monitor for each process of a container. */
  readonly processes: number;
}

export function heldBy({ pid }: TestDaemon): Held {
  return { fds: readdirSync(`/proc/${pid}/fd`).length, processes: processesBelow(pid) };
}

/** Resolves when it holds no more than before. */
export async function holdsNoMore(daemon: TestDaemon, before: Held): Promise<void> {
  await until('the daemon holds no more than before', () => {
    const now = heldBy(daemon);
    return now.fds <= before.fds && now.processes <= before.processes;
  }).catch((error: unknown) => {
    throw new Error(`before ${JSON.stringify(before)}, now ${JSON.stringify(heldBy(daemon))}: ${openFiles(daemon.pid)}`, { cause: error });
  });
}

/** Resident memory, in bytes. */
export function memoryOf({ pid }: TestDaemon): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

/** Fails for whatever removed containers have left on disk. */
export function nothingLeft(daemon: TestDaemon): void {
  for (const folder of [`${daemon.dataRoot}/containers`, `${daemon.dataRoot}/names`, `${daemon.execRoot}/sockets`]) {
    assert.deepEqual(existsSync(folder) ? readdirSync(folder) : [], [], folder);
  }
}

function processesBelow(pid: number): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(name);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const count = (of: number): number => (children.get(of) ?? []).reduce((sum, child) => sum + 1 + count(child), 0);
  return count(pid);
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) \S /s, '')
        .split(' ')[0],
    );
  } catch {
    return undefined;
  }
}

function openFiles(pid: number): string {
  return readdirSync(`/proc/${pid}/fd`).length.toString();
}
