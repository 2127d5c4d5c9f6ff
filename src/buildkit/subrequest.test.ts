import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildDescription } from '../build/contract.ts';
import { descriptionFor, subrequestAnswer } from './subrequest.ts';

const ranges = [{ start: { line: 2, character: 0 }, end: { line: 2, character: 5 } }];
const location = { ranges: [{ start: { line: 2 }, end: { line: 2, character: 5 } }] };
const data = Buffer.from('FROM scratch\n');
const EMPTY: BuildDescription = {
  source: { filename: 'F', data },
  targets: [],
  target: { name: '', description: '' },
  args: [],
  secrets: [],
  ssh: [],
  warnings: [],
  error: undefined,
};
const answer = (request: string, description: Partial<BuildDescription>) => {
  const { 'result.json': json, ...rest } = subrequestAnswer(request, { ...EMPTY, ...description });
  return [JSON.parse(String(json)), Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)]))];
};

test('answers are as buildx reads them', () => {
  const sources = [{ filename: 'F', data: data.toString('base64'), language: 'Dockerfile' }];
  assert.deepEqual(answer('frontend.lint', {}), [{ warnings: [], sources }, { version: '1.0.0' }]);
  assert.deepEqual(answer('frontend.lint', { warnings: [{ rule: 'R', description: 'd', url: 'u', detail: 't', ranges }], error: { message: 'no', ranges } }), [
    { warnings: [{ ruleName: 'R', description: 'd', url: 'u', detail: 't', location }], sources, buildError: { message: 'no', location } },
    { version: '1.0.0', 'result.statuscode': '1' },
  ]);
  assert.deepEqual(
    answer('frontend.outline', {
      target: { name: 't', description: 'x' },
      args: [{ name: 'A', value: '', description: '', ranges }],
      secrets: [{ name: 's', required: true, ranges }],
    })[0],
    {
      name: 't',
      description: 'x',
      args: [{ name: 'A', location }],
      secrets: [{ name: 's', required: true, location }],
      ssh: [],
      sources: [data.toString('base64')],
    },
  );
  assert.deepEqual(answer('frontend.targets', { targets: [{ name: '', base: 'b', platform: '', description: '', default: true, ranges }] })[0], {
    targets: [{ default: true, base: 'b', location }],
    sources: [data.toString('base64')],
  });
});

test('what is not known is refused', () => {
  for (const request of ['frontend.other', '__proto__', '']) assert.throws(() => descriptionFor(request), { kind: 'invalid' });
});
