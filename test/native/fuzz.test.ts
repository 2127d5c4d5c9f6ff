/** The plan decoder in C under random and mutated plans. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_RUN } from '../../src/engine/contract.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { encodePlan } from '../../src/plan/encode.ts';
import type { Plan } from '../../src/plan/ops.ts';
import { helperMissing } from '../support/helper.ts';
import { buildPlanChecker } from '../support/plan-checker.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { run } from '../support/run.ts';
import { samplePlans } from '../support/sample-plan.ts';
import { tempFor } from '../support/temp.ts';

// a long run: KOBAKO_FUZZ_ITERATIONS=50000000 bin/node --test test/native/fuzz.test.ts
const ITERATIONS = Number(process.env.KOBAKO_FUZZ_ITERATIONS ?? 60_000);

/** What the engine makes of real options: longer than the samples, with lists, filters and mounts. */
async function realPlans(stateDir: string): Promise<Plan[]> {
  const engine = openEngine({ stateDir });
  const base = { ...DEFAULT_RUN, rootfs: { path: await busyboxRootfs(), overlay: true }, args: ['/bin/true'] };
  try {
    const all = [base, { ...base, tty: true, init: true }, { ...base, privileged: true }];
    return await Promise.all(all.map(async (options) => (await engine.plan(options)).plan));
  } finally {
    await engine.close();
  }
}

test('no mutation of a plan makes the decoder read or accept what it should not', async (t) => {
  const folder = tempFor(t);
  const checker = await buildPlanChecker(folder);
  if ('skip' in checker) return t.skip(checker.skip);
  const beginning: Plan = {
    ops: [
      { op: 'mkdir', side: 'monitor', path: '/a', mode: 0o755 },
      { op: 'rmdir', side: 'cleanup', path: '/a', retryMs: 0 },
    ],
    more: true,
  };
  const plans = [...samplePlans(), beginning, ...(helperMissing() === undefined ? await realPlans(`${folder}/state`) : [])];
  const seeds = plans.map((plan, i) => {
    const file = join(folder, `seed-${i}`);
    writeFileSync(file, encodePlan(plan));
    return file;
  });
  // a seed of the clock each time, in the report; KOBAKO_FUZZ_SEED runs one again
  const { code, signal, stdout, stderr } = await run(checker.path, [String(ITERATIONS), process.env.KOBAKO_FUZZ_SEED ?? '0', ...seeds], {
    timeoutMs: 60_000 + ITERATIONS,
  });
  assert.equal(code, 0, `the decoder failed (${signal}): ${stderr.slice(0, 4000)}`);
  const report = JSON.parse(stdout) as { iterations: number; seed: string; accepted: number; reasons: number };
  t.diagnostic(`seed ${report.seed}: ${report.accepted} accepted, refused for ${report.reasons} reasons`);
  assert.equal(report.iterations, ITERATIONS);
  // it neither refuses nor accepts everything: the mutations reach deep
  assert.ok(report.accepted > ITERATIONS / 1000, `only ${report.accepted} plans were accepted`);
  assert.ok(report.accepted < ITERATIONS / 2, `${report.accepted} plans were accepted`);
  assert.ok(report.reasons >= 20, `only ${report.reasons} reasons of refusal came up`);
});
