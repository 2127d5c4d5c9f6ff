/** A step's line as the progress shows it. */
import { expand } from './expand.ts';
import type { StageState } from './stage-state.ts';

/** The keyword in upper case, the variables expanded; what cannot be expanded stays as it is. */
export function expandedTitle(stage: StageState, source: string, hidden: readonly string[] = [], asWritten = false): string {
  const env = hidden.length === 0 ? stage.env : new Map([...stage.env, ...hidden.map((name): [string, string] => [name, '****'])]);
  let text = source;
  try {
    text = expand(source, env, { escape: stage.context.dockerfile.escape, rawQuotes: asWritten, keepUnset: asWritten }).text;
  } catch {
    // as it is written
  }
  const space = text.indexOf(' ');
  return space === -1 ? text.toUpperCase() : text.slice(0, space).toUpperCase() + text.slice(space);
}
