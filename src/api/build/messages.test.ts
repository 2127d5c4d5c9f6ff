import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../base/errors.ts';
import { classicError, classicLines, isBegun, resultLines } from './messages.ts';

const ID = `sha256:${'ab'.repeat(32)}` as const;

test('events as clients of the older builder read them', () => {
  const lines = [
    ...classicLines({ kind: 'step', number: 2, total: 5, text: 'RUN make' }),
    ...classicLines({ kind: 'log', vertex: ID, stream: 1, data: Buffer.from('out\n'), timestamp: 0 }),
    ...classicLines({ kind: 'log', vertex: ID, stream: 2, data: Buffer.from('err\n'), timestamp: 0 }),
    ...classicLines({ kind: 'stepped', id: ID, cached: true }),
    ...classicLines({ kind: 'vertex', digest: ID, name: 'RUN make', inputs: [] }),
  ];
  const texts = ['Step 2/5 : RUN make', '\n', 'out\n', '\u001b[91merr\n\u001b[0m', ' ---> Using cache\n', ' ---> abababababab\n'];
  assert.deepEqual(
    lines.map(({ stream }) => stream),
    texts,
  );
  const result = { imageId: ID, metadata: {}, warnings: ['a warning'] };
  assert.deepEqual(resultLines(result, ['a:1'], true), [{ stream: `${ID}\n` }]);
  assert.deepEqual(resultLines(result, ['a:1'], false), [
    { aux: { ID } },
    { stream: 'a warning\n' },
    { stream: 'Successfully built abababababab\n' },
    { stream: 'Successfully tagged a:1\n' },
  ]);
});

test('failures in the older builder’s words', () => {
  const failed = new EngineError('invalid', 'process …', { detail: { exitCode: 3, command: '/bin/sh -c x' } });
  const text = "The command '/bin/sh -c x' returned a non-zero code: 3";
  assert.deepEqual(classicError(failed), { errorDetail: { code: 3, message: text }, error: text });
  assert.match(
    classicError(new EngineError('invalid', '', { detail: { notStarted: 'no program' } })).error!,
    /^failed to create task for container: .*: no program$/,
  );
  assert.deepEqual(classicError(new Error('other')), { errorDetail: { message: 'other' }, error: 'other' });
  const source = { filename: 'Dockerfile', data: Buffer.from('') };
  assert.equal(isBegun(new EngineError('invalid', '', { detail: { source } })), true);
  assert.equal(isBegun(new EngineError('invalid', '', { detail: { source, unreadable: true } })), false);
  assert.equal(isBegun(failed), false);
});
