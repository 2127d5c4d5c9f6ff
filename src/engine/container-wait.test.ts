import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { waitContainer } from './container-wait.ts';
import type { ContainerRecord } from './container-record.ts';
import { LiveContainers } from './live.ts';
import { lostExit } from './lost.ts';
import type { EngineParts } from './parts.ts';
import { processId } from './process-id.ts';

test('an end that is on record already is told once what follows it has been done', async () => {
  const record = { id: 'a', process: processId(process.pid) } as ContainerRecord;
  const live = new LiveContainers();
  const parts = { live, store: { info: () => ({ state: 'exited', exit: lostExit() }), load: () => record } } as unknown as EngineParts;
  live.began('a');
  let told = false;
  const waited = waitContainer(parts, record, {}).finally(() => (told = true));
  await turn();
  assert.equal(told, false, 'health and restarts come first');
  live.ended('a', { ...lostExit(), status: 3, error: undefined } as never);
  assert.deepEqual(await waited, { StatusCode: 3 });
  assert.equal((await waitContainer(parts, record, {})).StatusCode, 137, 'nobody is at work on it any more');
});
