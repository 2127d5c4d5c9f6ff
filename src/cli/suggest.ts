/** What somebody may have meant who mistyped a word. */
import { editDistance, NEAR_EDITS } from '../base/edit-distance.ts';

/** The words that `typed` is the beginning of, or at most two edits away from; the nearest first. */
export function suggestions(typed: string, words: readonly string[]): string[] {
  if (typed === '') return [];
  const low = typed.toLowerCase();
  return words
    .map((word) => ({ word, distance: word.toLowerCase().startsWith(low) ? 0 : editDistance(low, word.toLowerCase()) }))
    .filter(({ distance }) => distance <= NEAR_EDITS)
    .toSorted((a, b) => a.distance - b.distance)
    .map(({ word }) => word);
}
