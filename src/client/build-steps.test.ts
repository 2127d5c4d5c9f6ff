import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildEvent } from '../engine/builds-contract.ts';
import { BuildSteps } from './build-steps.ts';

test('the older builder’s lines become steps with what they say', () => {
  const events: BuildEvent[] = [];
  const steps = new BuildSteps((event) => void events.push(event));
  const stream = [
    'pulling\n',
    'Step 1/3 : FROM busybox',
    '\n',
    ' ---> 0123456789ab\n',
    'Step 2/3 : RUN a',
    '\n',
    ' ---> Using cache\n',
    ' ---> 0123456789ab\n',
  ];
  for (const text of [...stream, 'Step 3/3 : RUN b', '\n', 'hello\n', ' ---> 0123456789ab\n', 'Successfully built 0123456789ab\n']) steps.said(text);
  const told = events.map((event) => {
    if (event.kind === 'log') return `log ${event.data.toString().trim()}`;
    return event.kind === 'vertex' ? `${event.name}${event.completed === undefined ? ' begins' : event.cached === true ? ' cached' : ' ends'}` : event.kind;
  });
  assert.deepEqual(told, [
    'log pulling',
    '[1/3] FROM busybox begins',
    '[1/3] FROM busybox ends',
    '[2/3] RUN a begins',
    '[2/3] RUN a cached',
    '[3/3] RUN b begins',
    'log hello',
    '[3/3] RUN b ends',
    'log Successfully built 0123456789ab',
  ]);
  const of = (name: string) => events.flatMap((event) => (event.kind === 'vertex' && event.name === name ? event.digest : []));
  const said = events.find((event) => event.kind === 'log' && event.data.toString() === 'hello\n');
  assert.deepEqual([said?.kind === 'log' && said.vertex], [of('[3/3] RUN b')[0]]);
});

test('the step that was at work has failed', () => {
  const events: BuildEvent[] = [];
  const steps = new BuildSteps((event) => void events.push(event));
  steps.said('Step 1/1 : RUN false\n');
  steps.end('it failed');
  steps.end('twice');
  const [, last] = events;
  assert.deepEqual([events.length, last?.kind === 'vertex' && last.error], [2, 'it failed']);
});
