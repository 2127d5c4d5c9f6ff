import assert from 'node:assert/strict';
import { EngineError } from '../../src/base/errors.ts';

/** What the work fails with: an `EngineError`, or the test fails. */
export async function failure(work: Promise<unknown>): Promise<EngineError> {
  const error = await work.then(
    () => assert.fail('it succeeded'),
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof EngineError, String(error));
  return error;
}
