import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError, type ErrorKind } from '../base/errors.ts';
import { errorBody, faultText, statusOf } from './errors.ts';

test('each kind has its status, and only faults have something for the log', () => {
  const kinds: Readonly<Record<ErrorKind, number>> = {
    'not-found': 404,
    conflict: 409,
    invalid: 400,
    denied: 403,
    unavailable: 503,
    exhausted: 500,
    cancelled: 500,
    internal: 500,
  };
  for (const [kind, status] of Object.entries(kinds)) {
    const error = new EngineError(kind as ErrorKind, 'some message');
    assert.equal(statusOf(error), status, kind);
    assert.deepEqual(errorBody(error), { message: 'some message' });
    assert.equal(faultText(error) === undefined, kind !== 'internal', kind);
  }
  assert.equal(statusOf(new TypeError('x')), 500);
  assert.match(faultText(new TypeError('x is not a function'))!, /^TypeError: x is not a function\n\s+at /);
  assert.equal(statusOf('text'), 500);
  assert.deepEqual(errorBody('text'), { message: 'text' });
});
