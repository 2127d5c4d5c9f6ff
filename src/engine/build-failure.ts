/** Failures that are about lines of a Dockerfile. */
import { EngineError } from '../base/errors.ts';
import type { BuildFailureDetail, SourceFile, SourceRange } from '../build/contract.ts';
import { placesOf } from '../build/dockerfile/failure.ts';
import { classicFileText } from './build-words.ts';

/** What is wrong with the text is said with its place. */
export function inFile<T>(source: SourceFile, work: () => T, { unreadable = false, classic = false } = {}): T {
  try {
    return work();
  } catch (error) {
    const [location = [], ...more] = placesOf(error);
    if (!(error instanceof EngineError) || (placesOf(error).length === 0 && !unreadable)) throw error;
    throw failure(error, classic ? classicFileText(error.message, unreadable) : error.message, source, rangesOf(location), {
      more: more.map(rangesOf),
      unreadable,
    });
  }
}

export function failure(
  error: EngineError,
  message: string,
  source: SourceFile,
  ranges: readonly SourceRange[],
  { more = [], unreadable = false }: { readonly more?: readonly (readonly SourceRange[])[]; readonly unreadable?: boolean } = {},
): EngineError<BuildFailureDetail> {
  const { kind, hint } = error;
  return new EngineError(kind, message, {
    detail: { source, ranges, ...(more.length > 0 ? { more } : {}), ...(unreadable ? { unreadable } : {}) },
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

export function rangesOf(location: readonly { readonly start: number; readonly end: number }[]): SourceRange[] {
  return location.map(({ start, end }) => ({ start: { line: start, character: 0 }, end: { line: end, character: 0 } }));
}
