import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import { failureOf } from './failure.ts';
import { codec, type Message } from './messages.ts';

test('a build that failed is Unknown, with what clients quote', () => {
  const range = { start: { line: 3, character: 0 }, end: { line: 3, character: 0 } };
  const detail = { source: { filename: 'Dockerfile', data: Buffer.from('text') }, ranges: [range], vertex: 'sha256:aa', exitCode: 7 };
  const { code, message, status } = failureOf(new EngineError('not-found', 'no', { detail }));
  assert.deepEqual([code, message], [2, 'no']);
  const decoded = codec('google.RpcStatus').decode(status!);
  const details = (decoded['details'] as Message[]).map((each): unknown => [each['type_url'], JSON.parse(String(each['value']))]);
  assert.deepEqual(details, [
    ['github.com/moby/buildkit/errdefs.Source+json', { info: { filename: 'Dockerfile', data: 'dGV4dA==', language: 'Dockerfile' }, ranges: [range] }],
    ['github.com/moby/buildkit/errdefs.Vertex+json', { digest: 'sha256:aa' }],
    ['github.com/moby/buildkit/gatewayapi.ExitMessage+json', { Code: 7 }],
  ]);
});

test('each further place is quoted by itself', () => {
  const [first, second] = [1, 2].map((line) => ({ start: { line, character: 0 }, end: { line, character: 0 } }));
  const detail = { source: { filename: 'Dockerfile', data: Buffer.from('') }, ranges: [first], more: [[second]] };
  const { details } = codec('google.RpcStatus').decode(failureOf(new EngineError('invalid', 'no', { detail })).status!);
  const places = (details as Message[]).map((each) => (JSON.parse(String(each['value'])) as { ranges: unknown }).ranges);
  assert.deepEqual(places, [[first], [second]]);
});

test('what was cancelled is said to be, and other failures have no details', () => {
  assert.deepEqual(failureOf(new EngineError('cancelled', 'context canceled')), { code: 1, message: 'context canceled', status: undefined });
  assert.deepEqual(failureOf(new Error('x')), { code: 2, message: 'x', status: undefined });
});
