/** What a daemon has in its hands, seen from outside. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDaemon } from './daemon.ts';
import { until } from './monitored.ts';

export interface Held {
  /** Connections: clients' ones, those to monitors, and a channel to each monitor. */
  readonly sockets: number;
  /** A monitor for each process of a container, and the helper that forks them. */
  readonly monitors: number;
}

/** Without the connections of the test's own client, which are closed for it. */
export async function heldBy(daemon: TestDaemon): Promise<Held> {
  daemon.api[Symbol.dispose]();
  for (let before = now(daemon); ;) {
    await sleep(100);
    const held = now(daemon);
    if (held.sockets === before.sockets && held.monitors === before.monitors) return held;
    before = held;
  }
}

/** Resolves when it holds no more than that. */
export async function holdsNoMore(daemon: TestDaemon, { sockets, monitors }: Held): Promise<void> {
  daemon.api[Symbol.dispose]();
  const gone = () => now(daemon).sockets <= sockets && now(daemon).monitors <= monitors;
  await until('the daemon holds no more than before', gone).catch((cause: unknown) => {
    throw new Error(`${JSON.stringify(now(daemon))}, expected ${JSON.stringify({ sockets, monitors })}`, { cause });
  });
}

function now({ pid }: TestDaemon): Held {
  return { sockets: socketsOf(pid), monitors: monitorsBelow(pid) };
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

/** Both are the helper, with one of its commands. */
function monitorsBelow(pid: number): number {
  const children = childrenOf(pid).filter((child) => /^[^\0]*\0(?:serve|run)\0/.test(textOf(`/proc/${child}/cmdline`)));
  return children.reduce((sum, child) => sum + 1 + monitorsBelow(child), 0);
}

function childrenOf(pid: number): number[] {
  return globSync(`/proc/${pid}/task/*/children`).flatMap((path) => textOf(path).split(' ').filter(Boolean).map(Number));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // gone meanwhile
  }
}

function socketsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => linkOf(`/proc/${pid}/fd/${fd}`).startsWith('socket:')).length;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}
