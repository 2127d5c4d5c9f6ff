/** Every command of docs/tour.md runs as it stands there. */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { projectDir } from '../support/paths.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

test('each command of the tour does what the tour says', async (t) => {
  const commands = [...readFileSync(`${projectDir}/docs/tour.md`, 'utf8').matchAll(/^ {4}(.+)$/gm)].map(([, command]) => command!);
  assert.ok(commands.length > 15, `${commands.length} commands found`);
  const state = tempFor(t);
  // a container in a user namespace of its own must be able to reach its mount point
  chmodSync(state, 0o711);
  const env = { ...process.env, KOBAKO_STATE_DIR: state };
  t.after(() => run(`${projectDir}/bin/kobako`, ['rm', '-f', 'tour'], { env }));
  for (const command of commands) {
    // a terminal is tested elsewhere
    if (command.includes(' -it ')) continue;
    const { code, stderr } = await run('bash', ['-c', command], { env, cwd: projectDir });
    assert.equal(code, 0, `${command}\n${stderr}`);
  }
});
