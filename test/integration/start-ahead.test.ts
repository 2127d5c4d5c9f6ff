/** A program that is told to start while its container is still being set up. */
import assert from 'node:assert/strict';
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { LinuxPlanRunner } from '../../src/kernel/linux/helper.ts';
import { TOKENS, type Plan } from '../../src/plan/ops.ts';
import { PlanBuilder } from '../../src/runtime/builder.ts';
import { addMonitor } from '../../src/runtime/stdio.ts';
import { helperMissing } from '../support/helper.ts';
import { until } from '../support/monitored.ts';
import { MONITOR } from '../support/planner.ts';
import { projectDir } from '../support/paths.ts';
import { runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const WAITING = { ...MONITOR, socket: '', log: undefined, exitPath: '', spillDir: '', waitStart: true };

/** Its set-up ends when a byte comes through the fifo; its program makes the marker. */
function gated(gate: string, marker: string): Plan {
  const builder = new PlanBuilder();
  builder.monitor('open', { into: 'gate', path: gate, flags: constants.O_RDWR, mode: 0, resolve: 0 });
  builder.monitor('clone', { flags: 0 });
  builder.container('read-byte', { slot: 'gate' });
  builder.container('post', { token: TOKENS.created });
  builder.container('wait', { token: TOKENS.start });
  builder.container('exec', { argv: ['/bin/sh', '-c', `: >${marker}`], env: [], path: '' });
  addMonitor(builder, { kind: 'inherit' }, WAITING);
  return { ops: builder.ops };
}

async function held(t: TestContext) {
  const folder = tempFor(t);
  const [gate, marker] = [`${folder}/gate`, `${folder}/marker`];
  await runOk('mkfifo', [gate]);
  const fd = openSync(gate, constants.O_RDWR);
  t.after(() => closeSync(fd));
  const running = new LinuxPlanRunner(`${projectDir}/dist/kobako-helper`).run(gated(gate, marker));
  const pid = await running.cloned;
  assert.equal(await Promise.race([running.waiting, new Promise((resolve) => setTimeout(resolve, 100, 'not yet'))]), 'not yet');
  return { running, pid, marker, open: () => void writeSync(fd, 'x') };
}

test('it starts when all is set up, also when who said so has gone; who goes without a word takes it along', async (t) => {
  const missing = helperMissing();
  if (missing !== undefined) return t.skip(missing);
  const told = await held(t);
  told.running.send('start');
  told.open();
  assert.deepEqual([await told.running.waiting, await told.running.started], [told.pid, told.pid]);
  assert.equal((await told.running.exited).status, 0);
  assert.ok(existsSync(told.marker));

  const left = await held(t);
  left.running.send('start');
  left.running.abort();
  await new Promise((resolve) => setTimeout(resolve, 100));
  left.open();
  await until('the program has run', () => existsSync(left.marker));
  await left.running.closed;

  const dropped = await held(t);
  dropped.running.abort();
  await dropped.running.closed;
  assert.ok(!existsSync(`/proc/${dropped.pid}`));
  assert.ok(!existsSync(dropped.marker));
});
