import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { projectDir } from '../support/paths.ts';
import { tempFor } from '../support/temp.ts';

test("a worker's root is its own: links lead nowhere else, and this thread keeps its root", async (t) => {
  const folder = tempFor(t);
  symlinkSync('/etc', `${folder}/etc-link`);
  symlinkSync('../../../../../../../..', `${folder}/up`);
  const worker = new Worker(`${projectDir}/test/support/thread-root-worker.ts`, { workerData: folder });
  const [inside] = (await once(worker, 'message')) as [unknown];
  assert.deepEqual(inside, { names: ['etc-link', 'up'], absolute: 'ENOENT', climbing: 'ENOENT', dots: 'ENOENT' });
  assert.ok(readFileSync('/etc/passwd', 'utf8').length > 0, 'while the worker is inside');
  assert.equal(readFileSync(`${folder}/made`, 'utf8'), 'inside');
  assert.deepEqual(readdirSync(folder).toSorted(), ['etc-link', 'made', 'up']);
  // what a worker says last may come in one go with its end
  const exit = once(worker, 'exit');
  worker.postMessage('leave');
  assert.deepEqual(await once(worker, 'message'), [true]);
  await exit;
});
