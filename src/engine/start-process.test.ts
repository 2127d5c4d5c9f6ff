import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlanFailure } from '../kernel/contract.ts';
import { RecordingPlanRunner } from '../kernel/fake.ts';
import type { EarlyStream } from './early-stream.ts';
import type { EngineParts } from './parts.ts';
import { lostExit } from './lost.ts';
import { startProcess, type StartInput } from './start-process.ts';

const parts = (runner: RecordingPlanRunner) => ({ runner }) as unknown as EngineParts;
const input = (more: Partial<StartInput> = {}): StartInput => ({
  plan: { ops: [] },
  warnings: [],
  containerId: 'c',
  socket: '/nowhere',
  tty: false,
  streams: undefined,
  detached: true,
  onLost: lostExit,
  ...more,
});

test('the process and its monitor are known before the program starts', async () => {
  const runner = new RecordingPlanRunner();
  const order: string[] = [];
  await startProcess(
    parts(runner),
    input({
      onWaiting: () => void order.push(`waiting, ${runner.commands.length} commands`),
    }),
  );
  assert.deepEqual(order, ['waiting, 0 commands']);
  assert.deepEqual(runner.commands, ['start']);
});

test('a program whose beginning cannot be taken note of is ended, and its start fails', async () => {
  const runner = new RecordingPlanRunner();
  const ends: number[] = [];
  const onStarted = () => {
    throw new Error('no space left on device');
  };
  await assert.rejects(startProcess(parts(runner), input({ onStarted, onEnd: ({ status }) => void ends.push(status) })), /^Error: no space left on device$/);
  assert.deepEqual(runner.commands, ['start', 'kill 9']);
  assert.deepEqual(ends, [0]);
});

test('whether the OOM killer struck comes from what the clean-up read', async () => {
  for (const oom of ['oom_kill 1\n', 'oom_kill 0\n']) {
    const running = await startProcess(parts(new RecordingPlanRunner({ status: 137, reports: { oom } })), input());
    assert.equal((await running.wait()).oomKilled, oom === 'oom_kill 1\n');
  }
});

test('a monitor that is killed: the process ended with it, and what follows an end is done once', async () => {
  let ends = 0;
  const runner = new RecordingPlanRunner({}, new Error('the helper ended by SIGKILL'));
  const running = await startProcess(parts(runner), input({ onEnd: () => void ends++ }));
  for (let i = 0; i < 2; i++) assert.deepEqual([(await running.wait()).status, (await running.wait()).error], [137, 'its monitor was killed']);
  assert.equal(ends, 1);
});

test('a plan that fails while its user is being attached: the failure is told, not that its monitor has gone', async () => {
  const plan = { ops: [{ op: 'check-exec', side: 'container', file: '/nonexist' }] } as unknown as StartInput['plan'];
  const runner = new RecordingPlanRunner();
  const failed = Promise.reject(new PlanFailure(0, 2, '/nonexist'));
  failed.catch(() => {});
  const run = () => ({ ...runner.run(plan), waiting: failed, started: failed, exited: failed });
  const early = [{ choice: { stdin: false, stdout: true, stderr: true }, connectTo: () => {} } as unknown as EarlyStream];
  await assert.rejects(
    startProcess({ runner: { run } } as unknown as EngineParts, input({ plan, ahead: true, early })),
    /\/nonexist.*no such file or directory/,
  );
});
