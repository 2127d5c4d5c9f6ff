/** What somebody may have meant who mistyped a word. */

/** So many letters may be wrong, as with docker's library (cobra). */
const DISTANCE = 2;

/** The words that `typed` is the beginning of, or at most two edits away from; the nearest first. */
export function suggestions(typed: string, words: readonly string[]): string[] {
  if (typed === '') return [];
  const low = typed.toLowerCase();
  return words
    .map((word) => ({ word, distance: word.toLowerCase().startsWith(low) ? 0 : editDistance(low, word.toLowerCase()) }))
    .filter(({ distance }) => distance <= DISTANCE)
    .toSorted((a, b) => a.distance - b.distance)
    .map(({ word }) => word);
}

/** How many letters must be put in, left out or changed (Levenshtein). More than `DISTANCE` may come out as any such number. */
export function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > DISTANCE) return DISTANCE + 1;
  let above = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) row.push(Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    above = row;
  }
  return above[b.length]!;
}
