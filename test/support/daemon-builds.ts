/** Builds on a daemon through the older builder's door, and what they must not leave. */
import assert from 'node:assert/strict';
import { globSync, readdirSync } from 'node:fs';
import type { ApiAnswer } from './api-client.ts';
import type { TestDaemon } from './daemon.ts';
import { garbage } from './image-ground.ts';
import { file, layerTar } from './layers.ts';
import { until } from './monitored.ts';
import { run } from './run.ts';

export const TAR = { 'Content-Type': 'application/x-tar' };

export function contextOf(dockerfile: string, files: Readonly<Record<string, string | Buffer>> = {}): Buffer {
  return layerTar([...Object.entries(files).map(([name, content]) => file(name, content)), file('Dockerfile', dockerfile)]);
}

/** To its end. RUN has no network. */
export function buildOn(daemon: TestDaemon, body: Buffer, query = ''): Promise<ApiAnswer> {
  return daemon.api.ask('POST', `/v1.51/build?networkmode=none${query}`, { body, headers: TAR, checked: false });
}

/** What a build that succeeded has said, all of it. */
export async function built(daemon: TestDaemon, body: Buffer, query = ''): Promise<string> {
  const { status, text } = await buildOn(daemon, body, query);
  assert.equal(status, 200, text);
  assert.match(text, /Successfully built/);
  return text;
}

/** Resolves when nothing of any build is at work: no folder, no layer that is written to, no process, no control group. */
export async function nothingAtWork(daemon: TestDaemon, program?: string): Promise<void> {
  const left = async () => [
    ...readdirSync(`${daemon.dataRoot}/build/work`),
    ...garbage(daemon.dataRoot),
    ...globSync('/sys/fs/cgroup/**/kobako/run-*'),
    ...(program === undefined ? [] : [(await run('pgrep', ['-f', program])).stdout.trim()].filter(Boolean)),
  ];
  await until('nothing of a build is at work', async () => (await left()).length === 0).catch(async (cause: unknown) => {
    throw new Error(`left: ${(await left()).join(' ')}`, { cause });
  });
}

/** What no log of a daemon may have. */
export function noFaults(daemon: TestDaemon): void {
  assert.doesNotMatch(daemon.log(), /nobody (?:caught|waited for)/);
}
