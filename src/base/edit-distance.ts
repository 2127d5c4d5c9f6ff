/** So many letters may be wrong in a word that somebody mistyped, as with docker's library (cobra) and BuildKit. */
export const NEAR_EDITS = 2;

/** How many letters must be put in, left out or changed (Levenshtein). More than `NEAR_EDITS` may come out as any such number. */
export function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > NEAR_EDITS) return NEAR_EDITS + 1;
  let above = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) row.push(Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    above = row;
  }
  return above[b.length]!;
}
