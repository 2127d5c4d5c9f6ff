/** What somebody may have meant who mistyped a word: the nearest one, at most two edits away. */

const NEAR = 3;
/** Longer words are no typing errors; keeps hostile input from costing anything. */
const MAX_WORD = 256;

/** The nearest of `options`; empty where none is near, or where one is the word itself. The first of equals. */
export function nearest(word: string, options: Iterable<string>, caseSensitive = true): string {
  const typed = caseSensitive ? word : word.toLowerCase();
  let best = NEAR;
  let match = '';
  for (const option of options) {
    const other = caseSensitive ? option : option.toLowerCase();
    if (typed === other) return '';
    const distance = edits(typed, other);
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

/** Levenshtein's distance; `NEAR` for anything that far or farther by length alone. */
function edits(a: string, b: string): number {
  if (Math.abs(a.length - b.length) >= NEAR || a.length > MAX_WORD) return NEAR;
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) row.push(Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    above = row;
  }
  return above[b.length]!;
}
