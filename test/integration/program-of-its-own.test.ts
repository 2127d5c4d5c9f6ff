import assert from 'node:assert/strict';
import { test } from 'node:test';
import { projectDir, projectNode } from '../support/paths.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

/** A program that does nothing else, so that only what it waits for keeps it alive. */
const PROGRAM = `
const { DEFAULT_RUN, openEngine } = require('${projectDir}/dist/index.cjs');
const [stateDir, path, owner] = process.argv.slice(1);
(async () => {
  const engine = openEngine({ stateDir, owner: owner === 'true' });
  const options = { ...DEFAULT_RUN, rootfs: { path, overlay: true }, args: ['true'], autoRemove: true, logDriver: 'none' };
  for (const run of [1, 2]) console.log(run, (await (await engine.run(options)).wait()).status);
  const { containers } = engine;
  const { Id } = await containers.create({ Cmd: ['sh', '-c', 'sleep 0.5; exit 3'], HostConfig: { NetworkMode: 'none', Kobako: { Rootfs: { Path: path, Overlay: true } } } });
  await containers.start(Id);
  console.log((await containers.wait(Id)).StatusCode);
  await containers.remove(Id);
  await engine.close();
  console.log('closed');
})();`;

for (const owner of [true, false]) {
  test(`a program with nothing but an engine ${owner ? 'that owns its folders' : ''} lives until its containers have ended`, async (t) => {
    const { stdout, stderr } = await run(projectNode, ['-e', PROGRAM, tempFor(t), await busyboxRootfs(), String(owner)]);
    assert.deepEqual([stdout.split('\n'), stderr], [['1 0', '2 0', '3', 'closed', ''], '']);
  });
}
