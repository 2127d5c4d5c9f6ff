/** The plan decoder in C under random and mutated plans. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodePlan } from '../../src/plan/encode.ts';
import { buildPlanChecker } from '../support/plan-checker.ts';
import { run } from '../support/run.ts';
import { samplePlans } from '../support/sample-plan.ts';
import { tempFor } from '../support/temp.ts';

const ITERATIONS = 200_000;

test('no mutation of a plan makes the decoder read or accept what it should not', async (t) => {
  const folder = tempFor(t);
  const checker = await buildPlanChecker(folder);
  if ('skip' in checker) return t.skip(checker.skip);
  const seeds = samplePlans().map((plan, i) => {
    const file = join(folder, `seed-${i}`);
    writeFileSync(file, encodePlan(plan));
    return file;
  });
  // a seed of the clock each time, in the report; KOBAKO_FUZZ_SEED runs one again
  const { code, signal, stdout, stderr } = await run(checker.path, [String(ITERATIONS), process.env.KOBAKO_FUZZ_SEED ?? '0', ...seeds]);
  assert.equal(code, 0, `the decoder failed (${signal}): ${stderr.slice(0, 4000)}`);
  const report = JSON.parse(stdout) as { iterations: number; seed: string; accepted: number; reasons: number };
  t.diagnostic(`seed ${report.seed}: ${report.accepted} accepted, refused for ${report.reasons} reasons`);
  assert.equal(report.iterations, ITERATIONS);
  // it neither refuses nor accepts everything: the mutations reach deep
  assert.ok(report.accepted > ITERATIONS / 1000, `only ${report.accepted} plans were accepted`);
  assert.ok(report.accepted < ITERATIONS / 2, `${report.accepted} plans were accepted`);
  assert.ok(report.reasons >= 20, `only ${report.reasons} reasons of refusal came up`);
});
