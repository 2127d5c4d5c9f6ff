import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Findings } from '../build/dockerfile/rules.ts';
import { keyOf } from '../build/keys.ts';
import { Plans } from './build-plans.ts';

const buildPlatform = { os: 'linux', architecture: 'amd64' };

test('what was read and planned is known, with what the checks found; what differs is planned', () => {
  const plans = new Plans();
  const text = 'FROM scratch AS Base\nARG A=1\nWORKDIR /$A\n';
  const read = () => {
    const findings = new Findings();
    return { file: plans.parsed(text, findings), findings };
  };
  const [first, second] = [read(), read()];
  assert.equal(first.file, second.file);
  assert.deepEqual(second.findings.warnings, first.findings.warnings);
  assert.equal(plans.parsed('FROM scratch\n', new Findings()).stages.length, 1);
  const planned = (buildArgs = {}) => {
    const findings = new Findings();
    return { plan: plans.planned(first.file, { buildPlatform, buildArgs }, findings).plan!, findings };
  };
  const one = planned();
  assert.deepEqual(
    one.plan.warnings.map(({ rule }) => rule),
    ['StageNameCasing'],
  );
  assert.equal(planned().plan, one.plan);
  const other = planned({ A: '2' });
  const folders = ({ plan }: typeof one) => plan.target.steps.flatMap((step) => (step.kind === 'workdir' ? step.path : []));
  assert.deepEqual([folders(one), folders(other)], [['/1'], ['/2']]);
  // what one build's checks found is not the next one's
  assert.deepEqual(read().findings.warnings, first.findings.warnings);
});

test('a step’s key is made once for what is given with it', () => {
  const plans = new Plans();
  const { target } = plans.planned(plans.parsed('FROM scratch\nWORKDIR /a\n', new Findings()), { buildPlatform }, new Findings()).plan!;
  const [step] = target.steps;
  let made = 0;
  const key = (given: string) => plans.keyOf(step!, given, () => keyOf(given, made++));
  const [one, again, other] = [key('a'), key('a'), key('b')];
  assert.deepEqual([one, again, other, made], [keyOf('a', 0), keyOf('a', 0), keyOf('b', 1), 2]);
});

test('a failure is one each time, and only the files that were built last are known', () => {
  const plans = new Plans();
  for (let round = 0; round < 2; round++) assert.throws(() => plans.parsed('RUN x', new Findings()), { kind: 'invalid' });
  const file = plans.parsed('FROM scratch\n', new Findings());
  for (let index = 0; index < 16; index++) plans.parsed(`FROM scratch\n# ${index}\n`, new Findings());
  assert.notEqual(plans.parsed('FROM scratch\n', new Findings()), file);
});
