import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { projectDir, projectNode } from './paths.ts';
import { run } from './run.ts';
import { readTally, slowest, summary, tallyArgs } from './tally.ts';
import { tempFor } from './temp.ts';

const PROGRAM = `
import { before, describe, it, test } from 'node:test';
test('good', () => {});
test('bad', () => { throw new Error('no luck\\nmore'); });
test('parent', async (t) => { await t.test('child', () => {}); });
test('away', { skip: 'no kernel for it' }, () => {});
test('inside', (t) => t.skip('said later'));
describe('suite', () => { it('one', () => {}); });
describe('broken', () => { before(() => { throw new Error('hook'); }); it('never', () => {}); });
`;

async function tallyOf(t: { after(hook: () => void): void }, program: string) {
  const folder = tempFor(t);
  writeFileSync(`${folder}/some.test.mjs`, program);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env; // else the inner runner thinks that it is a file of the outer one
  const { code } = await run(projectNode, ['--test', ...tallyArgs(`${folder}/tally`), `${folder}/some.test.mjs`], { env });
  return readTally(`${folder}/tally`, 'inner', code);
}

test('counts what the runner counts, with reasons', async (t) => {
  const lines = await tallyOf(t, PROGRAM);
  const named = (name: string) => lines.find((line) => line.name === `inner: ${name}`);
  assert.equal(named('good')?.result, 'passed');
  assert.equal(named('parent > child')?.result, 'passed');
  assert.equal(named('suite > one')?.result, 'passed');
  assert.deepEqual([named('bad')?.result, named('bad')?.reason], ['failed', 'no luck']);
  assert.deepEqual([named('away')?.result, named('away')?.reason], ['skipped', 'no kernel for it']);
  assert.deepEqual([named('inside')?.result, named('inside')?.reason], ['skipped', 'said later']);
  assert.ok(lines.some((line) => line.name.startsWith('inner: broken') && line.result === 'failed'));
});

test('a runner that dies is a failure', async (t) => {
  const folder = tempFor(t);
  writeFileSync(`${folder}/tally`, '{"file":"","name":"a","result":"passed"}\n{"fil');
  const lines = readTally(`${folder}/tally`, 'inner', 0);
  assert.deepEqual(
    lines.map((line) => line.result),
    ['passed', 'failed'],
  );
  assert.equal(readTally(`${folder}/none`, 'inner', 0)[0]?.result, 'failed');
  writeFileSync(`${folder}/tally`, '{"end":true}\n');
  assert.equal(readTally(`${folder}/tally`, 'inner', 7)[0]?.reason, 'the runner exited with 7');
});

test('the slowest files, longest first', (t) => {
  const folder = tempFor(t);
  const time = (name: string, ms: number) => JSON.stringify({ file: `${projectDir}/test/${name}`, ms });
  writeFileSync(`${folder}/tally`, [time('a.ts', 1400), time('b.ts', 90_000), time('c.ts', 999), '{"end":true}'].join('\n'));
  assert.equal(slowest(`${folder}/tally`), 'test/b.ts 90 s, test/a.ts 1 s');
  assert.equal(slowest(`${folder}/none`), '');
});

test('a file whose process is killed is a failure that says so', async (t) => {
  const lines = await tallyOf(t, 'import { test } from "node:test"; test("one", () => {}); test("two", () => process.kill(process.pid, "SIGSEGV"));');
  assert.ok(lines.some(({ result, reason }) => result === 'failed' && reason === 'its process was ended by SIGSEGV'));
});

test('a file that cannot be loaded is a failure', async (t) => {
  const lines = await tallyOf(t, 'import "./not-there.mjs";');
  assert.deepEqual(
    lines.map((line) => line.result),
    ['failed'],
  );
});

test('the summary ends with the counts', () => {
  const text = summary([
    { file: '', name: 'a', result: 'passed' },
    { file: '', name: 'b', result: 'skipped', reason: 'why' },
    { file: '', name: 'c', result: 'failed', reason: 'that' },
  ]);
  assert.equal(text, 'skipped:\n  b: why\n\nfailed:\n  c: that\n\n1 passed, 1 failed, 1 skipped');
});
