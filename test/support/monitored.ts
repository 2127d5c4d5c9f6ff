/** Containers for tests of the monitor: a state folder of their own, their streams, their log. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import type { TestContext } from 'node:test';
import { DEFAULT_RUN, type LocalEngine, type LogEntry, type RunOptions } from '../../src/engine/contract.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { tempFor } from './temp.ts';

/** An engine whose containers go with the test. */
export function engineFor(t: TestContext): { engine: LocalEngine; state: string } {
  // before tempFor's: hooks run in the order in which they were added
  t.after(() => end());
  const state = tempFor(t);
  const engine = openEngine({ stateDir: state });
  const end = async () => {
    for (const { id } of await engine.list()) await engine.remove(id, { force: true });
    engine.close();
  };
  return { engine, state };
}

/** Options of a container that runs a shell script. */
export const shell =
  (root: string) =>
  (script: string, more: Partial<RunOptions> = {}): RunOptions => ({
    ...DEFAULT_RUN,
    rootfs: { path: root, overlay: true },
    args: ['sh', '-c', script],
    detach: true,
    ...more,
  });

/** The pid of a container's monitor. */
export const monitorOf = (state: string, id: string) =>
  (JSON.parse(readFileSync(`${state}/containers/${id}/container.json`, 'utf8')) as { monitor: { pid: number } }).monitor.pid;

export const socketOf = (state: string, id: string) => `${state}/sockets/${id.slice(0, 24)}`;

export const logLines = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as LogEntry);

/** Runs a container to its end: what its starter is told, and what everybody finds. */
export async function finished(engine: LocalEngine, options: RunOptions) {
  const running = await engine.run(options);
  const told = await running.wait();
  return { told, ...(await engine.find(running.containerId)) };
}

/** A stream that keeps what is written to it. */
export function collector(): PassThrough & { text(): string } {
  const chunks: Buffer[] = [];
  const stream = new PassThrough();
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return Object.assign(stream, { text: () => Buffer.concat(chunks).toString('latin1') });
}

export async function until(what: string, check: () => boolean | Promise<boolean>, seconds = 20): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20))) if (await check()) return;
  assert.fail(`not within ${seconds} s: ${what}`);
}
