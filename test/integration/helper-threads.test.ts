import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { projectDir, projectNode } from '../support/paths.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

/** As in the shipped form: nothing has asked Node's helper threads for anything before the first layer comes. */
const PROGRAM = `
const { WorkerPool } = require('${projectDir}/src/snapshot/worker-pool.ts');
const { startLayerThread } = require('${projectDir}/src/engine/layer-threads.ts');
const fs = require('node:fs');
const [folder] = process.argv.slice(1);
const pool = new WorkerPool(() => startLayerThread('${projectDir}/dist/layer-worker.cjs'), 1);
(async () => {
  const dir = folder + '/layer';
  fs.mkdirSync(dir);
  let took;
  const taken = new Promise((resolve) => (took = resolve));
  const task = { kind: 'ingest', driver: 'overlay', dir, request: { compression: 'gzip' } };
  const running = await pool.run(task, (event) => event.event === 'taken' && took());
  // the worker unpacks on helper threads, in the layer's folder
  const bytes = new Uint8Array(require('node:zlib').gzipSync(Buffer.alloc(4096)).subarray(0, 12));
  running.post({ op: 'chunk', bytes });
  await taken;
  console.log(await fs.promises.readFile(folder + '/outside', 'utf8').catch((error) => error.code));
  running.post({ op: 'abort' });
  await running.result.catch(() => {});
  await pool.close();
})();`;

test('a layer worker in its folder leaves the helper threads of the process where they are', async (t) => {
  const folder = tempFor(t);
  writeFileSync(`${folder}/outside`, 'here');
  const { stdout, stderr } = await run(projectNode, ['-e', PROGRAM, folder]);
  assert.deepEqual([stdout, stderr], ['here\n', '']);
});
