/** kill -9 in the middle of a build: its programs end, its files go, and the next build goes on from what was whole. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { openEngine } from '../../src/engine/open-engine.ts';
import { buildGround } from '../support/build-ground.ts';
import { filesWith } from '../support/files-with.ts';
import { projectDir, projectNode } from '../support/paths.ts';

/** Command lines of all processes. */
const programs = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      } catch {
        return '';
      }
    });

test('a build that was killed leaves nothing that the next start does not sweep', async (t) => {
  const ground = await buildGround(t);
  const options = { stateDir: `${ground.folder}/state`, dataRoot: ground.dataRoot, owner: true };
  await ground.engine.close();
  const program = `sleep ${200_000 + process.pid}`;
  const hush = `hush-${process.pid}-at-the-end`;
  const secrets = '--mount=type=secret,id=s --mount=type=secret,id=s,env=S';
  const dockerfile = `FROM busybox\nRUN echo first > /first\nRUN ${secrets} echo go; ${program}\n`;
  const source = `
    const { openEngine } = await import(${JSON.stringify(`${projectDir}/src/engine/open-engine.ts`)});
    const { layerTar, file } = await import(${JSON.stringify(`${projectDir}/test/support/layers.ts`)});
    const { writeSync } = await import('node:fs');
    const bytes = (async function* () { yield layerTar([file('Dockerfile', ${JSON.stringify(dockerfile)})]); })();
    const secret = async () => Buffer.from(${JSON.stringify(hush)});
    await openEngine(${JSON.stringify(options)}).builds.build({
      contexts: { context: { kind: 'tar', bytes } }, network: 'none', secret,
      onEvent: (event) => { if (event.kind === 'log') writeSync(1, event.data); },
    });`;
  writeFileSync(`${ground.folder}/worker.ts`, source);
  const child = spawn(projectNode, [`${ground.folder}/worker.ts`], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  assert.equal(text.toString(), 'go\n');
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  assert.ok(readdirSync(`${ground.dataRoot}/build/work`).length > 0, 'it was in the middle');

  const engine = openEngine(options);
  t.after(() => engine.close());
  assert.deepEqual(readdirSync(`${ground.dataRoot}/build/work`), []);
  assert.ok(!programs().includes(program));
  assert.deepEqual(filesWith([hush], ground.dataRoot, `${ground.folder}/state`, '/dev/shm'), [], 'a secret that the build had is nowhere');
  assert.deepEqual(
    globSync(['/dev/shm/kobako-secret-*', '/run/kobako-secret-*']).filter((path) => path.includes(`-${child.pid}.`)),
    [],
  );
  const records = await engine.builds.usage();
  assert.deepEqual(
    records.map(({ description }) => description),
    ['[stage-0 2/3] RUN echo first > /first'],
  );
  await engine.builds.prune({ all: true });
  await engine.images.prune({ all: true });
  const driver = readFileSync(`${ground.dataRoot}/storage-driver`, 'utf8').trim().replaceAll('"', '');
  assert.deepEqual(readdirSync(`${ground.dataRoot}/${driver}/writable`), []);
});
