import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { leftovers, machineState, RUN_VARIABLE } from './machine-state.ts';

test('names a process and a file that a run left', async (t) => {
  const id = `unit-${process.pid}`;
  const before = machineState(id);
  const file = `${tmpdir()}/kobako-left-${process.pid}`;
  const child = spawn('sleep', ['60'], { env: { ...process.env, [RUN_VARIABLE]: id } });
  t.after(() => {
    child.kill('SIGKILL');
    rmSync(file, { force: true });
  });
  writeFileSync(file, '');
  await once(child, 'spawn');
  const found = leftovers(before, machineState(id));
  assert.ok(
    found.some((line) => line.startsWith(`process: ${child.pid} (sleep 60)`)),
    found.join('\n'),
  );
  assert.ok(found.includes(`file: ${file}`), found.join('\n'));
});

test('counts a mount that is there twice', () => {
  const state = (mounts: string[]) => ({ mount: new Set(mounts) });
  assert.deepEqual(leftovers(state(['/a (tmpfs x)']), state(['/a (tmpfs x)', '/a (tmpfs x) #2'])), ['mount: /a (tmpfs x) #2']);
});
