/** Stops that may take very long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownedEngine } from '../support/owned-engine.ts';

test('a program that has more time to end than a timer can count is not killed at once', async (t) => {
  const { engine, run } = await ownedEngine(t);
  const container = await run('trap "sleep 0.3; exit 7" TERM; echo ready; while :; do sleep 0.1; done');
  for await (const _ of engine.containers.logs(container, { stdout: true, follow: true })) break;
  await engine.containers.stop(container, { timeout: 3_000_000 });
  const { ExitCode } = (await engine.containers.inspect(container)).State;
  assert.equal(ExitCode, 7);
});
