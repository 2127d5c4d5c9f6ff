/** Failures that are about lines of a Dockerfile. */
import { EngineError } from '../base/errors.ts';
import type { BuildFailureDetail, SourceFile, SourceRange } from '../build/contract.ts';
import { locationOf } from '../build/dockerfile/failure.ts';

/** What is wrong with the text is said with its place. */
export function inFile<T>(source: SourceFile, work: () => T, { unreadable = false, classic = false } = {}): T {
  try {
    return work();
  } catch (error) {
    const location = locationOf(error);
    if (!(error instanceof EngineError) || (location === undefined && !unreadable)) throw error;
    const plain = classic && !error.message.startsWith('dockerfile parse error');
    throw failure(error, plain && unreadable ? `failed to parse Dockerfile: ${error.message}` : error.message, source, rangesOf(location ?? []), unreadable);
  }
}

export function failure(
  error: EngineError,
  message: string,
  source: SourceFile,
  ranges: readonly SourceRange[],
  unreadable = false,
): EngineError<BuildFailureDetail> {
  const { kind, hint } = error;
  return new EngineError(kind, message, {
    detail: { source, ranges, ...(unreadable ? { unreadable } : {}) },
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

export function rangesOf(location: readonly { readonly start: number; readonly end: number }[]): SourceRange[] {
  return location.map(({ start, end }) => ({ start: { line: start, character: 0 }, end: { line: end, character: 0 } }));
}
