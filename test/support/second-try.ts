/**
 * A test that failed among hundreds of others, on a machine that others use, is tried once more, its file alone. What passes
 * then is neither a pass nor a failure but `unsteady`: told with its reason and counted for itself, a fault to be looked for.
 */
import type { TallyLine } from './tally.ts';

/** More files than this do not fail by chance. */
export const MOST_FILES = 3;

/** The files to run again; none where something failed that is not a test, or where too much did. */
export function filesToRetry(lines: readonly TallyLine[]): string[] {
  const failed = lines.filter(({ result }) => result === 'failed');
  const files = new Set(failed.map(({ file }) => file));
  return files.has('') || files.size > MOST_FILES ? [] : [...files];
}

/** `first`, where what became of `file` is what `again` says. What failed at first and not again is unsteady, with its first reason. */
export function withSecondTry(first: readonly TallyLine[], file: string, again: readonly TallyLine[]): TallyLine[] {
  // a file that could not be loaded, or whose runner died, says nothing of its tests
  if (again.length === 0 || again.some(({ result }) => result === 'failed')) return [...first];
  const failed = first.filter((line) => line.file === file && line.result === 'failed');
  const unsteady = new Map(failed.map((line) => [line.name, { ...line, result: 'unsteady' as const }]));
  const others = again.filter(({ name }) => !unsteady.has(name));
  return [...first.filter((line) => line.file !== file), ...others, ...unsteady.values()];
}
