import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesToRetry, withSecondTry } from './second-try.ts';
import { summary, type TallyLine } from './tally.ts';

const line = (file: string, name: string, result: TallyLine['result'], reason?: string): TallyLine => ({
  file,
  name,
  result,
  ...(reason === undefined ? {} : { reason }),
});
const FIRST = [line('/a', 'one', 'failed', 'too slow'), line('/a', 'two', 'passed'), line('/b', 'three', 'passed'), line('/b', 'four', 'skipped', 'why')];

test('the files of what failed, but not where a check did, or many', () => {
  assert.deepEqual(filesToRetry(FIRST), ['/a']);
  assert.deepEqual(filesToRetry([...FIRST, line('', 'types', 'failed')]), []);
  assert.deepEqual(filesToRetry(['/1', '/2', '/3', '/4'].map((file) => line(file, 'x', 'failed'))), []);
});

test('what passes the second time is unsteady, neither passed nor failed', () => {
  const lines = withSecondTry(FIRST, '/a', [line('/a', 'one', 'passed'), line('/a', 'two', 'passed')]);
  assert.deepEqual(lines.find(({ name }) => name === 'one')?.result, 'unsteady');
  assert.match(summary(lines), /unsteady: failed among the others, passed alone:\n {2}one .*too slow\n\n2 passed, 0 failed, 1 skipped, 1 unsteady$/);
});

test('what fails again has failed; so has what was never reached', () => {
  const failsAgain = withSecondTry(FIRST, '/a', [line('/a', 'one', 'passed'), line('/a', 'two', 'failed', 'other')]);
  assert.deepEqual(failsAgain, FIRST);
  assert.deepEqual(withSecondTry(FIRST, '/a', []), FIRST);
});

test('a file that failed as a whole stays told when its tests pass', () => {
  const first = [line('/a', 'a.test.ts', 'failed', 'ended by SIGSEGV'), ...FIRST.slice(2)];
  const lines = withSecondTry(first, '/a', [line('/a', 'one', 'passed')]);
  assert.match(summary(lines), /a\.test\.ts .*SIGSEGV\n\n2 passed, 0 failed, 1 skipped, 1 unsteady$/);
});
