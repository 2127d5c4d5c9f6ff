/** What the language says of files that are left out, as functions of their paths. */
import { IgnorePatterns } from '../build/ignore/patterns.ts';
import { readIgnoreFile } from '../build/ignore/ignore-file.ts';

/** Of a .dockerignore; none where there is none. */
export function ignoredPatterns(text: string | undefined): readonly string[] {
  return text === undefined ? [] : readIgnoreFile(text);
}

/** Whether a path, without a slash in front, is left out; undefined where nothing is. Throws `invalid` for a malformed pattern. */
export function pathMatcher(patterns: readonly string[]): ((path: string) => boolean) | undefined {
  if (patterns.length === 0) return undefined;
  const known = new IgnorePatterns(patterns);
  return (path) => known.matches(path);
}
