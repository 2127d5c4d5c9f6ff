/** How a command line starts: with the code that V8 has made of it, as long as that is whole and of this very program. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { projectDir, projectNode } from '../support/paths.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

let rootfs: string;
before(async () => (rootfs = await busyboxRootfs()));

/** A copy of what is shipped, whose code nobody has kept. */
function shipped(t: { after(hook: () => void): void }): { kobako(...args: string[]): Promise<string>; kept(): string[] } {
  const folder = tempFor(t);
  mkdirSync(`${folder}/dist`);
  for (const file of readdirSync(`${projectDir}/dist`, { withFileTypes: true })) {
    if (file.isFile()) copyFileSync(`${projectDir}/dist/${file.name}`, `${folder}/dist/${file.name}`);
  }
  symlinkSync(`${projectDir}/node_modules`, `${folder}/node_modules`);
  const env = { ...process.env, KOBAKO_STATE_DIR: `${folder}/state`, KOBAKO_DATA_ROOT: `${folder}/data`, NODE_COMPILE_CACHE: undefined };
  const compiled = `${folder}/dist/compiled`;
  return {
    kobako: async (...args) => (await runOk(projectNode, ['--', `${folder}/dist/kobako.cjs`, ...args], { env })).stdout,
    kept: () => readdirSync(compiled).flatMap((name) => (name.startsWith('kobako-') ? [`${compiled}/${name}`] : [])),
  };
}

const run = () => ['run', '--rm', '--network', 'none', '--rootfs', rootfs, 'echo', 'in'];

describe('compiled code', { concurrency: true }, () => {
  test('is kept by the first run that succeeds, and by nothing else; it is then what others start with', async (t) => {
    const { kobako, kept } = shipped(t);
    await kobako('--version');
    await kobako('ps');
    await assert.rejects(kobako('run', '--rm', '--network', 'none', '--rootfs', rootfs, 'false'));
    assert.deepEqual(kept(), []);
    assert.equal(await kobako(...run()), 'in\n');
    const [file = '', ...others] = kept();
    assert.deepEqual(others, []);
    const { ino, size } = statSync(file);
    assert.ok(size > 500_000, `${size}`);
    assert.equal(await kobako(...run()), 'in\n');
    assert.match(await kobako('--version'), /^kobako version /);
    assert.equal(statSync(file).ino, ino);
  });

  test('that is cut off, of another program, or something else, is not used, and is replaced', async (t) => {
    const { kobako, kept } = shipped(t);
    await kobako(...run());
    const [file = ''] = kept();
    const { size } = statSync(file);
    const damages: readonly (() => void)[] = [
      () => truncateSync(file, size >> 1),
      () => writeFileSync(file, ''),
      () => writeFileSync(file, Buffer.alloc(size)),
      () =>
        writeFileSync(
          file,
          readFileSync(file).map((byte, at) => (at === size >> 1 ? byte ^ 0xff : byte)),
        ),
    ];
    for (const damage of damages) {
      damage();
      assert.match(await kobako('--version'), /^kobako version /);
      const { ino } = statSync(file);
      assert.equal(await kobako(...run()), 'in\n');
      assert.notEqual(statSync(file).ino, ino);
      assert.deepEqual(kept(), [file]);
    }
  });

  test('that cannot be kept fails nothing', async (t) => {
    const { kobako, kept } = shipped(t);
    await kobako(...run());
    const [file = ''] = kept();
    await runOk('rm', [file]);
    mkdirSync(`${file}/in-the-way`, { recursive: true });
    assert.equal(await kobako(...run()), 'in\n');
    assert.deepEqual(kept(), [file]);
  });
});
