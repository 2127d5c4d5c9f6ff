/** What somebody may have meant who mistyped a word: the nearest one, at most two edits away. */
import { editDistance, NEAR_EDITS } from '../../base/edit-distance.ts';

/** Longer words are no typing errors; keeps hostile input from costing anything. */
const MAX_WORD = 256;

/** The nearest of `options`; empty where none is near, or where one is the word itself. The first of equals. */
export function nearest(word: string, options: Iterable<string>, caseSensitive = true): string {
  const typed = caseSensitive ? word : word.toLowerCase();
  if (typed.length > MAX_WORD) return '';
  let best = NEAR_EDITS + 1;
  let match = '';
  for (const option of options) {
    const other = caseSensitive ? option : option.toLowerCase();
    if (typed === other) return '';
    const distance = editDistance(typed, other);
    if (distance >= best) continue;
    best = distance;
    match = caseSensitive ? option : likeCased(other, word);
  }
  return match;
}

/** `message`, with ` (did you mean …?)` where a word is near. */
export function withSuggestion(message: string, word: string, options: Iterable<string>, caseSensitive = true): string {
  const match = nearest(word, options, caseSensitive);
  return match === '' ? message : `${message} (did you mean ${match}?)`;
}

function likeCased(word: string, model: string): string {
  if (model === model.toLowerCase()) return word.toLowerCase();
  return model === model.toUpperCase() ? word.toUpperCase() : word;
}
