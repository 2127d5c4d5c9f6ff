/** What is wrong with a Dockerfile, and the lines of it that say so. */
import { EngineError } from '../../base/errors.ts';
import type { SourceRange } from './ast.ts';

/** The detail of every error that a line of the Dockerfile causes. */
export interface DockerfileFailure {
  readonly location: readonly SourceRange[];
  /** Further places, each quoted by itself after that one. */
  readonly more?: readonly (readonly SourceRange[])[];
}

/** `invalid`, not yet placed: `placed` adds where it is. */
export function wrong(message: string): EngineError<DockerfileFailure> {
  return new EngineError<DockerfileFailure>('invalid', message);
}

/** `invalid`, at its place. */
export function wrongAt(location: readonly SourceRange[], message: string, more: readonly (readonly SourceRange[])[] = []): EngineError<DockerfileFailure> {
  return new EngineError<DockerfileFailure>('invalid', message, { detail: { location, ...(more.length === 0 ? {} : { more }) } });
}

/** Runs `body`; an error of it that has no place yet gets this one, and `prefix` before its message. */
export function placed<T>(location: readonly SourceRange[], body: () => T, prefix = ''): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof EngineError) || locationOf(error) !== undefined) throw error;
    throw new EngineError<DockerfileFailure>(error.kind, prefix + error.message, {
      detail: { location },
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

/** Where an error points to; undefined where it points nowhere. */
export function locationOf(error: unknown): readonly SourceRange[] | undefined {
  if (!(error instanceof EngineError)) return undefined;
  const detail: unknown = error.detail;
  if (typeof detail !== 'object' || detail === null || !('location' in detail)) return undefined;
  return (detail as DockerfileFailure).location;
}

/** All places that an error points to, in the order in which they are quoted. */
export function placesOf(error: unknown): readonly (readonly SourceRange[])[] {
  const location = locationOf(error);
  if (location === undefined) return [];
  const { more = [] } = (error as EngineError<DockerfileFailure>).detail!;
  return [location, ...more];
}

/**
 * The lines around a place, those of it marked, as BuildKit's client prints them after an error or a warning (with a
 * line end). Empty for a place outside the text.
 */
export function quoteSource(filename: string, text: string, location: readonly SourceRange[]): string {
  if (location.length === 0) return '';
  const lines = text.split('\n');
  let start = Math.min(...location.map((range) => range.start));
  let end = Math.max(...location.map((range) => Math.max(range.start, range.end)));
  if (start < 1 || start > lines.length) return '';
  end = Math.min(end, lines.length);
  const first = start;
  const margin = end === start ? 4 : 2;
  for (let given = 0; given < margin; given++) {
    if (start > 1) {
      start--;
      given++;
    }
    if (end < lines.length) {
      end++;
      given++;
    }
  }
  const rule = '--------------------\n';
  let out = `${filename}:${first}\n${rule}`;
  for (let line = start; line <= end; line++) {
    const marked = location.some((range) => line >= range.start && line <= Math.max(range.start, range.end));
    out += ` ${String(line).padStart(3)} | ${marked ? '>>>' : '   '} ${lines[line - 1]}\n`;
  }
  return out + rule;
}
